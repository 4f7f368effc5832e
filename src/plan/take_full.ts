import type { CaptureRecord, PartRecord } from '../model/record.ts';
import { awaitedPasts } from './awaited_pasts.ts';
import type { CaptureEvent, PartNews } from './capture_event.ts';
import type { CaptureState, Effect, Step } from './capture_state.ts';
import { deliveredShare } from './delivered_share.ts';
import { deliveredPast } from './delivered_past.ts';
import { earlier } from './earlier.ts';
import { giveUpPasts } from './give_up_pasts.ts';
import type { MachineTimes } from './machine_times.ts';
import { joinParts } from './join_parts.ts';
import { judgeSilence } from './judge_silence.ts';
import { isWhole, partialReasons } from './partial_reasons.ts';
import { seconds } from './seconds.ts';
import { sensorsOf } from './sensors_of.ts';

/** Takes an event into a full capture's record and parts; what follows for the status is settled after it. */
export function takeFull(
  state: CaptureState,
  event: Exclude<CaptureEvent, { kind: 'discard' }>,
  times: MachineTimes,
): Step {
  switch (event.kind) {
    case 'report':
      return takeReport(state, event.at, event.news);
    case 'uploaded':
      return keep(
        mapPart(state, event.sensor, event.interface, (part) =>
          // Only a part that has told its end can have been sent whole.
          part.phase === 'ended'
            ? { ...withoutTrouble(part), phase: 'uploaded', size_bytes: event.size_bytes, sha256: event.sha256 }
            : part,
        ),
      );
    case 'past': {
      const awaited = new Set(awaitedPasts(state).map((part) => part.ordinal));
      return keep(
        mapPart(state, event.sensor, event.interface, (part) =>
          awaited.has(part.ordinal) ? { ...part, past: event.past } : part,
        ),
      );
    }
    case 'stop':
      return takeStop(state, event.at, event.cause);
    case 'tick':
      return takeTick(state, event.at, event.heard, times);
    case 'joined':
      return joinParts(state, event.at, event.members) ?? keep(state);
    case 'converted':
      return state.record.status === 'conversion_running' ? takeConverted(state, event) : keep(state);
    case 'convert_failed':
      if (state.record.status !== 'conversion_running') return keep(state);
      return {
        state: {
          ...state,
          record: { ...state.record, status: 'failed', ended_at: event.at, error_message: event.reason },
        },
        effects: [{ kind: 'work_changed', sensors: sensorsOf(state) }, { kind: 'discard' }],
      };
    case 'trouble':
      return keep({ ...state, record: { ...state.record, error_message: event.reason } });
    case 'answering':
    case 'merging':
    case 'answered':
      return keep(state);
  }
}

function keep(state: CaptureState): Step {
  return { state, effects: [] };
}

function mapPart(
  state: CaptureState,
  sensor: string,
  interfaceName: string,
  change: (part: PartRecord) => PartRecord,
): CaptureState {
  const parts = state.parts.map((part) =>
    part.sensor === sensor && part.interface === interfaceName ? change(part) : part,
  );
  return { ...state, parts };
}

/** A part that has ended can only have trouble with its delivery, or fail: its sensor has given up. */
function mayFollow(before: PartRecord['phase'], told: PartNews['phase']): boolean {
  return before === 'assigned' || before === 'armed' || (before === 'ended' && (told === 'ended' || told === 'failed'));
}

/** Trouble on the way is over once the part has arrived; why it ended early is not. */
function withoutTrouble(part: PartRecord): PartRecord {
  if (!isWhole(part.stop_reason)) return part;
  const { error: _error, ...rest } = part;
  return rest;
}

/**
 * What of a part stays when there is news of it: not its trouble, which the news repeats as long as it lasts; and what a
 * sensor that died had told of its losses is no longer the whole of them: unknown is not zero.
 */
function lasting(part: PartRecord, news: PartNews): PartRecord {
  const { error: _error, ...rest } = part;
  if (news.stop_reason !== 'crashed') return rest;
  const { dropped: _dropped, dropped_is_upper_bound: _bound, interface_dropped: _interfaceDropped, ...known } = rest;
  return known;
}

/** When a part armed, by its sensor's clock and by the database's. Said once, it stays: its past ends there, its present begins. */
function armedFirst(
  part: PartRecord,
  { armed_at, clock_offset }: PartNews,
  began_at: bigint,
): Pick<PartRecord, 'armed_at' | 'clock_offset' | 'began_at'> {
  if (part.armed_at !== undefined || armed_at === undefined) return {};
  return { armed_at, ...(clock_offset === undefined ? {} : { clock_offset }), began_at };
}

/**
 * When a part armed, by the database's clock. What is said by another report than that of the part before it may have been longer on its way: between parts
 * that one process of a sensor armed, its own monotonic clock says how much later the one was.
 */
