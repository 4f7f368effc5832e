import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { parsePcap } from '../../test/support/packet_samples.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { loadLibpcap } from '../libpcap/binding.ts';
import type { PcapFunctions } from '../libpcap/pcap_functions.ts';
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

const none = { packets: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
const frames = numberedFrames(100);

describe.skipIf(withoutRoot('capturing'))('a run whose library fails', () => {
  let pair: NamespacePair;
  let directory: string;
  beforeAll(async () => {
    pair = await createNamespacePair();
    directory = mkdtempSync(join(tmpdir(), 'edgetap-run-'));
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true });
    await pair.remove();
  });

  /**
   * Ten frames are sent and read; with the next call of `pcap_dispatch`, ten more are, and that call is `fail`'s to answer. The
   * thread of the test is the one that captures.
   */
  function capture(fail: (dispatch: () => number) => number): { end: RunEnd; numbers: number[] } {
    const native = loadLibpcap();
    let [read, calls] = [0, 0];
    const pcap_dispatch: PcapFunctions['pcap_dispatch'] = (...args) => {
      if (read < 10) {
        const count = native.pcap.pcap_dispatch(...args);
        read += count;
        return count;
      }
      calls += 1;
      if (calls === 1) {
        replayFrames(pair.far, frames.slice(10, 20));
        // Until the kernel hands the block over.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
        return fail(() => native.pcap.pcap_dispatch(...args));
      }
      return native.pcap.pcap_dispatch(...args);
    };
    const path = join(directory, 'part.pcap');
    const descriptor = openSync(path, 'w');
    const of = { name: pair.near.name, ifindex: pair.near.ifindex };
    const [snaplen_bytes, block_timeout_ms] = [9000, 20];
    const handle = openLive({ interface: of, snaplen_bytes, ring_bytes: 1 << 20, block_timeout_ms, promiscuous: true });
    const file = new PartFile(
      {
        write: (pieces, position) => writevSync(descriptor, pieces, position),
        truncate: (length) => ftruncateSync(descriptor, length),
      },
      new SpoolShare(new SpoolBudget(1e9)),
    );
    const waiter = new Waiter();
    const control = new CaptureControl();
    const run = new CaptureRun({
      handle,
      file,
      control,
      snaplen_bytes,
      block_timeout_ms,
      limits: none,
      now: () => Number(process.hrtime.bigint()),
      native: { ...native, pcap: { ...native.pcap, pcap_dispatch } },
    });
    file.begin(run.fileHeader);
    handle.attachFilter(acceptAll(1).instructions);
    handle.start();
    control.deadline_ns = Number(process.hrtime.bigint()) + 20e9;
    replayFrames(pair.far, frames.slice(0, 10));
    const end = runAlone(run.run(), waiter);
    run.close();
    waiter.close();
    handle.close();
    closeSync(descriptor);
    expect(end.packets + end.dropped + end.beyond_limit + end.unread).toBe(end.accepted);
    const { packets } = parsePcap(readFileSync(path));
    return { end, numbers: packets.map(({ data }) => numberIn(data)) };
  }

  const first = frames.slice(0, 10).map(numberIn);

  test('to read ends with what came before, and counts the rest as lost', () => {
    const { end, numbers } = capture(() => -1);
    expect(end.stop_reason).toBe('error');
    expect(end.error).toMatchObject({ name: 'capture_read_failed', code: 1505 });
    expect(numbers).toEqual(first);
    expect([end.accepted, end.unread, end.notes]).toEqual([20n, 10n, []]);
  });

  test.each([
    ['more', 1],
    ['fewer', -1],
  ])('to count, with %s packets than it gave, ends with what came before', (_, off) => {
    const { end, numbers } = capture((dispatch) => dispatch() + off);
    expect(end.stop_reason).toBe('error');
    expect(end.error).toMatchObject({ name: 'batch_inconsistent', code: 1506 });
    expect(end.error?.message).toContain('is 1160 bytes long and should be');
    expect(numbers).toEqual(first);
    expect([end.accepted, end.unread]).toEqual([20n, 10n]);
    expect(end.notes).toEqual([`${-off} packets that the kernel counted were not handed over`]);
  });
});
