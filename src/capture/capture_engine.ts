import { setImmediate as turn } from 'node:timers/promises';
import type { InterfaceChange } from '../libpcap/interface_changes.ts';
import type { HostInterface } from '../libpcap/interfaces.ts';
import { interfaceBytes } from '../libpcap/interface_traffic.ts';
import { OwnTrafficBoard } from '../libpcap/own_traffic.ts';
import { watchInterfaces } from '../libpcap/watch_interfaces.ts';
import { FaultError, raise } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import { Turns } from '../model/turns.ts';
import { captureRings } from './capture_rings.ts';
import type { ArmRequest, Part } from './part.ts';
import { type OpenOrder, PendingRing } from './pending_ring.ts';
import { RingBudget } from '../model/ring_budget.ts';
import type { RingSeat } from './ring_seat.ts';
import { RunningPart } from './running_part.ts';
import type { Spool, SpoolFile } from './spool.ts';
import { TrafficShares } from '../model/traffic_shares.ts';
import { WorkerPool } from './worker_pool.ts';
import type { FromRing, ToRing } from './worker_messages.ts';

const probe_ring_bytes = 1 << 20;
/** So many interfaces are looked at at one time, each in a thread and with a ring of its own for a moment. */
const probes_max = 2;
const default_memory_bytes = 1536 << 20;

/** How the engine works. */
export interface CaptureEngineOptions {
  readonly spool: Spool;
  /** Threads at most; the rings of all captures share them. 8 by default. */
  readonly workers_max?: number;
  /** Workers kept ready; 2 by default. */
  readonly workers_warm?: number;
  /** The largest ring; 64 MiB by default. */
  readonly ring_bytes?: number;
  /** Memory for all rings, and what is read out of them; 1,536 MiB by default. See `RingBudget`. */
  readonly memory_bytes?: number;
  /** How much of what makes rings larger one owner's captures may have, in hundredths; all of it by default. */
  readonly owner_percent?: number;
  /**
   * After this long a packet is handed over at the latest, and so long the end of a capture may take; 130 by default. The ring of
   * 64 MiB, which gives up at most one block of 256 KiB for each such time, then lasts for 33 s of few packets.
   */
  readonly block_timeout_ms?: number;
  /** See also what is addressed to others; on by default. */
  readonly promiscuous?: boolean;
  /** Traffic that no capture has; none by default. A change of it holds for captures that run after a second. */
  readonly own?: OwnTrafficBoard;
  /** Wall clock, in milliseconds, for the notes. */
  readonly now_ms?: () => number;
}

/** The ring of a capture that is still being prepared: deaf, until it is armed or given up. */
export interface OpenedRing {
  /** The LINKTYPE_ number of the interface's packets: what the filter must be compiled for. Throws as `arm` does. */
  linktype(): Promise<number>;
  /**
   * As the engine's `arm`, once. `ready` is asked when nothing is left to do but to hear: it captures once that resolves. What it throws is
   * thrown.
   */
  arm(request: Omit<ArmRequest, 'interface' | 'snaplen_bytes'>, ready?: () => Promise<void>): Promise<Part>;
  /** Closes it and gives the worker back; nothing once it was armed. Who opens a ring and does not arm it must call this. */
  giveUp(): void;
}

/** Captures interfaces into the spool. */
export interface CaptureEngine {
  /** The LINKTYPE_ number of an interface's packets: what its filter must be compiled for. */
  probeLinktype(of: HostInterface): Promise<number>;
  /**
   * Begins to make a ring on an interface, which takes long, while its caller prepares the rest. Returns at once. `among`: the
   * names of all interfaces of the capture, which share what memory it may take. `owner`: whose share of the memory it takes.
   *
   * @throws FaultError `capture_ended` where the engine is closed
   */
  open(of: HostInterface, snaplen_bytes: number, among?: readonly string[], owner?: string): OpenedRing;
  /**
   * Begins to capture; resolves when packets are surely captured.
   *
   * @throws FaultError `interface_unknown`, `interface_changed`, `capture_denied`, `capture_open_failed`,
   * `filter_attach_failed`, `spool_full`, `spool_write_failed`, `workers_exhausted`, `capture_ended`, `libpcap_missing`.
   */
  arm(request: ArmRequest): Promise<Part>;
  /** Ends all parts with a reason, and the workers. Resolves when every part is on the disk. */
  close(reason: StopReason): Promise<void>;
  /** So many rings can be there at one time: one for each interface of each capture. */
  readonly rings_max: number;
  /** So many are there now, with those that the kernel has not taken back yet. */
  readonly rings: number;
}

