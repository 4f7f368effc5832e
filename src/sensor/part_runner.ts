import type { CaptureEngine } from '../capture/capture_engine.ts';
import type { Part, PartEnd } from '../capture/part.ts';
import type { Spool } from '../capture/spool.ts';
import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { HostInterface } from '../libpcap/interfaces.ts';
import { type Fault, FaultError, fault, raise } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import type { Assignment } from '../wire/bus_fields.ts';
import type { Clock } from './clock.ts';
import type { PartNews } from './outbox.ts';
import { partPaths, removeBeside, writeState } from './part_shelf.ts';
import type { PartState } from './part_state.ts';
import type { PartSender } from './send_part.ts';
import { writeEmptyPart } from './empty_part.ts';
import { writeSorted } from './sort_part.ts';

/** What running parts takes. */
export interface PartRunnerDeps {
  readonly spool: Spool;
  readonly engine: CaptureEngine;
  readonly compiler: FilterCompiler;
  readonly sender: PartSender;
  readonly clock: Clock;
  /** The interface of a name, as it is now. */
  findInterface(name: string): HostInterface | undefined;
  /** Tells control the newest state of a part; resolves once it has committed that. */
  report(news: PartNews): Promise<void>;
  /** The sensor's operator is told. */
  warn(fault: Fault, context: string): void;
  /** A defect: nothing can be said of the sensor's state any more. */
  crash(error: unknown): void;
}

/** One part from its assignment to its place in the bucket. */
export interface PartRunner {
  /** Takes a changed assignment: a stop, an earlier deadline. */
  update(assignment: Assignment): void;
  /** Ends capturing for this reason; delivery goes on. Resolves when nothing is captured any more. */
  stop(reason: StopReason): Promise<void>;
  /** Control wants nothing of it any more: ends it and removes all that is kept of it. */
  forget(): Promise<void>;
  /** Tells how far it is, as long as it captures: called once a second. */
  progress(): void;
  /** Resolves once it is delivered, or can do no more. */
  readonly settled: Promise<void>;
}

/** The bucket lost what it had: the whole part is sent again. */
const lost = new Set(['upload_gone', 'bucket_checksum']);
const attempts_max = 5;
const forgotten_reason = new Error('the part is wanted no more');

