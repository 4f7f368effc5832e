import type { EstimateResponse } from '../wire/http/estimate_response.ts';
import { bytesText, countText, durationText, momentText, plainText } from './human.ts';
import { textTable } from './text_table.ts';

/** An estimate, for people: the figures, the interfaces they come from, and who sends to whom. */
export function estimateText(estimate: EstimateResponse): string {
  const { sample_rate: rate, sensors, talkers } = estimate;
  const rows: (readonly [string, string | undefined])[] = [
    ['Estimate', `${estimate.type}, ${durationText(estimate.time_limit)}`],
    ['Observed', `${momentText(estimate.observed_from)} to ${momentText(estimate.observed_to)}`],
    ['Sampled', rate === undefined || rate === 1 ? undefined : `1 in ${countText(rate)}`],
    ['Matching', trafficText(estimate.packets_estimated, estimate.bytes_estimated, 'about ')],
    ['In the file', trafficText(estimate.packets, estimate.bytes, estimate.type === 'full' ? 'about ' : '')],
    ['Limits', limitsText(estimate)],
    ['Problem', estimate.error_message],
  ];
  const lines = rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(13)}${plainText(value ?? '')}\n`);
  return [
    lines.join(''),
    ...(sensors.length === 0 ? [] : [sensorTable(sensors)]),
    ...(talkers.length === 0 ? [] : [talkerTable(talkers)]),
  ].join('\n');
}

function trafficText(packets: number | undefined, bytes: number | undefined, about: string): string | undefined {
  if (packets === undefined) return undefined;
  return `${about}${countText(packets)} packets${bytes === undefined ? '' : ` (${bytesText(bytes)})`}`;
}

function limitsText(estimate: EstimateResponse): string | undefined {
  const { type, packets, time_to_packet_limit: by_packets, time_to_byte_limit: by_bytes } = estimate;
  if (packets === undefined) return undefined;
  const texts = [
    ...(by_packets === undefined
      ? []
      : [
          type === 'simple'
            ? `the newest reach back ${shortText(by_packets)}`
            : `packets after ${shortText(by_packets)}`,
        ]),
    ...(by_bytes === undefined ? [] : [`bytes after ${shortText(by_bytes)}`]),
  ];
  return texts.length === 0 ? 'none is reached' : texts.join(', ');
}

/** A duration, also one of less than seconds: `0.25 s`, `5 min`. */
function shortText(seconds: number): string {
  return seconds < 10 ? `${Number(seconds.toPrecision(2))} s` : durationText(seconds);
}

function sensorTable(sensors: EstimateResponse['sensors']): string {
  const rows = sensors.map((one) => [
    plainText(one.name),
    plainText(one.interface),
    plainText(one.colo),
    one.status,
    one.packets === undefined ? '-' : countText(one.packets),
    one.packets_estimated === undefined ? '-' : countText(one.packets_estimated),
    one.bytes_estimated === undefined ? '-' : bytesText(one.bytes_estimated),
    plainText([one.error, one.coverage].filter((text) => text !== undefined).join('; ')),
  ]);
  return textTable(['SENSOR', 'INTERFACE', 'SITE', 'STATUS', 'SAMPLES', 'PACKETS', 'BYTES', 'NOTE'], rows, [
    'SAMPLES',
    'PACKETS',
    'BYTES',
  ]);
}

function talkerTable(talkers: EstimateResponse['talkers']): string {
  const rows = talkers.map((one) => [
    plainText(one.source),
    plainText(one.destination),
    countText(one.packets_estimated),
    bytesText(one.bytes_estimated),
  ]);
  return textTable(['SOURCE', 'DESTINATION', 'PACKETS', 'BYTES'], rows, ['PACKETS', 'BYTES']);
}
