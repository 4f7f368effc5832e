import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, writevSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runs as numRuns } from '../../test/support/packet_tools.ts';
import { ByteRuns } from './byte_runs.ts';
import { type FileWriter, type Memories, PartFile } from './part_file.ts';
import { SpoolBudget } from './spool_budget.ts';
import { SpoolShare } from './spool_share.ts';

const header = Uint8Array.from({ length: 24 }, (_, index) => index + 1);

/** Records in two memories, written as alternating runs. */
function makeRuns(lengths: readonly number[]): { runs: ByteRuns; memories: Memories; records: Uint8Array[] } {
  const stores = [new Uint8Array(8192), new Uint8Array(8192)];
  const filled = [0, 0];
  const runs = new ByteRuns();
  const records = lengths.map((length, index) => {
    const memory = index % 3 === 0 ? 1 : 0;
    const record = new Uint8Array(16 + length).fill(index + 1);
    new DataView(record.buffer).setUint32(8, length, true);
    const start = filled[memory] ?? 0;
    stores[memory]?.set(record, start);
    runs.add(memory, start, start + record.length);
    filled[memory] = start + record.length;
    return record;
  });
  const of = (memory: number): Uint8Array => stores[memory] ?? new Uint8Array(0);
  const memories: Memories = {
    view: (memory) => new DataView(of(memory).buffer),
    bytes: (memory, start, end) => of(memory).subarray(start, end),
  };
  return { runs, memories, records };
}

function total(lengths: readonly number[]): { packets: number; bytes: number } {
  return { packets: lengths.length, bytes: lengths.reduce((sum, one) => sum + one, 0) };
}

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-part-file-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A real file whose disk takes `room` bytes, `step` at a time. */
function openFile(room: number, step: number): { writer: FileWriter; content: () => Uint8Array } {
  const path = join(directory, 'part.pcap');
  const descriptor = openSync(path, 'w');
  const writer: FileWriter = {
    write(pieces, position) {
      const left = Math.min(step, room - position);
      if (left <= 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      const bytes = Buffer.concat(pieces).subarray(0, left);
      return writevSync(descriptor, [bytes], position);
    },
    truncate: (length) => ftruncateSync(descriptor, length),
  };
  return {
    writer,
    content() {
      closeSync(descriptor);
      return readFileSync(path);
    },
  };
}

const lengthsOf = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 });

/** How many of the records fit, and their bytes on the disk. */
function fitting(records: readonly Uint8Array[], room: number): { count: number; bytes: number } {
  let [count, bytes] = [0, header.length];
  for (const record of records) {
    if (bytes + record.length > room) break;
    count += 1;
    bytes += record.length;
  }
  return { count, bytes };
}

describe('a part has whole records only', () => {
  test('whatever the disk takes, in whatever pieces', () => {
    fc.assert(
      fc.property(
        lengthsOf,
        fc.integer({ min: 24, max: 5000 }),
        fc.integer({ min: 1, max: 999 }),
        (lengths, room, step) => {
          const { runs, memories, records } = makeRuns(lengths);
          const { writer, content } = openFile(room, step);
          const budget = new SpoolBudget(1_000_000);
          const file = new PartFile(writer, new SpoolShare(budget));
          file.begin(header);
          file.append(runs, memories, total(lengths));
          const fits = fitting(records, room);
          expect(content()).toEqual(Buffer.concat([header, ...records.slice(0, fits.count)]));
          expect([file.length, file.packets, budget.used_bytes]).toEqual([fits.bytes, BigInt(fits.count), fits.bytes]);
          expect(file.bytes).toBe(BigInt(total(lengths.slice(0, fits.count)).bytes));
          expect(file.fault?.name).toBe(fits.count === lengths.length ? undefined : 'spool_write_failed');
        },
      ),
      { numRuns: numRuns(100) },
    );
  });

  test('and stays within the budget', () => {
    fc.assert(
      fc.property(lengthsOf, fc.integer({ min: 24, max: 5000 }), (lengths, limit) => {
        const { runs, memories, records } = makeRuns(lengths);
        const { writer, content } = openFile(1_000_000, 1_000_000);
        const budget = new SpoolBudget(limit);
        const file = new PartFile(writer, new SpoolShare(budget));
        file.begin(header);
        file.append(runs, memories, total(lengths));
        const fits = fitting(records, limit);
        expect(file.fault?.name).toBe(fits.count === lengths.length ? undefined : 'spool_full');
        expect([file.length, file.packets, budget.used_bytes]).toEqual([fits.bytes, BigInt(fits.count), fits.bytes]);
        // After a failure it takes nothing more.
        if (file.fault !== undefined) file.append(runs, memories, total(lengths));
        expect(content()).toEqual(Buffer.concat([header, ...records.slice(0, fits.count)]));
      }),
      { numRuns: numRuns(100) },
    );
  });
});

test('a spool without room for the header is full', () => {
  const { writer, content } = openFile(1000, 1000);
  const budget = new SpoolBudget(23);
  const file = new PartFile(writer, new SpoolShare(budget));
  file.begin(header);
  expect(file.fault).toMatchObject({ name: 'spool_full', code: 1507 });
  expect([content().length, budget.used_bytes]).toEqual([0, 0]);
});

test('a disk without room for the header leaves an empty file', () => {
  const { writer, content } = openFile(10, 1000);
  const budget = new SpoolBudget(1000);
  const file = new PartFile(writer, new SpoolShare(budget));
  file.begin(header);
  expect(file.fault?.message).toBe('Writing to the spool failed: ENOSPC: no space left on device, write');
  expect([content().length, file.length, budget.used_bytes]).toEqual([0, 0, 0]);
});
