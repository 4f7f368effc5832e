import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PartPast, PastStream } from '../model/past.ts';
import type { CaptureRecord, PartRecord } from '../model/record.ts';
import { isFinal, type Status, statuses } from '../model/status.ts';
import { awaitedPasts } from './awaited_pasts.ts';
import type { CaptureEvent, PartNews } from './capture_event.ts';
import type { CaptureState } from './capture_state.ts';
import { machineTimes } from './machine_times.ts';
import { seconds } from './seconds.ts';
import { step } from './step.ts';
import { transitions } from './transitions.ts';
import { times } from '../../test/support/soak.ts';

const start = 1_000_000n * 1_000_000_000n;
const at = (second: number): bigint => start + seconds(second);

function part(ordinal: number): PartRecord {
  return {
    capture_id: 'c'.repeat(32),
    sensor: `s${ordinal >> 1}`,
    interface: `eth${ordinal & 1}`,
    colo: 'lab01',
    ordinal,
    phase: 'assigned',
    sequence: 0,
  };
}

function full(
  parts: number,
  spec: { packet_limit?: number; byte_limit?: number; lookback_s?: number; time_limit_s?: number } = {},
): CaptureState {
  const record: CaptureRecord = {
    id: 'c'.repeat(32),
    account_id: 'a'.repeat(32),
    principal_id: 'p'.repeat(32),
    spec: {
      type: 'full',
      system: 'magic-transit',
      time_limit_s: 60,
      filter_v1: {},
      format: 'pcap',
      colo_name: 'lab01',
      destination_conf: 'file:///b',
      ownership_id: 'o'.repeat(32),
      ...spec,
    },
    scope: { sensors: 'all', networks: 'all' },
    status: 'pending',
    submitted: start,
    delivery: parts === 1 && spec.lookback_s === undefined ? 'direct' : 'staged',
    piece_bytes: 8_388_608,
    version: 1n,
  };
  return { record, parts: Array.from({ length: parts }, (_, ordinal) => part(ordinal)) };
}

function simple(): CaptureState {
  const state = full(0);
  return {
    parts: [],
    record: {
      ...state.record,
      delivery: 'lookback',
      spec: {
        type: 'simple',
        system: 'magic-transit',
        time_limit_s: 60,
        packet_limit: 10,
        offset_time: start,
        filter_v1: {},
        format: 'pcap',
      },
    },
  };
}

function news(ordinal: number, change: Partial<PartNews>): CaptureEvent {
  const { sensor, interface: name } = part(ordinal);
  return {
    kind: 'report',
    at: at(1),
    news: { sensor, interface: name, epoch: 'e1', sequence: 1, phase: 'armed', ...change },
  };
}

/** A part armed at that second, as control hears by its own clock; what the sensor's clock showed matters only for packets. */
const armed = (ordinal: number, second = 1, change: Partial<PartNews> = {}): CaptureEvent => ({
  ...news(ordinal, { armed_at: at(second), packets: 0n, ...change }),
  at: at(second),
});
const ended = (ordinal: number, change: Partial<PartNews> = {}): CaptureEvent =>
  news(ordinal, {
    phase: 'ended',
    sequence: 9,
    packets: 5n,
    bytes: 500n,
    dropped: 0n,
    stop_reason: 'time_limit',
    ...change,
  });
const uploaded = (ordinal: number, second = 62): CaptureEvent => {
  const { sensor, interface: name } = part(ordinal);
  return { kind: 'uploaded', at: at(second), sensor, interface: name, size_bytes: 100n, sha256: 'f'.repeat(64) };
};
const tick = (second: number, heard: number | undefined = second): CaptureEvent => ({
  kind: 'tick',
  at: at(second),
  heard: new Map(heard === undefined ? [] : ['s0', 's1'].map((name) => [name, at(heard)])),
});
const stop = (cause: 'stopped' | 'shutdown' = 'stopped'): CaptureEvent => ({ kind: 'stop', at: at(2), cause });
const converted: CaptureEvent = {
  kind: 'converted',
  at: at(70),
  packets: 7n,
  size_bytes: 700n,
  sha256: 'e'.repeat(64),
  shares: [
    { ordinal: 0, cut: 1n },
    { ordinal: 1, cut: 2n },
  ],
  pasts: [],
};
const stream: PastStream = { linktype: 1, packets: 4n, bytes: 400n, dropped: 0n, sample_rate: 2, truncated: false };
const past = (ordinal: number, change: Partial<PartPast> = {}): CaptureEvent => {
  const { sensor, interface: name } = part(ordinal);
  return { kind: 'past', at: at(3), sensor, interface: name, past: { streams: [stream], ...change } };
};

