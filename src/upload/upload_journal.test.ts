import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UploadedPiece } from '../model/piece.ts';
import { openUploadJournal } from './upload_journal.ts';

let folder: string;
let files = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgetap-journal-'));
});
afterAll(() => rm(folder, { recursive: true }));

function fresh(): string {
  files += 1;
  return join(folder, `upload-${files}`);
}

const piece = fc.record({
  number: fc.integer({ min: 1, max: 10_000 }),
  length_bytes: fc.nat(),
  md5: fc.stringMatching(/^[0-9a-f]{32}$/),
  etag: fc.string({ unit: 'grapheme', maxLength: 40 }),
});

async function write(path: string, pieces: readonly UploadedPiece[]): Promise<void> {
  const journal = await openUploadJournal(path, 100);
  for (const one of pieces) await journal.append(one);
  await journal.close();
}

async function read(path: string): Promise<UploadedPiece[]> {
  const journal = await openUploadJournal(path, 100);
  await journal.close();
  return [...journal.pieces.values()];
}

const three = [1, 2, 3].map((number) => ({ number, length_bytes: 100, md5: 'ab'.repeat(16), etag: `etag-${number}` }));

test('what was appended is there the next time, the newest of each number', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
      const path = fresh();
      await write(path, pieces);
      const expected = new Map(pieces.map((one) => [one.number, one]));
      expect(new Map((await read(path)).map((one) => [one.number, one]))).toEqual(expected);
    }),
    { numRuns: 30 },
  );
});

test('the form is lines of checksum and JSON', async () => {
  const path = fresh();
  await write(path, three.slice(0, 1));
  expect(await readFile(path, 'utf8')).toBe(
    `c6272088 ["edgetap upload",1,100]\n6a242362 [1,100,"${'ab'.repeat(16)}","etag-1"]\n`,
  );
});

describe('after a crash', () => {
  test('wherever the file was cut, the whole lines before the cut are kept, and it goes on from there', async () => {
    const path = fresh();
    await write(path, three);
    const whole = await readFile(path);
    for (let length = 0; length <= whole.length; length += 1) {
      await writeFile(path, whole.subarray(0, length));
      const lines = whole.subarray(0, length).toString().split('\n').length - 1;
      const kept = three.slice(0, Math.max(0, lines - 1));
      const journal = await openUploadJournal(path, 100);
      expect([...journal.pieces.values()]).toEqual(kept);
      const next = { number: 9, length_bytes: 1, md5: 'cd'.repeat(16), etag: 'after' };
      await journal.append(next);
      await journal.close();
      expect(await read(path)).toEqual([...kept, next]);
    }
  });

  test('a damaged line ends it: what comes after is sent again', async () => {
    const path = fresh();
    await write(path, three);
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.replace('etag-2', 'etag-X'));
    expect(await read(path)).toEqual(three.slice(0, 1));
    await appendFile(path, 'rubbish\n');
    expect(await read(path)).toEqual(three.slice(0, 1));
    await writeFile(path, 'rubbish');
    expect(await read(path)).toEqual([]);
  });
});

test('a journal of something else is refused with journal_invalid', async () => {
  const path = fresh();
  await write(path, three);
  await expect(openUploadJournal(path, 200)).rejects.toMatchObject({
    faults: [{ name: 'journal_invalid', message: expect.stringContaining('its pieces have 100 bytes, not 200') }],
  });
  await writeFile(path, '40b35226 ["edgetap upload",2,100]\n');
  await expect(openUploadJournal(path, 100)).rejects.toMatchObject({
    faults: [{ name: 'journal_invalid', message: expect.stringContaining('version 2') }],
  });
  await expect(openUploadJournal(join(folder, 'no/where'), 100)).rejects.toMatchObject({ code: 'ENOENT' });
});
