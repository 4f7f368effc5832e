import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { readPackets } from '../../test/support/read_packets.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { endOf, pause, startEngine, startFlood, type TestEngine } from './test_engine.ts';
import { areContiguous } from './test_numbered_frames.ts';

describe.skipIf(withoutRoot('capturing'))('a capture and its disk', () => {
  let pair: NamespacePair;
  beforeAll(async () => {
    pair = await createNamespacePair();
  });
  afterAll(() => pair.remove());

  /** Every packet that is in the file is the one after the one before, and every other one is counted. */
  async function endsFull(engine: TestEngine, room: number): Promise<{ reason: string; fault: string | undefined }> {
    const flood = await startFlood(pair, 0);
    const part = await engine.arm(pair.near.name);
    const { end, packets } = await endOf(part);
    await flood.stop();
    expect(areContiguous(packets.map(({ data }) => data))).toBe(true);
    expect(packets.length).toBeGreaterThan(100);
    expect(end.file_bytes).toBeLessThanOrEqual(room);
    // The next packet would not have fitted (a page or so is the file system's own).
    expect(end.file_bytes).toBeGreaterThan(room - 3 * 4096);
    expect(end.unread).toBeGreaterThan(0n);
    expect(end.notes).toEqual([]);
    expect(engine.spool.budget.used_bytes).toBe(end.file_bytes);
    return { reason: end.stop_reason, fault: end.error?.name };
  }

  test('ends where the disk is full, with the last whole record', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'edgetap-tmpfs-'));
    const room = 3 << 20;
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${room}`, 'edgetap-test', directory]);
    try {
      const engine = await startEngine({ directory });
      expect(await endsFull(engine, room)).toEqual({ reason: 'error', fault: 'spool_write_failed' });
      await engine.close();
    } finally {
      execFileSync('umount', ['--lazy', directory]);
      rmdirSync(directory);
    }
  });

  test('ends where the spool may take no more, with the last whole record', async () => {
    const limit_bytes = 5_000_000;
    const engine = await startEngine({ limit_bytes });
    expect(await endsFull(engine, limit_bytes)).toEqual({ reason: 'spool_full', fault: 'spool_full' });
    await engine.close();
  });

  test('shares the spool among captures: together they stay below its limit', async () => {
    const limit_bytes = 5_000_000;
    const engine = await startEngine({ limit_bytes });
    const parts = [
      await engine.arm(pair.near.name),
      await engine.arm(pair.near.name),
      await engine.arm(pair.near.name),
    ];
    const flood = await startFlood(pair, 1000);
    const ends = await Promise.all(parts.map(async (part) => (await endOf(part)).end));
    await flood.stop();
    const used = ends.reduce((sum, { file_bytes }) => sum + file_bytes, 0);
    expect(ends.map(({ stop_reason }) => stop_reason)).toEqual(['spool_full', 'spool_full', 'spool_full']);
    expect(used).toBeLessThanOrEqual(limit_bytes);
    expect(used).toBeGreaterThan(limit_bytes - 3 * 1016);
    expect(engine.spool.budget.used_bytes).toBe(used);
    await engine.close();
  });

  test('can be read while it is written: what has been shown never changes and ends with a whole record', async () => {
    const engine = await startEngine();
    const flood = await startFlood(pair, 0);
    const part = await engine.arm(pair.near.name);
    const handle = await open(part.path, 'r');
    const seen: Buffer[] = [];
    const seenBytes = (): number => seen.reduce((sum, piece) => sum + piece.length, 0);
    while (seen.length < 5 || seenBytes() <= 1 << 20) {
      const { file_bytes } = part.progress();
      const before = seenBytes();
      const piece = Buffer.alloc(file_bytes - before);
      expect((await handle.read(piece, 0, piece.length, before)).bytesRead).toBe(piece.length);
      seen.push(piece);
      const { packets: found, error } = readPackets([Buffer.concat(seen)]);
      expect(error).toBeUndefined();
      // The packets are counted before the bytes.
      expect(part.progress().packets).toBeGreaterThanOrEqual(BigInt(found.length));
      await pause(40);
    }
    part.stop('stopped');
    await handle.close();
    await endOf(part);
    await flood.stop();
    const file = readFileSync(part.path);
    const all = Buffer.concat(seen);
    expect(file.subarray(0, all.length).equals(all)).toBe(true);
    await engine.close();
  });

  test('leaves nothing in a spool that is emptied', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'edgetap-spool-'));
    const engine = await startEngine({ directory });
    const part = await engine.arm(pair.near.name, { capture_id: 'f'.repeat(32), part: 'x' });
    part.stop('stopped');
    await part.ended;
    await engine.spool.remove('f'.repeat(32), 'x');
    expect([await readdir(directory), engine.spool.budget.used_bytes]).toEqual([[], 0]);
    await engine.close();
    rmSync(directory, { recursive: true });
  });
});