function run(state: CaptureState, ...events: readonly CaptureEvent[]): CaptureState {
  return events.reduce((current, event) => step(current, event, machineTimes).state, state);
}

function effectsOf(state: CaptureState, event: CaptureEvent): string[] {
  return step(state, event, machineTimes).effects.map((effect) => effect.kind);
}

describe('a full capture on one interface', () => {
  test('arms, runs, ends, uploads: success without conversion', () => {
    const running = run(full(1), armed(0));
    expect(running.record).toMatchObject({ status: 'running', armed_at: at(1), deadline: at(61) });
    const over = run(running, ended(0));
    expect(over.record.status).toBe('conversion_pending');
    const done = run(over, uploaded(0));
    expect(done.record).toMatchObject({
      status: 'success',
      packets_captured: 5n,
      packets_dropped: 0n,
      sha256: 'f'.repeat(64),
    });
    expect(done.parts[0]).toMatchObject({ cut: 0n });
  });

  test('nothing armed within 30 s: failed, and the sensors are told', () => {
    expect(run(full(1), tick(30)).record.status).toBe('pending');
    const late = full(1);
    expect(effectsOf(late, tick(31))).toEqual(['work_changed', 'discard']);
    expect(run(late, tick(31)).record).toMatchObject({
      status: 'failed',
      error_message: 's0/eth0: did not begin within 30 s',
    });
  });

  test('stopped while pending, its sensor has not armed: the sensor delivers an empty part, success', () => {
    const stopped = run(full(1), stop());
    expect(stopped.record).toMatchObject({ status: 'conversion_pending', stop_requested: at(2) });
    const done = run(stopped, ended(0, { packets: 0n, bytes: 0n, stop_reason: 'stopped' }), uploaded(0));
    expect(done.record).toMatchObject({ status: 'success', packets_captured: 0n });
  });

  test('stopped while pending, its sensor had armed and nobody knew: what it captured is delivered', () => {
    const stopped = run(full(2), stop(), armed(0, 3, { packets: 2n, armed_ago_ns: seconds(2) }));
    expect(stopped.record).toMatchObject({ status: 'conversion_pending', armed_at: at(1), deadline: at(2) });
    const told = run(stopped, ended(0, { stop_reason: 'stopped' }), uploaded(0));
    expect(told.record.status).toBe('conversion_pending');
    const all = run(told, ended(1, { packets: 0n, stop_reason: 'stopped' }), uploaded(1));
    expect(all.record.status).toBe('conversion_running');
    expect(run(all, converted).record).toMatchObject({
      status: 'complete',
      packets_captured: 7n,
      error_message: 's0/eth1: it was stopped before it had begun, so nothing was captured there',
    });
  });

  test.each([
    ['was not heard of for 10 s', tick(13, 2)],
    ['was never heard of', { kind: 'tick' as const, at: at(13), heard: new Map<string, bigint>() }],
    ['says nothing of it within 30 s', tick(31)],
  ])('stopped while pending, its sensor %s: an empty file is made, success', (_what, late) => {
    const waiting = run(full(1), stop(), tick(12, 2), tick(29));
    expect(waiting.record.status).toBe('conversion_pending');
    const given_up = run(waiting, late);
    expect(given_up.record.status).toBe('conversion_running');
    const done = run(given_up, { ...converted, packets: 0n, shares: [] });
    expect(done.record).toMatchObject({ status: 'success', packets_captured: 0n });
  });

  test('shut down while pending: nobody is left to be awaited', () => {
    expect(run(full(1), stop('shutdown')).record.status).toBe('conversion_running');
  });

  test('a second stop changes nothing', () => {
    const stopped = run(full(1), armed(0), stop());
    const again = step(stopped, { kind: 'stop', at: at(9), cause: 'stopped' }, machineTimes);
    expect(again.state).toEqual(stopped);
    expect(again.effects).toEqual([]);
  });

  test('shutdown: complete, with the reason', () => {
    const done = run(full(1), armed(0), stop('shutdown'), ended(0, { stop_reason: 'shutdown' }), uploaded(0));
    expect(done.record).toMatchObject({ status: 'complete', error_message: 'edgetap was shut down' });
    expect(done.record.stop_requested).toBeUndefined();
  });

  test('a crash: complete, with what was on disk', () => {
    const crashed = ended(0, { epoch: 'e2', sequence: 1, stop_reason: 'crashed', error: 'the sensor died' });
    const done = run(full(1), armed(0), crashed, uploaded(0));
    expect(done.record).toMatchObject({ status: 'complete', error_message: 's0/eth0: the sensor died' });
  });

  test('a crash leaves the losses unknown, not zero', () => {
    const counted = run(full(1), armed(0), news(0, { sequence: 2, packets: 4n, dropped: 0n }));
    expect(counted.record.packets_dropped).toBe(0n);
    const { dropped: _, ...told } = { epoch: 'e2', stop_reason: 'crashed', packets: 4n, dropped: 0n } as const;
    const crashed = run(counted, news(0, { phase: 'ended', ...told }));
    expect(crashed.parts[0]).not.toHaveProperty('dropped');
    expect(crashed.record).not.toHaveProperty('packets_dropped');
  });

  test('a sensor gives up delivering: failed, with its reason', () => {
    const given = run(full(1), armed(0), ended(0), news(0, { phase: 'failed', sequence: 10, error: 'no such bucket' }));
    expect(given.record).toMatchObject({ status: 'failed', error_message: 's0/eth0: no such bucket' });
  });

  test('the interface refuses: failed, with the reason', () => {
    const done = run(full(1), news(0, { phase: 'failed', error: 'no permission' }));
    expect(done.record).toMatchObject({ status: 'failed', error_message: 's0/eth0: no permission' });
  });

  test('silence: unknown; a word settles it; a day of silence ends it', () => {
    const silent = run(full(1), armed(0), tick(32, 1));
    expect(silent.record.status).toBe('unknown');
    expect(run(silent, tick(33)).record.status).toBe('running');
    expect(run(silent, tick(61 + 86_400, 1)).record.status).toBe('unknown');
    expect(run(silent, tick(62 + 86_400, 1)).record.status).toBe('failed');
  });

  test('a sensor that lives and never tells of the end: failed a day after it', () => {
    const running = run(full(1), armed(0), tick(61 + 86_400));
    expect(running.record.status).toBe('running');
    expect(run(running, tick(62 + 86_400)).record).toMatchObject({ status: 'failed' });
  });

  test('a sensor that is shut down by itself: complete, with the reason', () => {
    const done = run(full(1), armed(0), ended(0, { stop_reason: 'shutdown' }), uploaded(0));
    expect(done.record).toMatchObject({ status: 'complete', error_message: 's0/eth0: its sensor was shut down' });
  });

  test('trouble is told while it lasts, and forgotten in the end', () => {
    const held = run(full(1), armed(0), ended(0), { kind: 'trouble', at: at(62), reason: 'the bucket is down' });
    expect(held.record).toMatchObject({ status: 'conversion_pending', error_message: 'the bucket is down' });
    expect(run(held, uploaded(0)).record).not.toHaveProperty('error_message');
  });

  test('trouble of a part is told as long as its sensor tells of it', () => {
    const held = run(full(1), armed(0), news(0, { sequence: 2, error: 'denied' }));
    expect(held.parts).toMatchObject([{ phase: 'armed', error: 'denied' }]);
    expect(run(held, news(0, { sequence: 3 })).parts[0]).not.toHaveProperty('error');
    const ending = run(held, ended(0, { sequence: 4, stop_reason: 'crashed', error: 'died, and denied' }));
    expect(run(ending, ended(0, { sequence: 5, stop_reason: 'crashed', error: 'died' })).parts[0]?.error).toBe('died');
  });

  test('a slow bucket is waited for, up to a day', () => {
    const over = run(full(1), armed(0), ended(0), tick(500));
    expect(over.record.status).toBe('conversion_pending');
    expect(run(over, uploaded(0, 501)).record.status).toBe('success');
  });
});

