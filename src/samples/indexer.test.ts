import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait_for.ts';
import type { Fault } from '../model/errors/fault.ts';
import { systemClock } from './clock.ts';
import { Indexer } from './indexer.ts';
import { SamplerState } from './sampler_state.ts';
import { segmentLabel } from './segment_label.ts';
import { segmentFiles } from './segment_name.ts';
import { crowd_begin, type TestPacket } from './test_packets.ts';
import { TestWriter } from './test_writer.ts';

const end = crowd_begin + 1000n;
const everything = { formula: { kind: 'any' } } as const;
const faults: Fault[] = [];
const damaged: string[] = [];
let root = '';
let writer: TestWriter;
let indexer: Indexer;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-indexer-'));
  faults.length = 0;
  damaged.length = 0;
  writer = new TestWriter(root, { interface: 'a', linktype: 1 });
  indexer = new Indexer({
    clock: systemClock,
    report: (fault) => faults.push(fault),
    makeRoom: () => Promise.resolve(0),
    indexed: (_stream, segment, bytes) => {
      segment.index_bytes = bytes;
    },
    damaged: (stream, number, reason) => damaged.push(`${segmentLabel(stream, number)}: ${reason}`),
  });
});
afterEach(async () => {
  await indexer.close();
  await writer.abandon();
  rmSync(root, { recursive: true, force: true });
});

const packet = (offset: number): TestPacket => ({
  time: crowd_begin + BigInt(offset),
  original: 90,
  bytes: new Uint8Array(90),
});

async function sealed(number: number): Promise<(typeof writer.stream.sealed)[number]> {
  await writer.begin(crowd_begin);
  writer.write([packet(1), packet(2)], end);
  await writer.seal('size', end);
  const segment = writer.stream.sealed.find((one) => one.number === number);
  if (segment === undefined) throw new Error(`segment ${number} was not sealed`);
  return segment;
}

const path = (number: number, kind: 'index' | 'new_index'): string =>
  join(writer.stream.directory, segmentFiles(number)[kind]);

describe('the indexer', () => {
  test('follows a segment as it grows, and writes its index once it is sealed', async () => {
    const open = await writer.begin(crowd_begin);
    indexer.follow(writer.stream, open.number, writer.state.buffer, open.slot);
    writer.write([packet(1), packet(2)], end);
    const label = segmentLabel(writer.stream, open.number);
    const known = await waitFor(
      async () => {
        const growing = (await indexer.ask(everything)).get(label);
        return growing?.end === 24 + 2 * 106 ? growing : undefined;
      },
      { what: 'both packets are indexed' },
    );
    expect(known.blocks.length).toBe(24);
    writer.write([packet(3)], end);
    await writer.seal('size', end);
    const [segment] = writer.stream.sealed;
    if (segment === undefined) throw new Error('there is a segment');
    indexer.seal(writer.stream, segment, true);
    await waitFor(() => segment.index_bytes !== undefined, { what: 'it is indexed' });
    expect([existsSync(path(1, 'index')), indexer.backlog, faults]).toEqual([true, 0, []]);
    expect((await indexer.ask(everything)).size).toBe(0);
  });

  test('says once which index could not be written, and leaves nothing of it', async () => {
    const segment = await sealed(1);
    // Where a directory is, no file can be written.
    mkdirSync(path(1, 'new_index'));
    indexer.seal(writer.stream, segment, true);
    await waitFor(() => faults.length > 0, { what: 'it is told' });
    expect(faults).toMatchObject([
      { name: 'index_write_failed', message: expect.stringContaining('a@1/0000000001.pcap') },
    ]);
    expect([segment.index_bytes, indexer.backlog, existsSync(path(1, 'index'))]).toEqual([undefined, 0, false]);
  });

  test('says nothing of a segment that is evicted before it has its index', async () => {
    const segment = await sealed(1);
    // Gone before its first byte is read, while it grows and once it is sealed.
    writer.stream.sealed.splice(0);
    rmSync(writer.stream.directory, { recursive: true });
    const state = new SamplerState();
    state.publish(0, { length: 1000, checksum: 0, records: 9, least: 1n, greatest: 2n, dropped: 0n, lost: 0n });
    indexer.follow(writer.stream, 7, state.buffer, 0);
    expect((await indexer.ask(everything)).size).toBe(0);
    indexer.seal(writer.stream, segment, true);
    await waitFor(() => indexer.backlog === 0, { what: 'it is let go' });
    expect([faults, damaged]).toEqual([[], []]);
  });

  test('begins again after its thread has died, with all that it had to do', async () => {
    const segment = await sealed(1);
    // A state without its fields: the thread cannot go on.
    indexer.follow(writer.stream, 99, new SharedArrayBuffer(8), 0);
    await waitFor(() => faults.length > 0, { what: 'its death is told' });
    expect(faults).toMatchObject([{ name: 'indexing_interrupted' }]);
    indexer.forget(writer.stream, 99);
    indexer.seal(writer.stream, segment, true);
    await waitFor(() => segment.index_bytes !== undefined, { what: 'it is indexed' });
    expect([existsSync(path(1, 'index')), damaged]).toEqual([true, []]);
  });
});
