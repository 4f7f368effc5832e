import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withoutRoot } from '../../test/support/without_root.ts';
import type { Fault } from '../model/errors/fault.ts';
import { openLenientJournal } from './lenient_journal.ts';
import { openUploadJournal } from './upload_journal.ts';

const skip = withoutRoot('a journal on a full disk');
const disk = mkdtempSync(join(tmpdir(), 'edgetap-journal-'));
const piece = (number: number): { number: number; length_bytes: number; md5: string; etag: string } => ({
  number,
  length_bytes: 5,
  md5: 'a'.repeat(32),
  etag: 'e',
});

beforeAll(() => {
  if (!skip) execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'edgetap-test', disk]);
});
afterAll(() => {
  if (!skip) execFileSync('umount', [disk]);
  rmSync(disk, { recursive: true });
});

/** Takes all that is left of the disk. */
function fill(): void {
  for (let size = 65_536; size >= 1; size /= 2) {
    try {
      writeFileSync(join(disk, `filler-${size}`), Buffer.alloc(size));
    } catch {
      // A part of it was written: smaller ones fill the rest.
    }
  }
}

test.skipIf(skip)('a full disk: pieces are remembered, and told not to be written down', async () => {
  const told: Fault[] = [];
  const path = join(disk, 'full');
  fill();
  const journal = await openLenientJournal(path, 5, (fault) => told.push(fault));
  await journal.append(piece(1));
  expect([...journal.pieces.keys()]).toEqual([1]);
  expect(told.map((fault) => fault.name)).toContain('journal_unwritable');
  expect(told[0]?.message).toContain('ENOSPC');
  await journal.close();
});

test('a disk with room: they are on it', async () => {
  const told: Fault[] = [];
  const path = join(mkdtempSync(join(tmpdir(), 'edgetap-journal-')), 'good');
  const journal = await openLenientJournal(path, 5, (fault) => told.push(fault));
  await journal.append(piece(1));
  await journal.close();
  const again = await openLenientJournal(path, 5, (fault) => told.push(fault));
  expect(again.pieces).toEqual(new Map([[1, piece(1)]]));
  await again.close();
  expect((await openUploadJournal(path, 5)).pieces.size).toBe(1);
  expect(told).toEqual([]);
  // One of another upload is still refused.
  await expect(openLenientJournal(path, 6, (fault) => told.push(fault))).rejects.toMatchObject({
    faults: [{ name: 'journal_invalid' }],
  });
  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(3);
});
