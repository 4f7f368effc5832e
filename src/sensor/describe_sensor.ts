import type { CaptureEngine } from '../capture/capture_engine.ts';
import type { Spool } from '../capture/spool.ts';
import type { HostInterface } from '../libpcap/interfaces.ts';
import { type Fault, FaultError } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { SampleStore } from '../samples/sample_store.ts';
import type { InterfaceState } from '../wire/bus_fields.ts';
import type { Identity, Question } from './ask_control.ts';

/** What a heartbeat says beside the generation. */
export type SensorDescription = Omit<Extract<Question, { kind: 'heartbeat' }>, 'kind' | 'generation'>;

/** Says what a sensor is, each time anew. An interface's link type comes as soon as it could be opened once. */
export function describeSensor(parts: {
  readonly who: Identity;
  readonly engine: CaptureEngine;
  readonly spool: Spool;
  readonly samples: SampleStore;
  interfaces(): readonly HostInterface[];
  /** Are these all that there are, whatever comes? */
  readonly serves_all: boolean;
  /** What is to be sampled and is not, and why. */
  unsampled(): ReadonlyMap<string, Fault>;
  /** What is kept for a person to look at. */
  setAside(): readonly Fault[];
}): () => Promise<SensorDescription> {
  const { who, engine, spool, samples } = parts;
  return async () => {
    const { budget } = spool;
    const unsampled = parts.unsampled();
    return {
      colo: who.colo,
      interfaces: await Promise.all(parts.interfaces().map(async (port) => await interfaceState(engine, port))),
      rings_max: engine.rings_max,
      ...(parts.serves_all ? { serves_all: true } : {}),
      spool_used_bytes: BigInt(budget.used_bytes),
      spool_limit_bytes: BigInt(budget.limit_bytes),
      spool_shares: { used_percent: spool.most_percent, refused: spool.shares_refused },
      set_aside: toldOf(parts.setAside()),
      samples: [
        ...samples.status().interfaces.flatMap((one) => {
          const { sampling, oldest } = one;
          if (sampling === undefined) return [];
          const { name, code, message } = unsampled.get(one.interface) ?? sampling.fault ?? {};
          return [
            {
              interface: one.interface,
              rate: sampling.rate,
              packets: sampling.packets,
              dropped: sampling.dropped + sampling.lost,
              bytes: BigInt(one.bytes),
              ...(oldest === undefined ? {} : { oldest }),
              ...(name === undefined || code === undefined || message === undefined
                ? {}
                : { fault: { name, code, message } }),
            },
          ];
        }),
        ...unsampledStates(unsampled, samples),
      ],
    };
  };
}

/** As much of it as a heartbeat carries; the log has all. */
function toldOf(aside: readonly Fault[]): NonNullable<SensorDescription['set_aside']> {
  return aside
    .slice(0, limits.set_aside_told_max)
    .map(({ name, code, message }) => ({ name, code, message: message.slice(0, 4096) }));
}

/** Interfaces that are not sampled, in the place of what their samplers would say. */
function unsampledStates(unsampled: ReadonlyMap<string, Fault>, samples: SampleStore): SensorDescription['samples'] {
  const sampled = new Set(
    samples.status().interfaces.flatMap((one) => (one.sampling === undefined ? [] : one.interface)),
  );
  return [...unsampled].flatMap(([name, { name: kind, code, message }]) => {
    if (sampled.has(name)) return [];
    const nothing = { rate: 1, packets: 0n, dropped: 0n, bytes: 0n };
    return [{ interface: name, ...nothing, fault: { name: kind, code, message } }];
  });
}

async function interfaceState(engine: CaptureEngine, port: HostInterface): Promise<InterfaceState> {
  const state = { name: port.name, index: port.ifindex, up: port.up };
  try {
    return { ...state, linktype: await engine.probeLinktype(port) };
  } catch (error) {
    // Not permitted, or gone in this moment: said without it, and asked again at the next heartbeat.
    if (error instanceof FaultError) return state;
    throw error;
  }
}