describe('a full capture on several interfaces', () => {
  test('the first to arm sets the deadline of all, and all are told', () => {
    const state = run(full(4), armed(1, 3));
    expect(state.record.deadline).toBe(at(63));
    expect(effectsOf(full(4), armed(1, 3))).toEqual(['work_changed']);
    expect(run(state, armed(0, 2)).record.deadline).toBe(at(62));
    expect(run(state, armed(2, 5)).record.deadline).toBe(at(63));
  });

  test.each([
    ['packet_limit', { packet_limit: 10 }],
    ['byte_limit', { byte_limit: 1000 }],
  ] as const)('the sum reaches %s: the rest is stopped', (cause, spec) => {
    const one = run(full(2, spec), armed(0), armed(1), news(0, { sequence: 2, packets: 6n, bytes: 600n }));
    expect(one.record.stop_cause).toBeUndefined();
    const reached = step(one, news(1, { sequence: 2, packets: 4n, bytes: 400n }), machineTimes);
    expect(reached.state.record.stop_cause).toBe(cause);
    expect(reached.effects.map((effect) => effect.kind)).toEqual(['work_changed']);
  });

  test('conversion puts the parts together and says what was cut', () => {
    const parts = run(full(2), armed(0), armed(1), ended(0), ended(1), uploaded(0));
    expect(parts.record.status).toBe('conversion_pending');
    expect(effectsOf(parts, uploaded(1))).toEqual(['convert']);
    const done = run(parts, uploaded(1), converted);
    expect(done.record).toMatchObject({ status: 'success', packets_captured: 7n, packets_dropped: 0n });
    expect(done.parts.map((one) => one.cut)).toEqual([1n, 2n]);
  });

  test('a part that does not come is left behind 60 s after the end', () => {
    const waiting = run(full(2), armed(0), armed(1), ended(0), ended(1), uploaded(0), tick(61));
    expect(waiting.record.status).toBe('conversion_pending');
    const late = run(waiting, tick(122));
    expect(late.record.status).toBe('conversion_running');
    expect(run(late, converted).record).toMatchObject({
      status: 'complete',
      error_message: 's0/eth1: its part did not arrive within 60 s; it had captured 5 packets',
    });
  });

  const day = { time_limit_s: 86_400 };

  test.each([
    ['a stop', {}, [stop()]],
    ['a shutdown', {}, [stop('shutdown')]],
    ['the packet limit of all', { packet_limit: 5 }, []],
    ['the byte limit of all', { byte_limit: 500 }, []],
  ] as const)('the 60 s for a part that does not come count from %s, not from the deadline', (_what, limit, events) => {
    const waiting = run(full(3, { ...day, ...limit }), armed(0), armed(1), armed(2), ...events, ended(0), uploaded(0));
    // The end of capturing is at 1 s or 2 s; the sensor of the third is dead.
    const still = run(waiting, ended(1), uploaded(1), tick(61, 61));
    expect(still.parts[2]?.phase).toBe('armed');
    const dead = { kind: 'tick', at: at(63), heard: new Map([['s0', at(63)]]) } as const;
    const gone = step(still, dead, machineTimes);
    expect(gone.state.record.status).toBe('conversion_running');
    expect(gone.effects.map((effect) => effect.kind)).toEqual(['convert']);
    expect(run(gone.state, converted).record.error_message).toContain('s1/eth0: its part did not arrive within 60 s');
  });

  test('what is given up for good is so a day after the stop', () => {
    const stopped = run(full(2, day), armed(0), armed(1), stop());
    expect(stopped.record.deadline).toBe(at(2));
    expect(run(stopped, tick(86_402)).record.status).toBe('running');
    expect(run(stopped, tick(86_403)).record.status).toBe('failed');
  });

  test('an excluded interface does not make it partial', () => {
    const done = run(
      full(2),
      armed(0),
      news(1, { phase: 'excluded', error: 'no VLAN there' }),
      ended(0),
      uploaded(0),
      converted,
    );
    expect(done.record.status).toBe('success');
  });

  test('conversion gives up: failed, with the reason', () => {
    const state = run(full(2), armed(0), armed(1), ended(0), ended(1), uploaded(0), uploaded(1));
    expect(run(state, { kind: 'convert_failed', at: at(99), reason: 'bucket gone' }).record).toMatchObject({
      status: 'failed',
      error_message: 'bucket gone',
    });
  });
});

