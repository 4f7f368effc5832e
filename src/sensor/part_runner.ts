import { existsSync } from 'node:fs';
import type { CaptureEngine, OpenedRing } from '../capture/capture_engine.ts';
import type { Part } from '../capture/part.ts';
import type { Spool } from '../capture/spool.ts';
import type { Compiled, FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { HostInterface } from '../libpcap/interfaces.ts';
import { backoffMs } from '../model/backoff.ts';
import { type Fault, FaultError, fault, raise } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import { linkTypes } from '../pcap/link_type.ts';
import { pcapHeaderBytes } from '../pcap/pcap_header.ts';
import type { Assignment } from '../wire/bus_fields.ts';
import type { ArmingPlace } from './arming_group.ts';
import type { Clock } from './clock.ts';
import { type Due, dueOf, never, tightened } from './due.ts';
import { writeEmptyPart } from './empty_part.ts';
import { onSpool } from './on_spool.ts';
import type { Outbox } from './outbox.ts';
import { endOf, newsOf } from './part_news.ts';
import {
  mendedName,
  partPaths,
  removeBeside,
  removeCopies,
  removeSorted,
  sortedName,
  writeState,
} from './part_shelf.ts';
import type { PartState } from './part_state.ts';
import { followPart, type GrowingSums } from './part_sums.ts';
import { type FileToDeliver, fileToDeliver } from './file_to_deliver.ts';
import { salvagePart, salvageRecords } from './salvage_part.ts';
import type { PartSender } from './send_part.ts';
import { writeSorted } from './sort_part.ts';

/** What running parts takes. */
export interface PartRunnerDeps {
  readonly spool: Spool;
  readonly engine: CaptureEngine;
  readonly compiler: FilterCompiler;
  readonly sender: PartSender;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Where control is told of parts. */
  readonly outbox: Outbox;
  /** The interface of a name, as it is now. */
  findInterface(name: string): HostInterface | undefined;
  /** The sensor's operator is told. */
  warn(fault: Fault, context: string): void;
  /** A defect: nothing can be said of the sensor's state any more. */
  crash(error: unknown): void;
}

/** What a sensor has the only copy of. */
export interface KeptCapture {
  readonly path: string;
  readonly packets: bigint;
}

/** One part from its assignment to its place in the bucket. */
export interface PartRunner {
  /** Takes a changed assignment: a stop, an earlier deadline. */
  update(assignment: Assignment): void;
  /** Ends capturing for this reason; delivery goes on. Resolves when nothing is captured any more. */
  stop(reason: StopReason): Promise<void>;
  /** Control wants nothing of it any more: ends it and removes all that is kept of it. */
  forget(): Promise<void>;
  /** Ends it as well, and removes nothing. */
  leave(): Promise<void>;
  /** Tells how far it is, as long as it captures: called once a second. */
  progress(): void;
  /** What was captured of it and has not reached its place; undefined where there is no such thing. */
  kept(): KeptCapture | undefined;
  /** Resolves once it is delivered, or can do no more. */
  readonly settled: Promise<void>;
}

/** The bucket lost what it had: the whole part is sent again. */
const lost = new Set(['upload_gone', 'bucket_checksum']);
/** The disk may come right. */
const passing = new Set([...lost, 'spool_read_failed', 'spool_write_failed']);
/** A file that is damaged again and again is on a disk that keeps nothing. */
const mends_max = 3;
const unchecked = 'what is whole of it could not be checked, for its sums are lost';
const pauses = { base_ms: 200, cap_ms: 30_000 };
const forgotten_reason = new Error('the part is wanted no more');

/**
 * Begins a part, or goes on with one that an earlier process has left in this state. `place`: among the parts that are begun together with it; left by the
 * time that it captures, or will not.
 */
export function runPart(
  deps: PartRunnerDeps,
  first: Assignment,
  interfaceName: string,
  left: PartState | undefined,
  place?: ArmingPlace,
): PartRunner {
  const { spool, engine, compiler, sender, clock, outbox } = deps;
  const capture_id = first.capture_id;
  const share = spool.share(first.account);
  if (left !== undefined) spool.own(capture_id, interfaceName, first.account);
  const paths = partPaths(spool.directory, capture_id, interfaceName);
  const context = `capture ${capture_id} on ${interfaceName}`;
  const forgotten = new AbortController();
  const captured = Promise.withResolvers<void>();
  let assignment = first;
  // What an earlier process was told ran out by clocks that may have been set since: control says it again.
  let due: Partial<Due> = left === undefined ? dueOf(first, clock) : {};
  let wantedStop: StopReason | undefined;
  let running: Part | undefined;
  let armed_monotonic: bigint | undefined;
  let growing: GrowingSums | undefined;
  /** Settles when the sums of a part that has ended are on the disk. */
  let summed: Promise<void> = Promise.resolve();
  let mends = 0;
  /** Of the files that were made of the part's: they count as what is in the spool. */
  let copies_bytes = 0;
  /** Why nothing of what was captured is surely on the disk. */
  let nothing: Fault | undefined;
  let trouble: Fault | undefined;
  let state: PartState = left ?? { layout: 1, assignment, interface: interfaceName, phase: 'arming', attempt: 0 };

  /** Writes a change down before it is acted on. Throws `spool_write_failed`. */
  const save = async (change: Partial<PartState>): Promise<void> => {
    await writeState(paths, { ...state, ...change, assignment });
    state = { ...state, ...change };
  };
  /** Runs what changes nothing for others: where the disk refuses, the operator is told, and that is all. */
  const leniently = async (run: () => Promise<void>): Promise<void> => {
    try {
      await onSpool('spool_write_failed', run);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      deps.warn(error.faults[0], context);
    }
  };
  /** Writes down what has happened: it has happened even where it cannot be written. */
  const note = async (change: Partial<PartState>): Promise<void> => {
    await leniently(async () => await save(change));
    state = { ...state, ...change };
  };
  const report = (): void => outbox.put(newsOf(state, trouble, armed_monotonic));

  /** Says what holds up the delivery, or that nothing does any more. */
  const tellTrouble = (now: Fault | undefined): void => {
    if (now?.message === trouble?.message) return;
    trouble = now;
    if (now !== undefined) deps.warn(now, `delivering ${context}`);
    if (state.phase === 'armed' || state.phase === 'ended') report();
  };

  /** Applies what was asked, to a part that captures. */
  const applyOrders = (): void => {
    if (running === undefined) return;
    const reason = wantedStop ?? assignment.stop;
    if (reason !== undefined) running.stop(reason);
    // In whole milliseconds, the last begun one whole.
    if (due.capture !== undefined)
      running.setDeadline(Math.max(0, Number((due.capture - clock.monotonic()) / 1_000_000n)));
  };

  const progress = (): void => {
    // After a crash, a part that is `arming` and has no packets begins anew. So control must not hear that it captures before `armed` is on the disk.
    if (running === undefined || state.phase !== 'armed') return;
    const { packets, bytes, dropped, interface_dropped } = running.progress();
    state = { ...state, packets, bytes, dropped, ...(interface_dropped === undefined ? {} : { interface_dropped }) };
    report();
  };

  /** From `arming` to `armed`, with the part that captures; or to `ended` or `excluded`, without. */
  const begin = async (): Promise<Part | undefined> => {
    const stop = wantedStop ?? assignment.stop;
    if (stop !== undefined) {
      await save({});
      await writeEmptyPart(spool, capture_id, interfaceName, first.account);
      await save({ phase: 'ended', packets: 0n, bytes: 0n, dropped: 0n, stop_reason: stop });
      return undefined;
    }
    const port = deps.findInterface(interfaceName) ?? raise('interface_unknown', { interface: interfaceName });
    // The ring takes longest, so all else is done meanwhile; it hears nothing before it is armed.
    const ring = engine.open(port, assignment.snaplen_bytes, assignment.interfaces, assignment.account);
    try {
      return await beginOn(ring);
    } finally {
      ring.giveUp();
    }
  };

  const compile = async (ring: OpenedRing): Promise<Compiled & { readonly linktype: number }> => {
    const linktype = await ring.linktype();
    const { filter, account: owner = '' } = assignment;
    const compiled = await compiler.compile({ filter, linktype, live: true, owner });
    if (!compiled.ok) throw asError(compiled.faults);
    return { ...compiled.value, linktype };
  };

  /** Waits for the other parts of the capture. */
  const together = (waiting: ArmingPlace) => async (): Promise<void> => {
    await waiting.ready();
    forgotten.signal.throwIfAborted();
  };

  const beginOn = async (ring: OpenedRing): Promise<Part | undefined> => {
    const compiling = compile(ring);
    // Heard below, unless the state cannot be written: then that is the reason.
    compiling.catch(() => undefined);
    await save({});
    const compiled = await compiling;
    if (compiled.kind === 'excluded') {
      const excluded = fault('linktype_excluded', { where: interfaceName, reason: compiled.reason });
      await save({ phase: 'excluded', linktype: compiled.linktype, fault: excluded });
      return undefined;
    }
    forgotten.signal.throwIfAborted();
    const { packet_limit, byte_limit, time_limit_s, lookback } = assignment;
    const request = {
      capture_id,
      part: interfaceName,
      ...(first.account === undefined ? {} : { owner: first.account }),
      program: compiled.program,
      time_limit_ms: time_limit_s * 1000,
      ...(packet_limit === undefined ? {} : { packet_limit }),
      ...(byte_limit === undefined ? {} : { byte_limit }),
      ...(lookback === true ? { leave_out_earlier: true } : {}),
    };
    const part = await ring.arm(request, place === undefined || place.alone ? undefined : together(place));
    running = part;
    armed_monotonic = part.armed_at - part.clock_offset;
    growing = followPart(part, {
      clock,
      piece_bytes: assignment.piece_bytes,
      warn: (error) => deps.warn(fault('spool_read_failed', { reason: reasonOf(error) }), `the sums of ${context}`),
    });
    applyOrders();
    try {
      const { armed_at, clock_offset, linktype: kind } = part;
      await save({ phase: 'armed', armed_at, clock_offset, linktype: kind });
    } catch (error) {
      part.stop('error');
      await growing.finish((await part.ended).file_bytes);
      running = undefined;
      throw error;
    }
    progress();
    return part;
  };

  const finish = async (part: Part): Promise<void> => {
    const end = await part.ended;
    running = undefined;
    if (end.error?.name === 'spool_share_full') spool.shares_refused += 1;
    await note({ phase: 'ended', ...endOf(end, interfaceName), file_bytes: end.file_bytes });
    if (end.file_bytes < pcapHeaderBytes) {
      nothing = end.error ?? fault('part_file_damaged', { path: part.path, reason: 'it is empty' });
    } else report();
    summed = keepSums(end.file_bytes);
    summed.catch((error: unknown) => deps.crash(error));
  };

  const keepSums = async (file_bytes: number): Promise<void> => {
    await growing?.finish(file_bytes);
    const last = growing?.sums.points.at(-1);
    if (last?.end_bytes === file_bytes) await note({ checksum: last.checksum });
  };

  /** The file that is to be delivered. Throws `part_file_lost`, `spool_read_failed`. */
  const file = async (): Promise<FileToDeliver> =>
    await onSpool(
      'spool_read_failed',
      async () => await fileToDeliver(spool, paths, state),
      spool.path(capture_id, interfaceName),
    );

  const send = async (part: Part | undefined, ended: Promise<void>, signal: AbortSignal): Promise<void> => {
    const { attempt } = state;
    const sending =
      part !== undefined && growing !== undefined
        ? { path: part.path, growing: { part, sums: growing.sums } }
        : {
            ...(await file()),
            put_in_order: state.sorted_on_its_way === true,
            growing: undefined,
          };
    await sender.send({
      assignment,
      interface: interfaceName,
      attempt,
      ...sending,
      journal_path: paths.journal(attempt),
      deliverUntil: () => due.deliver ?? never,
      told: async () => {
        await ended;
        if (nothing !== undefined) throw new FaultError([nothing]);
        trouble = undefined;
        await outbox.tell(newsOf(state, trouble, armed_monotonic));
      },
      trouble: tellTrouble,
      signal,
    });
  };

  const countCopy = (file_bytes: number): void => {
    share.occupy(file_bytes);
    copies_bytes += file_bytes;
  };
  /** They are gone, or nobody's any more. */
  const forgetCopies = (): void => {
    share.release(copies_bytes);
    copies_bytes = 0;
  };

  const mustSort = (): boolean =>
    state.phase === 'ended' && state.unordered === true && state.sorted !== true && state.sorted_on_its_way !== true;

  const sort = async (): Promise<void> => {
    const from = await file();
    const attempt = state.attempt + 1;
    await leniently(async () => await removeSorted(paths));
    // Runs, and the file that is made of them.
    const wanted_bytes = 2 * from.file_bytes;
    const granted_bytes = share.reserve(wanted_bytes);
    let kept_bytes = 0;
    try {
      if (granted_bytes === wanted_bytes) {
        await leniently(async () => {
          const { file_bytes, checksum } = await writeSorted(from, paths.copy(sortedName));
          kept_bytes = file_bytes;
          await save({ sorted: true, file: sortedName, file_bytes, checksum, attempt });
        });
      }
    } finally {
      share.release(granted_bytes - kept_bytes);
      copies_bytes += kept_bytes;
    }
    // Without room for a copy it takes longer to send, and that is all.
    if (state.sorted !== true) await save({ sorted_on_its_way: true, attempt });
  };

  /** Goes on with what is whole of a damaged file, and tells the rest. Throws `why` where nothing is left. */
  const mend = async (why: Fault): Promise<void> => {
    mends += 1;
    if (mends > mends_max) throw new FaultError([why]);
    const attempt = state.attempt + 1;
    const name = mendedName(attempt);
    const { packets = 0n, dropped } = state;
    const from = await file();
    const made = await onSpool('spool_write_failed', async () =>
      from.unsummed === true
        ? await salvageRecords(from, state.linktype ?? linkTypes.ethernet, paths.copy(name))
        : await salvagePart(from, paths.copy(name)),
    );
    const gone = packets - BigInt(made.packets);
    if (gone > 0n && made.packets === 0) throw new FaultError([why]);
    const { file_bytes, checksum } = made;
    countCopy(file_bytes);
    const counts = { packets: BigInt(made.packets), bytes: BigInt(made.bytes) };
    const missing = [
      state.missing,
      `${gone > 0n ? gone : 0n} of ${packets} packets are lost: ${why.message}`,
      from.unsummed === true && unchecked,
    ]
      .filter(Boolean)
      .join('; ');
    await save({
      file: name,
      file_bytes,
      checksum,
      attempt,
      ...counts,
      damaged: false,
      ...(dropped === undefined || gone < 0n ? {} : { dropped: dropped + gone }),
      ...(gone <= 0n && from.unsummed !== true ? {} : { missing: missing.slice(0, 4096) }),
    });
    report();
  };

  /** One try of sending the part, from its first byte to its place, or until it turns out to need sorting. */
  const attemptDelivery = async (capturing: Part | undefined, ended: Promise<void>): Promise<boolean> => {
    await summed;
    if (mustSort()) await sort();
    const unwanted = new AbortController();
    const asItIs = state.file === undefined && state.sorted_on_its_way !== true;
    const part = asItIs ? capturing : undefined;
    const sent = send(part, ended, AbortSignal.any([forgotten.signal, unwanted.signal]));
    await Promise.race([ended, sent]);
    if (nothing !== undefined) {
      unwanted.abort(forgotten_reason);
      await sent.catch(() => undefined);
      throw new FaultError([nothing]);
    }
    if (!mustSort()) {
      await sent;
      return true;
    }
    unwanted.abort(forgotten_reason);
    await sent.catch(() => undefined);
    return false;
  };

  /** Sends the part while it grows. One that has ended out of order is sorted and sent anew; one that got lost or is damaged, too. */
  const deliver = async (capturing: Part | undefined, ended: Promise<void>): Promise<void> => {
    for (let failures = 0; ; failures += 1) {
      try {
        if (await attemptDelivery(capturing, ended)) return;
        failures = -1;
      } catch (error) {
        await takeFailure(error, failures + 1, ended);
      }
    }
  };

  /** Makes ready for another try after a failed one, or throws it on. */
  const takeFailure = async (error: unknown, failures: number, ended: Promise<void>): Promise<void> => {
    const why = error instanceof FaultError ? error.faults[0] : undefined;
    const isDamaged = why?.name === 'part_file_damaged';
    const again =
      why !== undefined && (isDamaged || passing.has(why.name)) && clock.monotonic() < (due.deliver ?? never);
    if (!again || nothing !== undefined || forgotten.signal.aborted) {
      await ended;
      throw error;
    }
    if (isDamaged) {
      tellTrouble(why);
      await ended;
      await summed;
      await mend(why);
      return tellTrouble(undefined);
    }
    tellTrouble(why);
    await clock.sleep(backoffMs(pauses, failures, deps.random()), forgotten.signal);
    if (lost.has(why.name)) await note({ attempt: state.attempt + 1 });
  };

  const live = async (): Promise<void> => {
    try {
      const part = state.phase === 'arming' ? await begin().finally(() => place?.leave()) : undefined;
      const ended = part === undefined ? Promise.resolve() : finish(part);
      void ended.then(async () => await summed).then(captured.resolve, captured.resolve);
      if (state.phase === 'armed' || state.phase === 'ended') {
        if (part === undefined) report();
        await deliver(part, ended);
        await summed;
        await note({ phase: 'delivered' });
        await leniently(async () => {
          await spool.remove(capture_id, interfaceName);
          await removeCopies(paths);
          forgetCopies();
        });
      } else if (state.phase !== 'delivered') {
        await outbox.tell(newsOf(state, trouble, armed_monotonic));
      }
    } catch (error) {
      await summed;
      captured.resolve();
      if (forgotten.signal.aborted && (error === forgotten_reason || error instanceof FaultError)) return;
      if (!(error instanceof FaultError)) throw error;
      deps.warn(error.faults[0], context);
      await note({ phase: 'failed', fault: error.faults[0] });
      trouble = undefined;
      await outbox.tell(newsOf(state, trouble, armed_monotonic));
    }
  };
  if (state.phase === 'ended' && (state.file !== undefined || state.sorted === true)) {
    countCopy(state.file_bytes ?? 0);
  }
  const life = live();
  life.catch((error: unknown) => deps.crash(error));
  const end = async (): Promise<void> => {
    forgotten.abort(forgotten_reason);
    wantedStop ??= 'stopped';
    applyOrders();
    // Whoever waits for control to hear of it waits no more.
    outbox.forget(capture_id, interfaceName);
    await life;
    outbox.forget(capture_id, interfaceName);
  };

  return {
    update: (changed) => {
      due = tightened(due, assignment, changed, clock);
      assignment = changed;
      applyOrders();
    },
    stop: async (reason) => {
      wantedStop ??= reason;
      applyOrders();
      await captured.promise;
    },
    leave: end,
    forget: async () => {
      await end();
      await leniently(async () => {
        await spool.remove(capture_id, interfaceName);
        await removeBeside(paths);
        forgetCopies();
      });
    },
    progress,
    kept: () => {
      const { phase, packets = 0n } = state;
      const own = state.file === undefined ? spool.path(capture_id, interfaceName) : paths.copy(state.file);
      if (phase === 'armed') return { path: own, packets };
      return (phase === 'ended' || phase === 'failed') && packets > 0n && existsSync(own)
        ? { path: own, packets }
        : undefined;
    },
    settled: life,
  };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function asError(faults: readonly Fault[]): FaultError {
  const [first, ...more] = faults;
  return new FaultError([first ?? fault('expression_compiler', { reason: 'it said nothing' }), ...more]);
}