function beganAt({ parts }: CaptureState, news: PartNews, at: bigint): bigint {
  const { armed_ago_ns } = news;
  const told = at - (armed_ago_ns ?? 0n);
  // One that an earlier process armed went by another clock, perhaps.
  const sibling = parts.find(
    (one) =>
      one.sensor === news.sensor &&
      one.epoch === news.epoch &&
      one.stop_reason !== 'crashed' &&
      one.began_at !== undefined,
  );
  if (armed_ago_ns === undefined || sibling?.began_at === undefined) return told;
  const [own, others] = [monotonicOf(news), monotonicOf(sibling)];
  return own === undefined || others === undefined ? told : earlier(at, sibling.began_at + own - others);
}

/** When a part armed, by the monotonic clock of its host. */
function monotonicOf({ armed_at, clock_offset }: Pick<PartNews, 'armed_at' | 'clock_offset'>): bigint | undefined {
  return armed_at === undefined || clock_offset === undefined ? undefined : armed_at - clock_offset;
}

/** A sensor's word on a part counts once, in its order, and never takes back an end. */
function takeReport(state: CaptureState, at: bigint, news: PartNews): Step {
  const before = state.parts.find((part) => part.sensor === news.sensor && part.interface === news.interface);
  if (before === undefined || !mayFollow(before.phase, news.phase)) return keep(state);
  if (before.epoch === news.epoch && news.sequence <= before.sequence) return keep(state);
  // A part that goes on never changes hands: another epoch of the sensor can only tell how it ended.
  if (before.phase === 'armed' && news.phase === 'armed' && before.epoch !== news.epoch) return keep(state);
  const { sensor: _sensor, interface: _interface, armed_at, armed_ago_ns: _ago, clock_offset: _offset, ...told } = news;
  const began_at = beganAt(state, news, at);
  const state1 = mapPart(state, news.sensor, news.interface, (part) => ({
    ...lasting(part, news),
    ...told,
    ...armedFirst(part, news, began_at),
  }));
  const effects: Effect[] = [];
  if (awaitedPasts(state1).length > awaitedPasts(state).length) effects.push({ kind: 'past' });
  let record = state1.record;
  // One that armed before is not asked again: what it says now is later by all that held it up.
  if (armed_at !== undefined && before.armed_at === undefined) {
    record = armedAt(record, began_at);
    if (record.deadline !== state1.record.deadline && state.parts.length > 1) {
      effects.push({ kind: 'work_changed', sensors: sensorsOf(state) });
    }
  }
  const counted = countSoFar({ ...state1, record });
  const limit = limitReached(counted);
  if (limit === undefined) return { state: counted, effects };
  effects.push({ kind: 'work_changed', sensors: sensorsOf(state) });
  // Capturing is over: from here on the parts are awaited.
  const deadline = earlier(counted.record.deadline, at);
  return { state: { ...counted, record: { ...counted.record, stop_cause: limit, deadline } }, effects };
}

/** A part of it armed then, by the database's clock: no sensor's clock has a say in when it ends. */
function armedAt(record: CaptureRecord, armed_at: bigint): CaptureRecord {
  return {
    ...record,
    armed_at: earlier(record.armed_at, armed_at),
    deadline: earlier(record.deadline, armed_at + seconds(record.spec.time_limit_s)),
  };
}

function add(total: bigint | undefined, one: bigint | undefined): bigint | undefined {
  return one === undefined ? total : (total ?? 0n) + one;
}

/** Sums what is known of the parts into the capture's own counts. */
function countSoFar(state: CaptureState): CaptureState {
  let packets: bigint | undefined;
  let dropped: bigint | undefined;
  for (const part of state.parts) {
    packets = add(packets, part.packets);
    dropped = add(dropped, part.dropped);
  }
  // One crashed part, and the sum of the losses is not known any more.
  const unknown = state.parts.some((part) => part.stop_reason === 'crashed');
  const bound = state.parts.some((part) => part.dropped_is_upper_bound === true);
  const { packets_dropped: _before, packets_dropped_is_upper_bound: _bound, ...rest } = state.record;
  const record: CaptureRecord = {
    ...rest,
    ...(packets === undefined ? {} : { packets_captured: packets }),
    ...(dropped === undefined || unknown ? {} : { packets_dropped: dropped }),
    ...(bound && !unknown ? { packets_dropped_is_upper_bound: true } : {}),
  };
  return { ...state, record };
}

