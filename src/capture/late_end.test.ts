import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { parsePcap } from '../../test/support/packet_samples.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { openLive } from '../libpcap/open_live.ts';
import { runAlone } from '../libpcap/ring_turns.ts';
import { Waiter } from '../libpcap/waiter.ts';
import { CaptureControl } from './capture_control.ts';
import { CaptureRun } from './capture_run.ts';
import { PartFile } from './part_file.ts';
import type { RunEnd } from './run_end.ts';
import { SpoolBudget } from './spool_budget.ts';
import { SpoolShare } from './spool_share.ts';
import { acceptAll } from './test_engine.ts';
import { numberedFrames, numberIn } from './test_numbered_frames.ts';

/** A thread that does not run for a while: in its first sleep something happens that it does not see. */
class PausedWaiter extends Waiter {
  #pause: (() => void) | undefined;

  constructor(pause: () => void) {
    super();
    this.#pause = pause;
  }

  override wait(socket: number, timeout_ms: number): void {
    const pause = this.#pause;
    this.#pause = undefined;
    if (pause === undefined) super.wait(socket, timeout_ms);
    else pause();
  }
}

/** The monotonic clock, in nanoseconds. */
const now = (): number => Number(process.hrtime.bigint());
const none = { packets: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
/** Five times as much as the ring holds. */
const flood = Array.from({ length: 5 }, () => numberedFrames(1000)).flat();
const few = numberedFrames(100).slice(0, 10);

const sleep = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

describe.skipIf(withoutRoot('capturing'))('a capture whose end is noticed late', () => {
  let pair: NamespacePair;
  let directory: string;
  beforeAll(async () => {
    pair = await createNamespacePair();
    directory = mkdtempSync(join(tmpdir(), 'edgetap-late-end-'));
  });
  afterAll(async () => {
    await pair.remove();
    rmSync(directory, { recursive: true });
  });

  const send = (frames: readonly Uint8Array[]): number => replayFrames(pair.far, frames);

  /** Captures in this thread; `paused` is what happens while it does not run, and says when its time is over. */
  function capture(
    paused: (endAt: (ns: number) => void) => void,
    limits = none,
  ): { readonly end: RunEnd; readonly numbers: readonly number[] } {
    const path = join(directory, 'part.pcap');
    const descriptor = openSync(path, 'w');
    const of = { name: pair.near.name, ifindex: pair.near.ifindex };
    const [snaplen_bytes, block_timeout_ms] = [9000, 20];
    const handle = openLive({ interface: of, snaplen_bytes, ring_bytes: 1 << 20, block_timeout_ms, promiscuous: true });
    const control = new CaptureControl();
    const waiter = new PausedWaiter(() => paused((ns) => (control.deadline_ns = ns)));
    const file = new PartFile(
      {
        write: (pieces, position) => writevSync(descriptor, pieces, position),
        truncate: (length) => ftruncateSync(descriptor, length),
      },
      new SpoolShare(new SpoolBudget(1e9)),
    );
    const run = new CaptureRun({ handle, control, file, snaplen_bytes, block_timeout_ms, limits, now });
    try {
      file.begin(run.fileHeader);
      handle.attachFilter(acceptAll(1).instructions);
      handle.start();
      control.deadline_ns = now() + 60e9;
      const end = runAlone(run.run(), waiter);
      expect(end.packets + end.dropped + end.beyond_limit + end.earlier + end.unread).toBe(end.accepted);
      return { end, numbers: parsePcap(readFileSync(path)).packets.map(({ data }) => numberIn(data)) };
    } finally {
      run.close();
      handle.close();
      waiter.close();
      closeSync(descriptor);
    }
  }

  test('has nothing from after its time limit, and has lost nothing of it', () => {
    const { end, numbers } = capture((endAt) => {
      send(few);
      endAt(now());
      sleep(50);
      send(flood);
    });
    expect(numbers).toEqual(few.map(numberIn));
    expect(end).toMatchObject({
      stop_reason: 'time_limit',
      packets: 10n,
      dropped: 0n,
      beyond_limit: BigInt(flood.length),
    });
    expect(end).not.toHaveProperty('dropped_is_upper_bound');
  });

  test('tells as a bound what was lost before or after its time limit', () => {
    const { end } = capture((endAt) => {
      send(flood);
      endAt(now());
      sleep(50);
      send(few);
    });
    expect(end).toMatchObject({ stop_reason: 'time_limit', dropped_is_upper_bound: true, beyond_limit: 0n });
    expect(end.dropped).toBeGreaterThan(BigInt(flood.length / 2));
  });

  test('counts what was lost before its time limit as lost, and as nothing but that', () => {
    const { end } = capture((endAt) => {
      send(flood);
      endAt(now() + 3e9);
    });
    expect(end).toMatchObject({ stop_reason: 'time_limit', beyond_limit: 0n });
    expect(end.dropped).toBeGreaterThan(BigInt(flood.length / 2));
    expect(end).not.toHaveProperty('dropped_is_upper_bound');
  });

  test('has lost nothing where its packets were all in the ring before it was full', () => {
    const { end, numbers } = capture(() => send(flood), { ...none, packets: 50 });
    expect(numbers).toEqual(flood.slice(0, 50).map(numberIn));
    expect(end).toMatchObject({ stop_reason: 'packet_limit', dropped: 0n, beyond_limit: BigInt(flood.length - 50) });
    expect(end).not.toHaveProperty('dropped_is_upper_bound');
  });
});