describe('packets that are missing', () => {
  const settled = (change: Partial<PartNews>): CaptureState => run(full(1), armed(0), ended(0, change), uploaded(0));

  test('a capture that lost some is partial, and says how many, where and why', () => {
    const { record } = settled({ dropped: 42n });
    expect(record).toMatchObject({ status: 'complete', packets_dropped: 42n });
    expect(record.error_message).toBe('s0/eth0: 42 of the packets that match were lost');
    expect(record).not.toHaveProperty('packets_dropped_is_upper_bound');
  });

  test('a bound is told as a bound', () => {
    const { record } = settled({ dropped: 42n, dropped_is_upper_bound: true });
    expect(record).toMatchObject({
      status: 'complete',
      packets_dropped: 42n,
      packets_dropped_is_upper_bound: true,
      error_message: 's0/eth0: at most 42 of the packets that match were lost',
    });
  });

  test('what a sensor says is missing makes it partial; what it notes does not', () => {
    expect(settled({ missing: 'its file was cut on the disk' }).record).toMatchObject({
      status: 'complete',
      error_message: 's0/eth0: its file was cut on the disk',
    });
    const noted = settled({ note: 'the interface was down for 3 s' });
    expect(noted.record.status).toBe('success');
    expect(noted.parts[0]?.note).toBe('the interface was down for 3 s');
  });

  test('how much later a part of the same process began is told by its own clock, not by when its report came', () => {
    const offset = 77_000n * 1_000_000_000n;
    const told = (later: number, report: number, change: Partial<PartNews> = {}): CaptureState => {
      const one = armed(0, 5, { armed_at: offset + seconds(4), clock_offset: offset, armed_ago_ns: seconds(1) });
      // The clock is set in between.
      const clock_offset = offset + seconds(3600);
      const clocks = { armed_at: clock_offset + seconds(4 + later), clock_offset, armed_ago_ns: seconds(1) };
      const other = armed(1, report, { ...clocks, ...change });
      return run(full(2), one, other, ended(0), ended(1), uploaded(0), uploaded(1), converted);
    };
    const message = 's0/eth1: it began 3.0 s after the first: what came there before is missing';
    for (const report of [5, 8, 12]) {
      expect(told(0, report).record).toMatchObject({ status: 'success', armed_at: at(4) });
      expect(told(3, Math.max(8, report)).record).toMatchObject({ status: 'complete', error_message: message });
    }
    // It said later that it was earlier.
    expect(told(-2, 9).record).toMatchObject({ status: 'complete', armed_at: at(2) });
    expect(told(-2, 9).record.error_message).toBe(
      's0/eth0: it began 2.0 s after the first: what came there before is missing',
    );
    // Another process of the sensor may have had another clock, and nothing began in the future.
    expect(told(0, 8, { epoch: 'e2' }).record).toMatchObject({ status: 'complete', error_message: message });
    expect(told(100, 8).record.error_message).toBe(message.replace('3.0', '4.0'));
  });

  test('what the interface itself lost may have matched', () => {
    expect(settled({ interface_dropped: 0n }).record.status).toBe('success');
    expect(settled({ interface_dropped: 7n }).record).toMatchObject({
      status: 'complete',
      error_message: 's0/eth0: the interface itself lost 7 packets, matching or not',
    });
  });

  test('a part that began after the first lacks what came before, and one that was stopped before it had begun all', () => {
    const both = (second: number, change: Partial<PartNews> = {}): CaptureState =>
      run(full(2), armed(0), armed(1, second, change), ended(0), ended(1), uploaded(0), uploaded(1), converted);
    const ms = 1_000_000n;
    expect(both(1).record.status).toBe('success');
    expect(both(3, { armed_ago_ns: 1500n * ms }).record.status).toBe('success');
    expect(both(3, { armed_ago_ns: 1400n * ms }).record).toMatchObject({
      status: 'complete',
      error_message: 's0/eth1: it began 0.6 s after the first: what came there before is missing',
    });
    // Whatever the clocks of their hosts show.
    const ahead = armed(1, 1, { armed_at: at(90_000) });
    const clocks = [armed(0), ahead, ended(0), ended(1), uploaded(0), uploaded(1), converted];
    expect(run(full(2), ...clocks).record.status).toBe('success');
    expect(run(full(1), armed(0, 1, { armed_at: at(-3600) }), ended(0), uploaded(0)).record.status).toBe('success');
    expect(both(13).record).toMatchObject({
      status: 'complete',
      error_message: 's0/eth1: it began 12.0 s after the first: what came there before is missing',
    });
    const unbegun = ended(1, { packets: 0n, stop_reason: 'stopped' });
    const stopped = run(
      full(2),
      armed(0),
      stop(),
      unbegun,
      uploaded(1),
      ended(0, { stop_reason: 'stopped' }),
      uploaded(0),
      converted,
    );
    expect(stopped.record).toMatchObject({
      status: 'complete',
      error_message: 's0/eth1: it was stopped before it had begun, so nothing was captured there',
    });
  });

  test('of several interfaces each says its own', () => {
    const { record } = run(
      full(2),
      armed(0),
      armed(1),
      ended(0, { dropped: 3n }),
      ended(1),
      uploaded(0),
      uploaded(1),
      converted,
    );
    expect(record).toMatchObject({ status: 'complete', packets_dropped: 3n });
    expect(record.error_message).toMatch(/^s0\/eth0: 3 of the packets [^;]+$/);
  });
});

