import { fstatSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFailingDisk } from '../../test/support/failing_disk.ts';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { parsePcap } from '../../test/support/packet_samples.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { CaptureControl } from './capture_control.ts';
import type { PartEnd } from './part.ts';
import type { RingSeat } from './ring_seat.ts';
import { RunningPart } from './running_part.ts';
import { Spool, type SpoolFile } from './spool.ts';
import { acceptAll, interfaceNamed, pause, startEngine, startFlood } from './test_engine.ts';
import type { FromRing } from './worker_messages.ts';
import { areContiguous } from './test_numbered_frames.ts';

type Call = 'datasync' | 'sync' | 'truncate' | 'close' | 'named';

/** A part whose worker is played by the test, over a file of which one call fails, once; or none. */
async function playedPart(
  fails: Call | undefined,
): Promise<{ part: RunningPart; calls: string[]; write: (packets: bigint) => void; end: () => void }> {
  const { spool } = await Spool.open(directory, 1e9);
  const name = fails ?? 'well';
  const file = await spool.create('a'.repeat(32), name);
  await file.named;
  const calls: string[] = [];
  const failing = new Set([fails]);
  const call = async (made: Call, run: () => Promise<void>): Promise<void> => {
    calls.push(made);
    await run();
    if (failing.delete(made)) throw Object.assign(new Error(`EIO: i/o error, ${made}`), { code: 'EIO', errno: -5 });
  };
  const handle = Object.create(file.handle, {
    fd: { value: file.handle.fd },
    datasync: { value: async () => await call('datasync', async () => await file.handle.datasync()) },
    sync: { value: async () => await call('sync', async () => await file.handle.sync()) },
    truncate: {
      value: async (length: number) => await call('truncate', async () => await file.handle.truncate(length)),
    },
    close: { value: async () => await call('close', async () => await file.handle.close()) },
  }) as SpoolFile['handle'];
  const named = fails === 'named' ? Promise.reject(new Error('EIO: i/o error, fsync')) : file.named;
  named.catch(() => undefined);
  const control = new CaptureControl();
  const worker = {
    control,
    listener: undefined as RingSeat['listener'],
    send: () => undefined,
    wake: () => undefined,
  };
  const tell = (message: FromRing): void => worker.listener?.message(message);
  const request = {
    capture_id: 'a'.repeat(32),
    part: name,
    interface: interfaceNamed('lo'),
    program: acceptAll(1),
    snaplen_bytes: 1000,
    time_limit_ms: 60_000,
  };
  const pool = { returning: () => undefined, release: () => undefined };
  const part = new RunningPart(request, { ...file, handle, named }, worker as unknown as RingSeat, pool);
  const arming = part.arm();
  tell({ kind: 'armed', linktype: 1, armed_at: 5n, clock_offset: 0n });
  await arming;
  const state = { packets: 0n };
  const write = (packets: bigint): void => {
    state.packets = packets;
    control.publishWritten(packets, packets * 84n, 24 + Number(packets) * 100);
  };
  const end = (): void =>
    tell({
      kind: 'ended',
      end: {
        stop_reason: control.command ?? 'time_limit',
        packets: state.packets,
        bytes: state.packets * 84n,
        accepted: state.packets,
        dropped: 0n,
        beyond_limit: 0n,
        earlier: 0n,
        unread: 0n,
        unordered: false,
        file_bytes: 24 + Number(state.packets) * 100,
        first: { seconds: 1, nanos: 0 },
        last: { seconds: 2, nanos: 0 },
        error: undefined,
        notes: [],
      },
    });
  return { part, calls, write, end };
}

/** What comes back says how long the last file was when the last sync of it began that has succeeded. */
function syncedLength(spool: Spool): () => number {
  let synced_bytes = 0;
  const create = spool.create.bind(spool);
  spool.create = async (...args) => {
    const file = await create(...args);
    const datasync = file.handle.datasync.bind(file.handle);
    file.handle.datasync = async () => {
      const { size } = fstatSync(file.handle.fd);
      await datasync();
      synced_bytes = size;
    };
    return file;
  };
  return () => synced_bytes;
}

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-failing-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Has it look around until it has asked for so many syncs. */
async function syncs(part: RunningPart, calls: string[], count: number): Promise<void> {
  const asked = (): number => {
    part.lookAround([]);
    return calls.filter((name) => name === 'datasync').length;
  };
  await expect.poll(asked).toBe(count);
  await pause(0);
}