/** Starts an engine with its workers ready. */
export async function createCaptureEngine(options: CaptureEngineOptions): Promise<CaptureEngine> {
  const { spool, workers_max = 8, workers_warm = 2 } = options;
  const memory = new RingBudget(options.memory_bytes ?? default_memory_bytes, captureRings, options.owner_percent);
  const { own = new OwnTrafficBoard() } = options;
  const pool = new WorkerPool({ workers_max, workers_warm, memory, budget: spool.budget, own });
  const traffic = new TrafficShares();
  /** Rings that are neither armed nor given up yet. */
  const pending = new Set<PendingRing>();
  const running = new Set<RunningPart>();
  const linktypes = new Map<string, number>();
  const probes = new Turns(probes_max);
  const now_ms = options.now_ms ?? Date.now;
  const onChange = (change: InterfaceChange): void => {
    for (const part of running) part.interfaceChanged(change, now_ms());
  };
  const watch = watchInterfaces({ onChange });
  const counting = setInterval(() => {
    traffic.look(interfaceBytes());
    for (const part of running) part.lookAround(watch.interfaces);
  }, 1000).unref();
  let closing: StopReason | undefined;
  /** What has taken a worker and is not running yet. */
  const beginning = new Set<Promise<unknown>>();
  // One that cannot be started now is started when it is needed, and what needs it says so.
  await pool.warm().catch(unlessFault);

  const begin = async <Begun>(work: () => Promise<Begun>): Promise<Begun> => {
    if (closing !== undefined) raise('capture_ended');
    const begun = work();
    beginning.add(begun);
    try {
      return await begun;
    } finally {
      beginning.delete(begun);
    }
  };

  const openOrder = (of: HostInterface, snaplen_bytes: number): OpenOrder => ({
    interface: of,
    snaplen_bytes,
    block_timeout_ms: options.block_timeout_ms ?? 130,
    promiscuous: options.promiscuous ?? true,
  });

  const probeLinktype = async (of: HostInterface): Promise<number> => {
    const known = linktypes.get(linktypeKey(of));
    if (known !== undefined) return known;
    const answer = await probes.take(async () => {
      const seat = await pool.acquireToProbe();
      const open = { ...openOrder(of, 256), ring_bytes: probe_ring_bytes, memories: 1 };
      return await ask(pool, seat, { kind: 'probe', open });
    });
    if (answer.kind !== 'probed') throw new Error(`a probe was answered with ${answer.kind}`);
    linktypes.set(linktypeKey(of), answer.linktype);
    return answer.linktype;
  };

  /** Looks at the interfaces once for all parts that armed before it: what changes from then on is noted. */
  let looking: Promise<void> | undefined;
  const look = async (): Promise<void> => {
    await turn();
    looking = undefined;
    watch.look();
  };

  const arm = async (ring: PendingRing, request: ArmRequest, ready?: () => Promise<void>): Promise<Part> => {
    let file: SpoolFile;
    try {
      await ring.acquired();
      file = await spool.create(request.capture_id, request.part, request.owner);
    } catch (error) {
      ring.giveUp();
      throw error;
    }
    let part: RunningPart;
    try {
      part = new RunningPart(request, file, await ring.take(), pool);
      await part.arm(ready);
    } catch (error) {
      await file.handle.close();
      await spool.remove(request.capture_id, request.part);
      throw error;
    }
    looking ??= look();
    await looking;
    running.add(part);
    void part.ended.then(() => running.delete(part));
    if (closing !== undefined) part.stop(closing);
    return part;
  };

  const open = (
    of: HostInterface,
    snaplen_bytes: number,
    among: readonly string[] = [of.name],
    owner?: string,
  ): OpenedRing => {
    if (closing !== undefined) raise('capture_ended');
    const wish = {
      most_bytes: options.ring_bytes ?? 64 << 20,
      share: traffic.shareOf(of.name, among),
      ...(owner === undefined ? {} : { owner }),
    };
    const ring = new PendingRing(pool, openOrder(of, snaplen_bytes), wish);
    pending.add(ring);
    return {
      linktype: async () => {
        const known = linktypes.get(linktypeKey(of));
        if (known !== undefined) return known;
        const linktype = await ring.linktype();
        linktypes.set(linktypeKey(of), linktype);
        return linktype;
      },
      arm: (request, ready) =>
        begin(() => {
          pending.delete(ring);
          return arm(ring, { ...request, interface: of, snaplen_bytes }, ready);
        }),
      giveUp: () => {
        if (pending.delete(ring)) ring.giveUp();
      },
    };
  };

  return {
    rings_max: memory.rings_max,
    get rings() {
      return memory.rings;
    },
    probeLinktype: (of) => begin(() => probeLinktype(of)),
    open,
    arm: async (request) => {
      const { interface: of, snaplen_bytes, owner } = request;
      return await open(of, snaplen_bytes, [of.name], owner).arm(request);
    },
    async close(reason) {
      closing = reason;
      for (const part of running) part.stop(reason);
      for (const ring of pending) ring.giveUp();
      await Promise.allSettled(beginning);
      await Promise.all([...running].map((part) => part.ended));
      clearInterval(counting);
      watch.stop();
      await pool.close();
    },
  };
}

/** An interface may come back under its number as another kind. */
function linktypeKey({ ifindex, arphrd }: HostInterface): string {
  return `${ifindex} ${arphrd}`;
}

/** Sends a request that has one answer, and gives the place back. */
async function ask(pool: WorkerPool, seat: RingSeat, message: ToRing): Promise<FromRing> {
  return await new Promise<FromRing>((resolve, reject) => {
    seat.listener = {
      message(answer) {
        if (answer.kind === 'idle') return pool.release(seat);
        if (answer.kind === 'failed') reject(new FaultError(answer.faults));
        else resolve(answer);
      },
      died(fault) {
        pool.release(seat);
        reject(new FaultError([fault]));
      },
    };
    seat.send(message);
  });
}

/** Takes a fault for what it is; anything else is a defect. */
function unlessFault(error: unknown): void {
  if (!(error instanceof FaultError)) throw error;
}
