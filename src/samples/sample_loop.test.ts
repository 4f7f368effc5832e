import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { Waiter } from '../libpcap/waiter.ts';
import { systemClock } from './clock.ts';
import { fault, FaultError } from '../model/errors/fault.ts';
import { LiveSource, type LiveSourceOptions, type SampleSource } from './live_source.ts';
import { runSampleLoop, type SampleLoopPorts } from './sample_loop.ts';
import type { FromSampler, ToSampler } from './sampler_messages.ts';
import { SamplerState } from './sampler_state.ts';
import { numberedFrame, numberOf } from './test_frames.ts';
import { packetsOf } from './test_packets.ts';

const hour = 3_600_000_000_000n;

describe.skipIf(withoutRoot('sampling'))('the sampling loop', () => {
  let pair: NamespacePair;
  let root = '';
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'edgetap-loop-'));
    pair = await createNamespacePair();
  });
  afterAll(async () => {
    await pair.remove();
    rmSync(root, { recursive: true, force: true });
  });

  /** Runs the loop in this thread, which it blocks; `round` is called whenever it looks for messages. */
  function run(
    name: string,
    round: (count: number, clock: { offset: bigint }, state: SamplerState) => void,
    more: {
      readonly offers?: boolean;
      readonly ring?: { readonly block_timeout_ms: number };
      readonly ring_bytes?: number;
      readonly open?: (order: LiveSourceOptions) => SampleSource;
      readonly first?: boolean;
    } = {},
  ): { sent: FromSampler[]; file: (slot: number) => string } {
    const state = new SamplerState();
    const clock = { offset: 0n };
    const sent: FromSampler[] = [];
    const inbox: ToSampler[] = [];
    const file = (slot: number): string => join(root, `${name}-${slot}.pcap`);
    let [count, slot, generation] = [0, 0, 0];
    const offer = (generation: number): void => {
      if (more.offers === false) return;
      const [packets_descriptor, header_descriptor] = [openSync(file(slot), 'w+'), openSync(join(root, 'seg'), 'w+')];
      inbox.push({ kind: 'segment', generation, slot, packets_descriptor, header_descriptor, limit_bytes: 1e9 });
      slot++;
    };
    const ports: SampleLoopPorts = {
      waiter: new Waiter(),
      now: () => systemClock.now() + clock.offset,
      monotonic: () => systemClock.monotonic(),
      send: (message) => {
        sent.push(message);
        if (message.kind === 'opened') offer((generation = message.generation));
        if (message.kind === 'taken') offer(generation);
      },
      open: more.open ?? ((source) => new LiveSource({ ...source, ...more.ring })),
      waited: () => undefined,
      receive: () => {
        const message = inbox.shift();
        if (message === undefined) round(++count, clock, state);
        return message;
      },
    };
    const order = {
      rate: 1,
      ring_bytes: more.ring_bytes ?? 1 << 20,
      memories: 8,
      promiscuous: true,
      segment_age_ms: 60_000,
      first: more.first ?? true,
      state: state.buffer,
    };
    runSampleLoop({ ...order, interface: name }, ports);
    return { sent, file };
  }

  test('begins a new segment when the clock is set, and what each covers is told by the clock of its time', () => {
    const begun = systemClock.now();
    const { sent, file } = run(pair.near.name, (count, clock, state) => {
      if (count === 4) replayFrames(pair.far, [numberedFrame(1)]);
      // Each round takes out what came, and waits for up to 50 ms where nothing did.
      if (count === 10) clock.offset = hour;
      if (count === 12) replayFrames(pair.far, [numberedFrame(2)]);
      if (count === 18) state.stop();
    });
    const finished = sent.filter((message) => message.kind === 'finished');
    expect(finished.map(({ seal }) => seal.reason)).toEqual(['clock_set', 'shutdown']);
    const [first, second] = finished;
    if (first === undefined || second === undefined) throw new Error('two segments were to be finished');
    expect(first.seal.watermark - begun).toBeLessThan(hour / 2n);
    expect(second.start.watermark - begun).toBeGreaterThan(hour / 2n);
    expect(second.seal.watermark).toBeGreaterThan(second.start.watermark);
    const numbers = [0, 1].map((slot) =>
      packetsOf(new Uint8Array(readFileSync(file(slot)).subarray(24))).map(({ bytes }) => numberOf(bytes)),
    );
    expect(numbers).toEqual([[1], [2]]);
    expect(sent.at(-1)).toEqual({ kind: 'ended' });
  });

  test.each([-hour, -25n * hour, -400n * hour])(
    'set back by %d ns while many packets wait, it claims nothing of the time that is still to come',
    (set_ns) => {
      let ahead = 0n;
      let seen = 0;
      const { sent } = run(
        pair.near.name,
        (count, clock, state) => {
          if (count === 4) {
            replayFrames(
              pair.far,
              Array.from({ length: 8000 }, (_, number) => Buffer.concat([numberedFrame(number), Buffer.alloc(200)])),
            );
            // These are stamped by the clock as it was.
            clock.offset = set_ns;
          }
          const { watermark } = state;
          if (count > 5 && watermark !== undefined) {
            const lead = watermark - (systemClock.now() + set_ns);
            if (lead > ahead) ahead = lead;
            seen += 1;
          }
          if (count === 30) state.stop();
        },
        { ring_bytes: 8 << 20 },
      );
      expect(seen).toBeGreaterThan(10);
      expect(ahead).toBe(0n);
      const last = sent.findLast((message) => message.kind === 'finished');
      expect(last?.seal.records).toBeGreaterThan(4000);
      expect(last?.seal.watermark).toBeLessThanOrEqual(systemClock.now() + set_ns);
    },
  );

  test('what comes between the last look and the end is kept', () => {
    const { sent, file } = run(pair.near.name, (count, _clock, state) => {
      if (count !== 5) return;
      replayFrames(pair.far, [numberedFrame(8), numberedFrame(9)]);
      state.stop();
    });
    const kept = packetsOf(new Uint8Array(readFileSync(file(0)).subarray(24))).map(({ bytes }) => numberOf(bytes));
    expect(kept).toEqual([8, 9]);
    const finished = sent.find((message) => message.kind === 'finished');
    expect(finished?.seal).toMatchObject({ records: 2, accepted: 2n, dropped: 0n, lost: 0n, reason: 'shutdown' });
  });

  test('does not say that all is there while the ring still holds a packet, however long', () => {
    const seen: { found: boolean; watermark: bigint }[] = [];
    let packet_time = 0n;
    const { file } = run(
      pair.near.name,
      (count, _clock, state) => {
        if (count === 4) replayFrames(pair.far, [numberedFrame(1)]);
        const { records, least } = state.content(0);
        seen.push({ found: records > 0, watermark: state.watermark ?? 0n });
        if (least !== undefined) packet_time = least;
        // Until it can be said, after the packet was found.
        if (records > 0 && (state.watermark ?? 0n) > packet_time + 500_000_000n) state.stop();
      },
      { ring: { block_timeout_ms: 800 } },
    );
    expect(packetsOf(new Uint8Array(readFileSync(file(0)).subarray(24)))).toHaveLength(1);
    const before = seen.filter(({ found }) => !found);
    expect(before.length).toBeGreaterThan(5);
    expect(before.filter(({ watermark }) => watermark >= packet_time)).toEqual([]);
  });

  test('without a segment to write into it sleeps, however much comes', () => {
    const begun = performance.now();
    let rounds = 0;
    run(
      pair.near.name,
      (count, _clock, state) => {
        rounds = count;
        if (count === 1) replayFrames(pair.far, [numberedFrame(1)]);
        if (performance.now() - begun > 600) state.stop();
      },
      { offers: false },
    );
    expect(rounds).toBeLessThan(40);
  });

  test('an interface that is not there is waited for, and said once', () => {
    const { sent } = run('et-not-there', (count, _clock, state) => {
      if (count > 3) state.stop();
    });
    expect(sent).toMatchObject([
      { kind: 'trouble', fault: { name: 'sampling_interrupted', message: expect.stringContaining('et-not-there') } },
      { kind: 'ended' },
    ]);
  });

  describe.each([
    'filter_attach_failed',
    'capture_open_failed',
    'capture_denied',
    'libpcap_missing',
    'native_call_failed',
  ] as const)('that cannot open its interface again: %s', (name) => {
    const refusal = {
      filter_attach_failed: fault('filter_attach_failed', { interface: 'x', reason: 'Cannot allocate memory' }),
      capture_open_failed: fault('capture_open_failed', { interface: 'x', reason: 'Cannot allocate memory' }),
      capture_denied: fault('capture_denied', { hint: 'sudo npm start' }),
      libpcap_missing: fault('libpcap_missing', { hint: 'apt-get install' }),
      native_call_failed: fault('native_call_failed', { call: 'fcntl', reason: 'Cannot allocate memory' }),
    }[name];

    test('says so, goes on trying, and samples when it can', () => {
      let opened = 0;
      const open = (source: LiveSourceOptions): SampleSource => {
        opened += 1;
        if (opened === 2 || opened === 3) throw new FaultError([refusal]);
        const live = new LiveSource(source);
        if (opened > 1) return live;
        // The first one fails once it is at work.
        let drained = 0;
        return new Proxy(live, {
          get(of, key) {
            if (key === 'drain' && ++drained > 2)
              throw new FaultError([fault('interface_removed', { interface: 'x' })]);
            const value: unknown = Reflect.get(of, key, of);
            return typeof value === 'function' ? value.bind(of) : value;
          },
        });
      };
      let sampling = 0;
      const { sent } = run(
        pair.near.name,
        (_count, _clock, state) => {
          if (opened === 4 && state.phase === 'sampling' && ++sampling > 2) state.stop();
        },
        { open },
      );
      const troubles = sent.flatMap((message) => (message.kind === 'trouble' ? [message.fault.message] : []));
      expect(troubles).toHaveLength(2);
      expect(troubles[1]).toContain(refusal.message);
      expect(sent.filter((message) => message.kind === 'opened')).toHaveLength(2);
      expect(sent.at(-1)).toEqual({ kind: 'ended' });
    });
  });
});
