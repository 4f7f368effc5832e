import type { ControlBus } from '../../bus/bus.ts';
import { type Fault, FaultError, faultNamed } from '../../model/errors/fault.ts';
import type { InterfaceCoverage, LookbackRequest } from '../../wire/control_messages.ts';

/** Packets of one interface and link type, as whole pcap records. */
export interface AnsweredStream {
  readonly interface: string;
  readonly linktype: number;
  readonly records: readonly Uint8Array[];
}

/** What one sensor had to say. */
export type SensorAnswer =
  | {
      readonly kind: 'answered';
      readonly streams: readonly AnsweredStream[];
      readonly coverage: readonly InterfaceCoverage[];
      /** Its limit has kept out older packets that match, or may have. */
      readonly truncated: boolean;
      /** The sensor's wall clock less its monotonic one, in nanoseconds. */
      readonly clock_offset?: bigint;
    }
  | { readonly kind: 'silent' | 'refused'; readonly fault: Fault };

/** Asks one sensor, once. What it refuses or does not say is an answer too. */
export async function askSensor(
  bus: ControlBus,
  sensor: string,
  request: LookbackRequest,
  timeout_ms: number,
  signal: AbortSignal,
): Promise<SensorAnswer> {
  const streams = new Map<string, { interface: string; linktype: number; records: Uint8Array[] }>();
  try {
    for await (const reply of bus.lookback(sensor, request, { timeout_ms, signal })) {
      if (reply.kind === 'refused') return { kind: 'refused', fault: faultNamed(reply.fault) };
      if (reply.kind === 'end') {
        const { coverage, clock_offset, truncated = false } = reply;
        const clock = clock_offset === undefined ? {} : { clock_offset };
        return { kind: 'answered', streams: [...streams.values()], coverage, truncated, ...clock };
      }
      const { interface: name, linktype, records } = reply;
      const key = `${linktype} ${name}`;
      const stream = streams.get(key) ?? { interface: name, linktype, records: [] };
      stream.records.push(records);
      streams.set(key, stream);
    }
  } catch (error) {
    if (error instanceof FaultError) return { kind: 'silent', fault: error.faults[0] };
    throw error;
  }
  return {
    kind: 'silent',
    fault: faultNamed({ name: 'bus_closed', code: 1804, message: `${sensor} stopped answering` }),
  };
}