/** The limit that the sum over several sensors has reached, if the others have not been told already. */
function limitReached(state: CaptureState): 'packet_limit' | 'byte_limit' | undefined {
  const { record, parts } = state;
  if (record.spec.type !== 'full' || record.stop_cause !== undefined || parts.length < 2) return undefined;
  if (!parts.some((part) => part.phase === 'armed' || part.phase === 'assigned')) return undefined;
  const sum = (pick: (part: PartRecord) => bigint | undefined): bigint =>
    parts.reduce((total, part) => total + (pick(part) ?? 0n), 0n);
  if (record.spec.packet_limit !== undefined && sum((part) => part.packets) >= BigInt(record.spec.packet_limit)) {
    return 'packet_limit';
  }
  if (record.spec.byte_limit !== undefined && sum((part) => part.bytes) >= BigInt(record.spec.byte_limit)) {
    return 'byte_limit';
  }
  return undefined;
}

function takeStop(state: CaptureState, at: bigint, cause: 'stopped' | 'shutdown'): Step {
  const { record } = state;
  if (record.status === 'conversion_pending' || record.status === 'conversion_running') return keep(state);
  if (record.stop_requested !== undefined) return keep(state);
  // A sensor that has not said that it armed may have, so its word is awaited; but one that is shut down with all others has none.
  const parts = cause === 'shutdown' ? state.parts.map((part) => emptyShare(part, cause)) : state.parts;
  return {
    state: {
      record: {
        ...record,
        ...(cause === 'stopped' ? { stop_requested: at } : {}),
        stop_cause: record.stop_cause ?? cause,
        deadline: earlier(record.deadline, at),
      },
      parts,
    },
    effects: [{ kind: 'work_changed', sensors: sensorsOf(state) }],
  };
}

/** The share of who has not armed and now will not: empty, and already in its place. */
function emptyShare(part: PartRecord, stop_reason: 'stopped' | 'shutdown'): PartRecord {
  if (part.phase !== 'assigned') return part;
  return { ...part, phase: 'uploaded', packets: 0n, bytes: 0n, dropped: 0n, stop_reason };
}

function takeTick(state: CaptureState, at: bigint, heard: ReadonlyMap<string, bigint>, times: MachineTimes): Step {
  const { record } = state;
  const armTimeout_ns = seconds(times.arm_timeout_s);
  // One that came later has its time from then on.
  const isTooLate = ({ began_at = record.submitted }: PartRecord): boolean => at > began_at + armTimeout_ns;
  const armTimeout = `did not begin within ${times.arm_timeout_s} s`;
  const over = record.deadline !== undefined && at > record.deadline + seconds(times.conversion_wait_s);
  const heardOf = ({ sensor }: PartRecord): bigint => heard.get(sensor) ?? 0n;
  const { stop_requested: stopped } = record;
  let parts: readonly PartRecord[] = state.parts.map((part): PartRecord => {
    if (part.phase !== 'assigned') return part;
    const tooLate = isTooLate(part);
    const unheard = stopped !== undefined && heardOf(part) <= stopped && at > stopped + seconds(times.stop_wait_s);
    if (stopped !== undefined && (unheard || tooLate)) return emptyShare(part, 'stopped');
    return tooLate ? { ...part, phase: 'lost', error: armTimeout } : part;
  });
  // With something to give, the rest goes on without those that are still awaited.
  if (over && parts.some((part) => part.phase === 'uploaded')) {
    parts = parts.map(
      (part): PartRecord =>
        part.phase === 'armed' || part.phase === 'ended'
          ? { ...part, phase: 'lost', error: `its part did not arrive within ${times.conversion_wait_s} s` }
          : part,
    );
  }
  if (over) parts = giveUpPasts({ record, parts }, `its samples could not be had within ${times.conversion_wait_s} s`);
  return judgeSilence({ record, parts }, at, heard, times) ?? keep({ record, parts });
}

function takeConverted(state: CaptureState, event: Extract<CaptureEvent, { kind: 'converted' }>): Step {
  const shares = new Map(event.shares.map((share) => [share.ordinal, share]));
  const pasts = new Map(event.pasts.map((share) => [share.ordinal, share]));
  const parts = state.parts.map((part): PartRecord => {
    return {
      ...part,
      ...deliveredShare(part, shares.get(part.ordinal)),
      ...deliveredPast(part, pasts.get(part.ordinal)),
    };
  });
  const packets_past = parts
    .flatMap((part) => part.past?.streams ?? [])
    .reduce((sum, stream) => sum + stream.packets, 0n);
  const looksBack = state.record.spec.type === 'full' && state.record.spec.lookback_s !== undefined;
  const reasons = partialReasons({ record: state.record, parts });
  const { error_message: _trouble, ...rest } = state.record;
  const record: CaptureRecord = {
    ...rest,
    status: reasons.length === 0 ? 'success' : 'complete',
    ended_at: event.at,
    packets_captured: event.packets,
    ...(looksBack ? { packets_past } : {}),
    size_bytes: event.size_bytes,
    sha256: event.sha256,
    ...(reasons.length === 0 ? {} : { error_message: reasons.join('; ') }),
  };
  return {
    state: { record, parts },
    effects: [{ kind: 'work_changed', sensors: sensorsOf(state) }, { kind: 'discard' }],
  };
}