describe('a full capture that looks back', () => {
  const lookback = { lookback_s: 600 };

  test('what has armed is asked for its past, once each, and that ends where it armed', () => {
    expect(effectsOf(full(2, lookback), armed(0))).toEqual(['past', 'work_changed']);
    const both = run(full(2, lookback), armed(0, 2), armed(1, 3));
    expect(awaitedPasts(both).map(({ ordinal, armed_at }) => [ordinal, armed_at])).toEqual([
      [0, at(2)],
      [1, at(3)],
    ]);
    // A report that comes again with another moment changes nothing.
    const told = run(both, news(0, { sequence: 2, armed_at: at(9) }));
    expect(told.parts[0]?.armed_at).toBe(at(2));
    const one = run(told, past(0), past(0, { streams: [], error: 'too late' }));
    expect(awaitedPasts(one).map(({ ordinal }) => ordinal)).toEqual([1]);
    expect(one.parts[0]?.past).toEqual({ streams: [stream] });
    expect(effectsOf(one, news(0, { sequence: 3, armed_at: at(2) }))).toEqual([]);
  });

  test('without a look-back nothing is asked for and a past is not taken', () => {
    expect(effectsOf(full(2), armed(0))).toEqual(['work_changed']);
    expect(run(full(2), armed(0), past(0)).parts[0]).not.toHaveProperty('past');
  });

  test('what was stopped or refused before it armed has no past', () => {
    expect(awaitedPasts(run(full(2, lookback), stop()))).toEqual([]);
    expect(run(full(2, lookback), stop(), tick(31)).record.status).toBe('conversion_running');
    expect(awaitedPasts(run(full(2, lookback), news(0, { phase: 'failed', error: 'no' })))).toEqual([]);
  });

  test('one interface, too, is converted, and not before its past is there', () => {
    const parts = run(full(1, lookback), armed(0), ended(0), uploaded(0));
    expect(parts.record.status).toBe('conversion_pending');
    expect(effectsOf(parts, past(0))).toEqual(['convert']);
    const done = run(parts, past(0), {
      ...converted,
      shares: [{ ordinal: 0, cut: 0n }],
      pasts: [{ ordinal: 0, streams: [{ packets: 3n, bytes: 300n }] }],
    });
    expect(done.record).toMatchObject({ status: 'success', packets_captured: 7n, packets_past: 3n });
    expect(done.parts[0]?.past?.streams).toEqual([{ ...stream, packets: 3n, bytes: 300n, truncated: true }]);
  });

  test('a past that comes late is waited for until 60 s after the end, and the rest is delivered without it', () => {
    const waiting = run(full(2, lookback), armed(0), armed(1), ended(0), ended(1), uploaded(0), uploaded(1), past(0));
    expect(run(waiting, tick(60)).record.status).toBe('conversion_pending');
    const given = step(waiting, tick(62), machineTimes);
    expect(given.effects.map((effect) => effect.kind)).toEqual(['convert']);
    const done = run(given.state, past(1), { ...converted, pasts: [] });
    expect(done.record).toMatchObject({
      status: 'complete',
      packets_past: 4n,
      error_message: 's0/eth1, before it began: its samples could not be had within 60 s',
    });
  });

  test('a past that cannot be had makes it partial', () => {
    const refused = past(0, { streams: [], error: 'the disk is broken' });
    const done = run(full(1, lookback), armed(0), refused, ended(0), uploaded(0), converted);
    expect(done.record).toMatchObject({
      status: 'complete',
      packets_past: 0n,
      error_message: 's0/eth0, before it began: the disk is broken',
    });
  });

  test('a past alone is nothing to give', () => {
    const lost = run(full(1, lookback), armed(0), past(0), news(0, { phase: 'failed', sequence: 2, error: 'died' }));
    expect(lost.record).toMatchObject({ status: 'failed', error_message: 's0/eth0: died' });
  });
});

