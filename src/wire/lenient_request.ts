import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { FaultValue, InterfaceState, PartReport } from './bus_fields.ts';
import { checkMessage } from './check_message.ts';
import { SampleState, type SensorRequest } from './sensor_messages.ts';

const lists = {
  interfaces: Compile(InterfaceState),
  samples: Compile(SampleState),
  set_aside: Compile(FaultValue),
} as const;
const report = Compile(PartReport);
const names = Compile(Type.Pick(PartReport, ['capture_id', 'interface', 'sequence']));

/** What a report that is none says of whom it is about. */
export type ReportNames = Pick<PartReport, 'capture_id' | 'interface' | 'sequence'>;

/** What is wrong with a report; undefined where nothing is. */
export function wrongInReport(value: unknown): string | undefined {
  if (report.Check(value)) return undefined;
  const [first] = report.Errors(value);
  return first === undefined ? 'it has another shape' : `${first.instancePath || 'it'} ${first.message}`;
}

/** Whom a report is about, as far as that can be read. */
export function namesInReport(value: unknown): ReportNames | undefined {
  return names.Check(value) ? value : undefined;
}

/**
 * A sensor's request of which some element is wrong, without it: one bad interface, sample or fault keeps no other from being heard. Reports stay
 * as they came: whoever takes them checks each. Undefined where what is left is no request either; `dropped` hears of what was left out.
 */
export function lenientRequest(body: unknown, dropped: (what: string) => void): SensorRequest | undefined {
  if (typeof body !== 'object' || body === null || !('kind' in body)) return undefined;
  const fields: Record<string, unknown> = { ...body };
  if (body.kind === 'report' && Array.isArray(fields['reports'])) {
    // Their number is bounded, whatever they are.
    if (fields['reports'].length > 1024 || !checkMessage('SensorRequest', { ...fields, reports: [] })) return undefined;
    return fields as unknown as SensorRequest;
  }
  for (const [name, check] of Object.entries(lists)) {
    const list = fields[name];
    if (!Array.isArray(list)) continue;
    const good = list.filter((one: unknown) => check.Check(one));
    if (good.length < list.length) dropped(`${list.length - good.length} of its ${name}`);
    fields[name] = good;
  }
  return checkMessage('SensorRequest', fields) ? fields : undefined;
}
