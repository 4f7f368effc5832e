import type { CaptureResponse, SensorResult } from '../wire/http/capture_response.ts';
import type { FilterFields } from '../wire/http/filter_schema.ts';
import { captureSum } from './capture_sum.ts';
import { bytesText, countText, durationText, momentText, plainText } from './human.ts';
import { textTable } from './text_table.ts';

/** A capture's filter on one line; `all packets` when there is none. */
export function filterText(filter: FilterFields, expression?: string): string {
  const { source_address, destination_address, source_port, destination_port, protocol } = filter;
  const words = [
    source_address === undefined ? [] : [`src ${source_address}`],
    destination_address === undefined ? [] : [`dst ${destination_address}`],
    source_port === undefined ? [] : [`src port ${source_port}`],
    destination_port === undefined ? [] : [`dst port ${destination_port}`],
    protocol === undefined ? [] : [`protocol ${protocol}`],
    expression === undefined ? [] : [`(${expression})`],
  ].flat();
  return words.length === 0 ? 'all packets' : plainText(words.join(' and '));
}

/** Everything about a capture, for people. */
export function captureText(capture: CaptureResponse): string {
  const { packets, bytes, dropped } = captureSum(capture);
  const limits = [
    durationText(capture.time_limit),
    capture.packet_limit === undefined ? [] : [`${countText(capture.packet_limit)} packets`],
    capture.type === 'simple' || capture.byte_limit === undefined ? [] : [bytesText(capture.byte_limit)],
  ].flat();
  const losses = dropped === undefined ? '' : `, ${lossText(dropped, capture.packets_dropped_is_upper_bound)} dropped`;
  const size = bytes === undefined ? '' : ` (${bytesText(bytes)})`;
  const rows: (readonly [string, string | undefined])[] = [
    ['Capture', capture.id],
    ['Kind', `${capture.type}, ${capture.format}`],
    ['Status', capture.status],
    ['Submitted', momentText(capture.submitted)],
    ['Limits', limits.join(', ')],
    ['Filter', filterText(capture.filter_v1, capture.filter_expression)],
    ...ownRows(capture),
    ['Packets', packets === undefined ? undefined : `${countText(packets)}${size}${losses}`],
  ];
  const lines = rows
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(11)}${plainText(value ?? '')}\n`);
  const sensors = capture.sensors ?? [];
  return lines.join('') + (sensors.length === 0 ? '' : `\n${sensorTable(sensors)}`);
}

function ownRows(capture: CaptureResponse): (readonly [string, string | undefined])[] {
  if (capture.type === 'simple') {
    const { sample_rate: rate, packets_estimated: estimated } = capture;
    const { packets } = captureSum(capture);
    const sampled = rate === undefined || rate === 1 ? undefined : `1 in ${countText(rate)}`;
    return [
      ['Matched', capture.match_inner === true ? 'inner packets too' : undefined],
      ['Back from', momentText(capture.offset_time)],
      ['Sampled', sampled],
      [
        'Estimated',
        estimated === undefined || (sampled === undefined && estimated === packets)
          ? undefined
          : `${countText(estimated)} packets passed`,
      ],
      ['Cut', reachText(capture)],
      ['Problem', capture.error_message],
    ];
  }
  return [
    ['Site', capture.colo_name],
    ['Bucket', capture.destination_conf],
    ['Looks back', capture.lookback === undefined ? undefined : lookbackText(capture.lookback, capture.packets_past)],
    ['Stopped', capture.stop_requested === undefined ? undefined : momentText(capture.stop_requested)],
    ['Problem', capture.error_message],
  ];
}

/** How far back a look-back reaches that its limit has cut; undefined where it has not. */
export function reachText(capture: CaptureResponse): string | undefined {
  if (capture.type !== 'simple' || capture.truncated !== true) return undefined;
  const { oldest_packet: oldest, packets_estimated: estimated } = capture;
  const matching = estimated === undefined ? '' : ` of about ${countText(estimated)} that match`;
  const reach = oldest === undefined ? '' : `; it reaches back to ${momentText(oldest)}`;
  return `the newest ${countText(capture.packet_limit)} packets${matching}${reach}`;
}

function lookbackText(seconds: number, packets: number | undefined): string {
  return durationText(seconds) + (packets === undefined ? '' : `, ${countText(packets)} sampled packets`);
}

/** The samples of one interface that a full capture begins with, in a few words. */
function pastNote({ past }: SensorResult): string | undefined {
  if (past === undefined) return undefined;
  if (past.error !== undefined) return `before: ${past.error}`;
  const rate = past.sample_rate === undefined || past.sample_rate === 1 ? '' : `, 1 in ${countText(past.sample_rate)}`;
  const older = past.truncated === true ? ', the newest' : '';
  const coverage = past.coverage === undefined ? '' : `; ${past.coverage}`;
  return `before: ${countText(past.packets ?? 0)} packets${rate}${older}${coverage}`;
}

/** A number of lost packets: a bound is told as one. */
function lossText(dropped: number, is_upper_bound: boolean | undefined): string {
  return is_upper_bound === true && dropped > 0 ? `at most ${countText(dropped)}` : countText(dropped);
}

/** What a full capture's part lacks. Of a look-back the coverage says that, and `Problem` all. */
function missingNote({ missing, coverage }: SensorResult): string | undefined {
  return coverage === undefined ? missing : undefined;
}

function sensorTable(sensors: readonly SensorResult[]): string {
  const rows = sensors.map((part) => [
    plainText(part.name),
    plainText(part.interface),
    plainText(part.colo),
    part.status,
    part.packets === undefined ? '-' : countText(part.packets),
    part.bytes === undefined ? '-' : bytesText(part.bytes),
    part.dropped === undefined ? '-' : lossText(part.dropped, part.dropped_is_upper_bound),
    plainText(
      [part.stop_reason, part.error, missingNote(part), part.coverage, part.note, pastNote(part)]
        .filter((text) => text !== undefined)
        .join('; '),
    ),
  ]);
  return textTable(['SENSOR', 'INTERFACE', 'SITE', 'STATUS', 'PACKETS', 'BYTES', 'DROPPED', 'NOTE'], rows, [
    'PACKETS',
    'BYTES',
    'DROPPED',
  ]);
}