describe('a look-back', () => {
  const share = {
    sensor: 's0',
    interface: 'eth0',
    colo: 'lab01',
    outcome: 'answered',
    packets: 3n,
    dropped: 0n,
    sample_rate: 4,
    packets_estimated: 12n,
  } as const;
  const answered = (
    shares: Extract<CaptureEvent, { kind: 'answered' }>['shares'],
    change: Partial<Extract<CaptureEvent, { kind: 'answered' }>> = {},
  ): CaptureEvent => ({
    kind: 'answered',
    at: at(1),
    packets: 3n,
    truncated: false,
    size_bytes: 24n,
    sha256: 'd'.repeat(64),
    shares,
    ...change,
  });
  const merging = run(simple(), { kind: 'answering', at: at(0) }, { kind: 'merging', at: at(0) });

  test('all answered: success', () => {
    expect(run(merging, answered([share])).record).toMatchObject({
      status: 'success',
      packets_captured: 3n,
      packets_dropped: 0n,
      sample_rate: 4,
      packets_estimated: 12n,
    });
  });

  test('the greatest rate and the sum of the estimates are those of the capture; what is not known is left out', () => {
    const { packets_estimated: _estimate, ...unknown } = { ...share, interface: 'eth1', sample_rate: 8 };
    const other = { ...share, interface: 'eth2', packets_estimated: 5n };
    expect(run(merging, answered([share, unknown, other])).record).toMatchObject({
      sample_rate: 8,
      packets_estimated: 17n,
    });
    expect(run(merging, answered([unknown])).record).not.toHaveProperty('packets_estimated');
  });

  test('some silent: complete, and says who', () => {
    const silent = { ...share, interface: 'eth1', outcome: 'no_answer', error: 'no answer in 3 s' } as const;
    expect(run(merging, answered([share, silent])).record).toMatchObject({
      status: 'complete',
      error_message: 's0/eth1: no answer in 3 s',
    });
  });

  test('a part of the window is not covered, or samples were lost: complete, and says where and why', () => {
    const partly = { ...share, covered: 'part', missing: 'no samples from a to b: shutdown of the sensor' } as const;
    expect(run(merging, answered([{ ...share, covered: 'whole' }, partly])).record).toMatchObject({
      status: 'complete',
      packets_captured: 3n,
      error_message: 's0/eth0: no samples from a to b: shutdown of the sensor',
    });
    // The structured fields decide, whatever text comes with them.
    for (const change of [{ covered: 'part' }, { covered: 'nothing' }, { dropped: 421n }] as const) {
      const { record } = run(merging, answered([{ ...share, ...change }]));
      expect(record).toMatchObject({
        status: 'complete',
        error_message: expect.stringMatching(/^s0\/eth0: ./u) as string,
      });
    }
  });

  test('nothing of the window is covered: failed, with what there is', () => {
    const missing = 'no samples from a to b: before the oldest sample; there are samples from b to c';
    const nothing = { ...share, packets: 0n, covered: 'nothing', missing } as const;
    const { record } = run(merging, answered([nothing, { ...nothing, interface: 'eth1' }], { packets: 0n }));
    expect(record.status).toBe('failed');
    expect(record.error_message).toBe(
      'no samples cover any of the time asked for, from 1970-01-12T13:45:40.000000Z to 1970-01-12T13:46:40.000000Z; ' +
        `s0/eth0: ${missing}; s0/eth1: ${missing}`,
    );
    expect(record).not.toHaveProperty('packets_estimated');
    // One interface that covers something, or packets that were found all the same, are something to give.
    const other = { ...share, interface: 'eth1', covered: 'part', missing } as const;
    expect(run(merging, answered([nothing, other], { packets: 0n })).record.status).toBe('complete');
    expect(run(merging, answered([nothing], { packets: 1n })).record.status).toBe('complete');
  });

  test('one that its limit has cut is a success, and says how far back it reaches', () => {
    const { record } = run(merging, answered([share], { truncated: true, oldest_packet: at(-3) }));
    expect(record).toMatchObject({ status: 'success', truncated: true, oldest_packet: at(-3) });
    expect(run(merging, answered([share])).record).not.toHaveProperty('truncated');
  });

  test('an interface that cannot have such packets lacks none', () => {
    const excluded = { ...share, interface: 'wg0', outcome: 'excluded', error: 'it has no MAC addresses' } as const;
    expect(run(merging, answered([share, excluded])).record.status).toBe('success');
    expect(run(merging, answered([excluded])).record).toMatchObject({
      status: 'failed',
      error_message: 's0/wg0: it has no MAC addresses',
    });
  });

  test('none answered: failed', () => {
    expect(run(merging, answered([])).record.status).toBe('failed');
    expect(run(merging, answered([{ ...share, outcome: 'no_answer' }])).record.status).toBe('failed');
  });
});