test('a part syncs what comes after a look around that has found nothing new', async () => {
  const { part, calls, write, end } = await playedPart(undefined);
  for (const [index, packets] of [100n, 200n, 300n].entries()) {
    write(packets);
    await syncs(part, calls, index + 1);
    for (let looks = 0; looks < 3; looks += 1) {
      part.lookAround([]);
      await pause(0);
    }
  }
  expect(calls).toEqual(['datasync', 'datasync', 'datasync']);
  end();
  expect(await part.ended).toMatchObject({ packets: 300n, stop_reason: 'time_limit' });
});

describe('a part whose file fails', () => {
  test.each([
    // What fails, how many of 300 packets are kept (100 and 200 were synced before), and what is asked of the file at all.
    ['datasync', 0n, 'datasync'],
    ['sync', 200n, 'datasync datasync truncate sync'],
    ['truncate', 200n, 'datasync datasync truncate'],
    ['named', 300n, 'datasync datasync truncate sync'],
    ['close', 300n, 'datasync datasync truncate sync'],
  ] as const)(
    'in %s: keeps %s packets, counts the rest as lost, tells why, and syncs no more',
    async (fails, kept, asked) => {
      const { part, calls, write, end } = await playedPart(fails);
      for (const [index, packets] of [100n, 200n].entries()) {
        write(packets);
        part.lookAround([]);
        await syncs(part, calls, fails === 'datasync' ? 1 : index + 1);
      }
      write(300n);
      end();
      const ended: PartEnd = await part.ended;
      expect(ended.stop_reason).toBe('error');
      expect(ended).toMatchObject({ packets: kept, bytes: kept * 84n, unread: 300n - kept, accepted: 300n });
      expect(ended.file_bytes).toBe(kept === 0n ? 0 : 24 + Number(kept) * 100);
      expect(ended.error?.name).toBe('spool_write_failed');
      expect(ended.error?.message).toMatch(/EIO: i\/o error, .*\.pcap, lo\)/);
      // Whatever else was asked of it, it was no sync.
      expect(calls.slice(0, asked.split(' ').length).join(' ')).toBe(asked);
      expect(calls.slice(asked.split(' ').length).filter((name) => name.endsWith('sync'))).toEqual([]);
    },
  );
});

describe.skipIf(withoutRoot('capturing'))('a capture whose device fails and heals', () => {
  let pair: NamespacePair;
  beforeAll(async () => {
    pair = await createNamespacePair();
  });
  afterAll(() => pair.remove());

  test('keeps what the device has confirmed, byte for byte, and counts the rest as lost', async () => {
    const disk = createFailingDisk();
    try {
      const engine = await startEngine({ directory: join(disk.directory, 'spool') });
      const synced = syncedLength(engine.spool);
      const part = await engine.arm(pair.near.name);
      const sent = await (await startFlood(pair, 200, 20_000)).stop();
      await expect.poll(() => Number(part.progress().packets)).toBeGreaterThanOrEqual(sent);
      await expect.poll(synced).toBeGreaterThanOrEqual(part.progress().file_bytes);
      disk.fail();
      await (await startFlood(pair, 200, 20_000)).stop();
      const end = await part.ended;
      disk.heal();
      expect(end).toMatchObject({ stop_reason: 'error', error: { name: 'spool_write_failed' } });
      expect(end.error?.message).toMatch(/(EIO|ENOSPC): .*\.pcap/);
      expect(end.unread).toBeGreaterThan(0n);
      expect(Number(end.packets)).toBeGreaterThanOrEqual(sent);
      expect(end.packets + end.dropped + end.beyond_limit + end.earlier + end.unread).toBe(end.accepted);
      await engine.engine.close('shutdown');
      disk.forget();
      const file = readFileSync(part.path).subarray(0, end.file_bytes);
      expect(statSync(part.path).size).toBeGreaterThanOrEqual(end.file_bytes);
      const { packets } = parsePcap(file);
      expect(BigInt(packets.length)).toBe(end.packets);
      expect(areContiguous(packets.slice(0, sent).map(({ data }) => data))).toBe(true);
    } finally {
      disk.remove();
    }
  });
});
