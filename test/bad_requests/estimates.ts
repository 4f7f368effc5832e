import { type BadRequest, full, pcaps, simple } from './bad_request.ts';

const path = `${pcaps}/estimate`;
const estimate = (what: string, body: unknown, ...errors: BadRequest['errors']): BadRequest => ({
  what: `estimate: ${what}`,
  method: 'POST',
  path,
  body,
  status: 400,
  errors,
});
const { destination_conf: _, ...bucketless } = full;

/** Questions for estimates: what a create refuses, but for the bucket that is not needed. */
export const estimates: readonly BadRequest[] = [
  estimate('an empty object', {}, [1100, '/type'], [1100, '/system'], [1100, '/time_limit']),
  estimate('a list', [simple], [1106, '']),
  estimate('of another kind', { ...simple, type: 'estimate' }, [1104, '/type']),
  estimate('a simple one with a bucket', { ...simple, destination_conf: '{bucket}' }, [1101, '/destination_conf']),
  estimate('a full one without a site', { ...bucketless, colo_name: null }, [1100, '/colo_name']),
  estimate('an unknown site', { ...bucketless, colo_name: 'xyz99' }, [1108, '/colo_name']),
  estimate('an unknown field', { ...bucketless, observed: 10 }, [1101, '/observed']),
  estimate('a bucket that nobody added', { ...full, destination_conf: '{bucket}/x' }, [1109, '/destination_conf']),
  estimate('a bucket that is not proved', { ...full, destination_conf: '{pending_bucket}' }, [
    1110,
    '/destination_conf',
  ]),
  estimate("another account's bucket", { ...full, destination_conf: '{other_bucket}' }, [1109, '/destination_conf']),
  estimate('a bucket that is no URI', { ...full, destination_conf: 'ftp://x' }, [1201, '/destination_conf']),
  estimate('an expression that escapes', { ...bucketless, filter_expression: 'tcp) or (udp' }, [
    1308,
    '/filter_expression',
  ]),
  estimate('an offset in the future', { ...simple, offset_time: '2100-01-01T00:00:00Z' }, [1112, '/offset_time']),
  estimate(
    'everything at once',
    {
      type: 'full',
      system: 'x',
      time_limit: 86_401,
      packet_limit: 0,
      byte_limit: '1',
      colo_name: 'xyz99',
      destination_conf: '{other_bucket}',
      filter_v1: { source_port: -1 },
      filter_expression: 'host example.com',
      offset_time: 'now',
    },
    [1104, '/system'],
    [1103, '/time_limit'],
    [1103, '/packet_limit'],
    [1102, '/byte_limit'],
    [1101, '/offset_time'],
    [1301, '/filter_v1/source_port'],
    [1307, '/filter_expression'],
    [1108, '/colo_name'],
    [1109, '/destination_conf'],
  ),
  {
    what: 'estimate: JSON cut short',
    method: 'POST',
    path,
    headers: { authorization: 'Bearer {token}', 'content-type': 'application/json' },
    raw: '{"type":"simple"',
    status: 400,
    errors: [[1006, '']],
  },
  { what: 'estimate: by GET it is the id of a capture', method: 'GET', path, status: 404, errors: [[1003]] },
  { what: 'estimate: nothing to be changed', method: 'PUT', path, status: 405, errors: [[1005]] },
];
