import { type Fault, fault } from '../model/errors/fault.ts';
import type { FilterV1 } from '../model/filter_v1.ts';
import { ok, type Result, refused } from '../model/result.ts';
import { type Network, networkText, parseNetwork } from './address.ts';

/** The five fields as they came: of any type, and absent where they are `null` or the empty text. */
export type RawFilterV1 = { readonly [Field in keyof FilterV1]?: unknown };

/** The IP protocols whose ports a filter can name: TCP, UDP and SCTP. */
const protocols_with_ports: readonly number[] = [6, 17, 132];

/**
 * Checks the five exact fields of a filter and makes them canonical. Every fault comes at once, each with the JSON pointer
 * of its field below `pointer`.
 */
export function checkFilterV1(raw: RawFilterV1, pointer = '/filter_v1'): Result<FilterV1> {
  const faults: Fault[] = [];
  const report = (
    name: Parameters<typeof fault>[0],
    field: keyof FilterV1,
    params: Record<string, string> = {},
  ): void => {
    faults.push(fault(name, { field, ...params }, `${pointer}/${field}`));
  };
  const address = (field: 'source_address' | 'destination_address'): Network | undefined => {
    const value = raw[field];
    if (isAbsent(value)) return undefined;
    const network = typeof value === 'string' ? parseNetwork(value) : undefined;
    if (network === undefined) report('filter_address', field);
    return network;
  };
  const number = (field: 'source_port' | 'destination_port' | 'protocol', max: number): number | undefined => {
    const value = raw[field];
    if (isAbsent(value)) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value;
    report(field === 'protocol' ? 'filter_protocol' : 'filter_port', field);
    return undefined;
  };

  const source = address('source_address');
  const destination = address('destination_address');
  if (source !== undefined && destination !== undefined && source.family !== destination.family) {
    report('filter_family_mixed', 'destination_address', { family: `IPv${destination.family}` });
  }
  const ports = { source_port: number('source_port', 65_535), destination_port: number('destination_port', 65_535) };
  const protocol = number('protocol', 255);
  if (protocol !== undefined && !protocols_with_ports.includes(protocol)) {
    for (const field of ['source_port', 'destination_port'] as const) {
      if (ports[field] !== undefined) report('filter_port_protocol', field, { protocol: String(protocol) });
    }
  }

  const [first, ...more] = faults;
  if (first !== undefined) return refused(first, ...more);
  return ok({
    ...(source === undefined ? {} : { source_address: networkText(source) }),
    ...(destination === undefined ? {} : { destination_address: networkText(destination) }),
    ...(ports.source_port === undefined ? {} : { source_port: ports.source_port }),
    ...(ports.destination_port === undefined ? {} : { destination_port: ports.destination_port }),
    ...(protocol === undefined ? {} : { protocol }),
  });
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}
