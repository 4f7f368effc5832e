import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createNamespacePair } from '../../test/support/namespace_pair.ts';
import { parsePcap } from '../../test/support/packet_samples.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { openLive } from '../libpcap/open_live.ts';
import { runAlone } from '../libpcap/ring_turns.ts';
import { Waiter } from '../libpcap/waiter.ts';
import { CaptureControl } from './capture_control.ts';
import { CaptureRun } from './capture_run.ts';
import { PartFile } from './part_file.ts';
import { SpoolBudget } from './spool_budget.ts';
import { SpoolShare } from './spool_share.ts';
import { acceptAll } from './test_engine.ts';
import { numberedFrames, numberIn } from './test_numbered_frames.ts';

// The kernel's timer may be late, on a busy machine or one whose host is: here the ring is told a longer time than the run.
test.skipIf(withoutRoot('capturing'))('what the kernel hands over late is waited for at the end', async () => {
  const pair = await createNamespacePair();
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-late-'));
  const path = join(directory, 'part.pcap');
  const descriptor = openSync(path, 'w');
  const of = { name: pair.near.name, ifindex: pair.near.ifindex };
  const more = { snaplen_bytes: 9000, ring_bytes: 1 << 20, promiscuous: true };
  const handle = openLive({ interface: of, ...more, block_timeout_ms: 300 });
  const waiter = new Waiter();
  const control = new CaptureControl();
  const file = new PartFile(
    {
      write: (pieces, position) => writevSync(descriptor, pieces, position),
      truncate: (length) => ftruncateSync(descriptor, length),
    },
    new SpoolShare(new SpoolBudget(1e9)),
  );
  const run = new CaptureRun({
    handle,
    control,
    file,
    snaplen_bytes: 9000,
    block_timeout_ms: 20,
    limits: { packets: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY },
    now: () => Number(process.hrtime.bigint()),
  });
  try {
    const frames = numberedFrames(100).slice(0, 10);
    file.begin(run.fileHeader);
    handle.attachFilter(acceptAll(1).instructions);
    handle.start();
    replayFrames(pair.far, frames);
    control.deadline_ns = Number(process.hrtime.bigint()) + 60e9;
    control.stop('stopped');
    expect(runAlone(run.run(), waiter)).toMatchObject({
      stop_reason: 'stopped',
      packets: 10n,
      accepted: 10n,
      unread: 0n,
      notes: [],
    });
    expect(parsePcap(readFileSync(path)).packets.map(({ data }) => numberIn(data))).toEqual(frames.map(numberIn));
  } finally {
    run.close();
    handle.close();
    waiter.close();
    closeSync(descriptor);
    rmSync(directory, { recursive: true });
    await pair.remove();
  }
});