const anyNews = (count: number): fc.Arbitrary<CaptureEvent> =>
  fc
    .record({
      ordinal: fc.nat(count - 1),
      epoch: fc.constantFrom('e1', 'e1', 'e2'),
      sequence: fc.integer({ min: 1, max: 12 }),
      phase: fc.constantFrom('armed', 'armed', 'ended', 'ended', 'failed', 'excluded'),
      second: fc.nat(70),
      packets: fc.bigInt(0n, 20n),
      stop_reason: fc.constantFrom('time_limit', 'stopped', 'crashed', 'shutdown'),
    })
    .map(({ ordinal, second, stop_reason, ...rest }) =>
      news(ordinal, {
        ...rest,
        ...(rest.phase === 'armed' || rest.phase === 'ended' ? { armed_at: at(second) } : {}),
        ...(rest.phase === 'ended' ? { stop_reason } : {}),
        ...(rest.phase === 'failed' ? { error: 'broken' } : {}),
      }),
    );

const anyEvent = (count: number): fc.Arbitrary<CaptureEvent> =>
  fc.oneof(
    { weight: 6, arbitrary: anyNews(count) },
    { weight: 3, arbitrary: fc.nat(count - 1).map((ordinal) => uploaded(ordinal)) },
    { weight: 2, arbitrary: fc.nat(count - 1).map((ordinal) => past(ordinal)) },
    { weight: 1, arbitrary: fc.constantFrom(stop(), stop('shutdown'), converted) },
    { weight: 1, arbitrary: fc.constant<CaptureEvent>({ kind: 'convert_failed', at: at(80), reason: 'gone' }) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(3, 20, 45, 100, 200, 90_000), fc.boolean())
        .map(([second, heard]) => tick(second, heard ? second : 1)),
    },
  );

