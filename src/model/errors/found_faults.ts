/** Codes 1880 to 1889: what is found to be another than the database says. */
export const foundFaults = {
  file_unclaimed: {
    code: 1880,
    status: 500,
    retry: 'no',
    text: 'The database does not know {path}, which is complete: rows of the database are lost, or the file is of somebody else. It is kept. Put back the database that knows it, or stop edgetap and move the file away.',
  },
  sensor_name_held: {
    code: 1881,
    status: 503,
    retry: 'soon',
    text: 'The name {sensor} is held by the sensor {holder}, which is at work: sensor {asker}, which calls itself so too, is refused, until that one has been silent for {limit_s} s or has said good-bye. Give each sensor a name (EDGETAP_SENSOR) and a data directory of its own.',
  },
} as const;