/** Begins a part, or goes on with one that an earlier process has left in this state. */
export function runPart(
  deps: PartRunnerDeps,
  first: Assignment,
  interfaceName: string,
  left: PartState | undefined,
): PartRunner {
  const { spool, engine, compiler, sender, clock } = deps;
  const capture_id = first.capture_id;
  const paths = partPaths(spool.directory, capture_id, interfaceName);
  const forgotten = new AbortController();
  const captured = Promise.withResolvers<void>();
  let assignment = first;
  let wantedStop: StopReason | undefined;
  let running: Part | undefined;
  let state: PartState = left ?? { layout: 1, assignment, interface: interfaceName, phase: 'arming', attempt: 0 };

  const save = async (change: Partial<PartState>): Promise<void> => {
    state = { ...state, ...change, assignment };
    await writeState(paths, state);
  };
  const report = async (): Promise<void> => await deps.report(newsOf(state));

  /** Applies what was asked, to a part that captures. */
  const applyOrders = (): void => {
    if (running === undefined) return;
    const reason = wantedStop ?? assignment.stop;
    if (reason !== undefined) running.stop(reason);
    if (assignment.deadline !== undefined) {
      running.setDeadline(Math.max(0, Number((assignment.deadline - clock.now()) / 1_000_000n)));
    }
  };

  const progress = (): void => {
    if (running === undefined) return;
    const { packets, bytes, dropped, interface_dropped } = running.progress();
    state = { ...state, packets, bytes, dropped, ...(interface_dropped === undefined ? {} : { interface_dropped }) };
    void report();
  };

  /** From `arming` to `armed`, with the part that captures; or to `ended` or `excluded`, without. */
  const begin = async (): Promise<Part | undefined> => {
    const stop = wantedStop ?? assignment.stop;
    if (stop !== undefined) {
      await writeEmptyPart(spool, capture_id, interfaceName);
      await save({ phase: 'ended', packets: 0n, bytes: 0n, dropped: 0n, stop_reason: stop });
      return undefined;
    }
    const port = deps.findInterface(interfaceName) ?? raise('interface_unknown', { interface: interfaceName });
    const linktype = await engine.probeLinktype(port);
    const compiled = await compiler.compile({ filter: assignment.filter, linktype, live_interface: port });
    if (!compiled.ok) throw asError(compiled.faults);
    if (compiled.value.kind === 'excluded') {
      const excluded = fault('linktype_excluded', { where: interfaceName, reason: compiled.value.reason });
      await save({ phase: 'excluded', linktype, fault: excluded });
      return undefined;
    }
    await save({ linktype });
    const { packet_limit, byte_limit, snaplen_bytes, time_limit_s } = assignment;
    const part = await engine.arm({
      capture_id,
      part: interfaceName,
      interface: port,
      program: compiled.value.program,
      snaplen_bytes,
      time_limit_ms: time_limit_s * 1000,
      ...(packet_limit === undefined ? {} : { packet_limit }),
      ...(byte_limit === undefined ? {} : { byte_limit }),
    });
    running = part;
    const deadline = part.armed_at + BigInt(time_limit_s) * 1_000_000_000n;
    state = { ...state, phase: 'armed', armed_at: part.armed_at, deadline, linktype: part.linktype };
    applyOrders();
    // Found `arming` after a crash, it was not told yet and is begun anew: so this is written before it is told.
    await save({});
    progress();
    return part;
  };

  const finish = async (part: Part): Promise<void> => {
    const end = await part.ended;
    running = undefined;
    await save({ phase: 'ended', ...endOf(end) });
  };

  const send = async (part: Part | undefined, ended: Promise<void>, signal: AbortSignal): Promise<void> => {
    const { attempt } = state;
    const told = ended.then(report);
    told.catch(() => undefined); // the sender hears it when it comes to that
    await sender.send({
      assignment,
      interface: interfaceName,
      attempt,
      path: state.sorted === true ? paths.sorted : spool.path(capture_id, interfaceName),
      journal_path: paths.journal(attempt),
      part,
      told,
      trouble: (failure) => {
        deps.warn(failure, `delivering capture ${capture_id} of ${interfaceName}`);
        if (state.phase === 'ended') void deps.report({ ...newsOf(state), fault: plain(failure) });
      },
      signal,
    });
  };

  /** Sends the part while it grows. One that has ended out of order is sorted and sent anew; one that got lost, too. */
  const deliver = async (capturing: Part | undefined, ended: Promise<void>): Promise<void> => {
    let part = capturing;
    for (;;) {
      const unwanted = new AbortController();
      try {
        const sent = send(part, ended, AbortSignal.any([forgotten.signal, unwanted.signal]));
        sent.catch(() => undefined); // heard below, unless the part has to be sorted
        await ended;
        if (state.unordered !== true || state.sorted === true) return await sent;
        unwanted.abort(forgotten_reason);
        await sent.catch(() => undefined);
        await writeSorted(spool.path(capture_id, interfaceName), paths.sorted);
        await save({ sorted: true, attempt: state.attempt + 1 });
      } catch (error) {
        const again = error instanceof FaultError && lost.has(error.faults[0].name) && state.attempt < attempts_max;
        if (!again) throw error;
        await save({ attempt: state.attempt + 1 });
      }
      part = undefined;
    }
  };

  const live = async (): Promise<void> => {
    try {
      const part = state.phase === 'arming' ? await begin() : undefined;
      const ended = part === undefined ? Promise.resolve() : finish(part);
      void ended.then(captured.resolve, captured.resolve);
      if (state.phase === 'armed' || state.phase === 'ended') {
        await deliver(part, ended);
        await save({ phase: 'delivered' });
        await spool.remove(capture_id, interfaceName);
      } else if (state.phase !== 'delivered') {
        await report();
      }
    } catch (error) {
      captured.resolve();
      if (forgotten.signal.aborted) return;
      if (!(error instanceof FaultError)) throw error;
      deps.warn(error.faults[0], `capture ${capture_id} on ${interfaceName}`);
      await save({ phase: 'failed', fault: error.faults[0] });
      await report();
    }
  };
  const life = live();
  life.catch((error: unknown) => deps.crash(error));

  return {
    update: (changed) => {
      assignment = changed;
      applyOrders();
    },
    stop: async (reason) => {
      wantedStop = reason;
      applyOrders();
      await captured.promise;
    },
    forget: async () => {
      forgotten.abort(forgotten_reason);
      wantedStop = 'stopped';
      applyOrders();
      await life;
      await spool.remove(capture_id, interfaceName);
      await removeBeside(paths);
    },
    progress,
    settled: life,
  };
}

function asError(faults: readonly Fault[]): FaultError {
  const [first, ...more] = faults;
  return new FaultError([first ?? fault('expression_compiler', { reason: 'it said nothing' }), ...more]);
}

/** A part's state as control is told it. */
function newsOf(state: PartState): PartNews {
  const phase = state.phase === 'arming' ? 'armed' : state.phase === 'delivered' ? 'ended' : state.phase;
  const { armed_at, linktype, packets, bytes, dropped, interface_dropped, stop_reason, unordered, fault: why } = state;
  return {
    capture_id: state.assignment.capture_id,
    interface: state.interface,
    phase,
    ...(armed_at === undefined ? {} : { armed_at }),
    ...(linktype === undefined ? {} : { linktype }),
    ...(packets === undefined ? {} : { packets }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(dropped === undefined ? {} : { dropped }),
    ...(interface_dropped === undefined ? {} : { interface_dropped }),
    ...(stop_reason === undefined ? {} : { stop_reason }),
    ...(unordered === undefined ? {} : { unordered }),
    ...(why === undefined ? {} : { fault: plain(why) }),
  };
}

function endOf(end: PartEnd): Partial<PartState> {
  const { packets, bytes, dropped, unread, interface_dropped, stop_reason, unordered, error } = end;
  return {
    packets,
    bytes,
    dropped: dropped + unread,
    stop_reason,
    unordered,
    ...(interface_dropped === undefined ? {} : { interface_dropped }),
    ...(error === undefined ? {} : { fault: error }),
  };
}

function plain({ name, code, message }: Fault): { name: string; code: number; message: string } {
  return { name, code, message };
}