/** Lives of a capture: any, and some in which its first part goes all the way undisturbed, which chance alone seldom draws. */
const anyLife = (count: number): fc.Arbitrary<readonly CaptureEvent[]> =>
  fc.oneof(
    { weight: 7, arbitrary: fc.array(anyEvent(count), { maxLength: 30 }) },
    {
      weight: 1,
      arbitrary: fc
        .array(anyEvent(count), { maxLength: 4 })
        .map((events) => [armed(0), ended(0), uploaded(0), past(0), converted, ...events]),
    },
  );

const simpleEvent = fc.constantFrom<CaptureEvent>(
  { kind: 'answering', at: at(1) },
  { kind: 'merging', at: at(1) },
  { kind: 'convert_failed', at: at(1), reason: 'disk full' },
  { kind: 'answered', at: at(1), packets: 0n, truncated: false, size_bytes: 24n, sha256: '0'.repeat(64), shares: [] },
  tick(90_000),
);

/** Every status that some way leads to. */
function reach(from: Status): Set<Status> {
  const seen = new Set<Status>();
  const visit = (status: Status): void => {
    for (const next of transitions[status]) {
      if (!seen.has(next)) {
        seen.add(next);
        visit(next);
      }
    }
  };
  visit(from);
  return seen;
}

test('random lives: only ways of the table, ends are for ever, repeats are no-ops, and every way is drawn', () => {
  const drawn = new Set<string>();
  const walk = (state: CaptureState, events: readonly CaptureEvent[]): void => {
    let current = state;
    for (const event of events) {
      const next = step(current, event, machineTimes);
      if (isFinal(current.record.status)) expect(next).toEqual({ state: current, effects: [] });
      if (next.state.record.status === 'conversion_running') expect(awaitedPasts(next.state)).toEqual([]);
      if (next.state.record.stop_cause !== undefined && current.record.stop_cause === undefined) {
        // Whatever ends the capturing, the wait for its parts begins then.
        expect(next.state.record.deadline).toBeLessThanOrEqual(event.at);
      }
      if (current.record.deadline !== undefined && next.state.record.deadline !== undefined) {
        expect(next.state.record.deadline).toBeLessThanOrEqual(current.record.deadline);
      }
      if (isFinal(next.state.record.status)) {
        expect(next.state.record.ended_at).toBeDefined();
        if (next.state.record.status !== 'success') expect(next.state.record.error_message).toBeTruthy();
      }
      const repeated = step(next.state, event, machineTimes);
      expect(repeated.state).toEqual(next.state);
      drawn.add(`${current.record.status}>${next.state.record.status}`);
      current = next.state;
    }
  };
  // Fewer would not draw every way.
  const runs = Math.max(3000, times(3000));
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }).chain((count) => fc.tuple(fc.constant(count), anyLife(count))),
      fc.constantFrom({}, { lookback_s: 600 }),
      ([count, events], spec) => walk(full(count, { packet_limit: 25, ...spec }), events),
    ),
    { numRuns: runs },
  );
  fc.assert(
    fc.property(fc.array(simpleEvent, { maxLength: 8 }), (events) => walk(simple(), events)),
    { numRuns: 300 },
  );
  // Chains inside one step pass through ways that are checked there; what is seen from outside must be in their closure.
  for (const way of drawn) {
    const [from, to] = way.split('>') as [Status, Status];
    if (from !== to) expect(reach(from)).toContain(to);
  }
  for (const from of statuses) {
    for (const to of transitions[from]) expect(drawn).toContain(`${from}>${to}`);
  }
});
