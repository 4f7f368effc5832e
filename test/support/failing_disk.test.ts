import { closeSync, fdatasyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createFailingDisk } from './failing_disk.ts';
import { withoutRoot } from './without_root.ts';

describe.skipIf(withoutRoot('a failing device'))('a failing disk', () => {
  test('takes writes, tells their loss once, and then reads as zeros', () => {
    const disk = createFailingDisk();
    try {
      const path = join(disk.directory, 'file');
      const file = openSync(path, 'w');
      const piece = new Uint8Array(1 << 20).fill(7);
      writeSync(file, piece);
      fdatasyncSync(file);
      disk.fail();
      writeSync(file, piece);
      expect(() => fdatasyncSync(file)).toThrow(/EIO|ENOSPC/);
      disk.heal();
      // This is what makes a second try worthless.
      fdatasyncSync(file);
      closeSync(file);
      disk.forget();
      const found = readFileSync(path);
      expect(found.subarray(0, piece.length).every((byte) => byte === 7)).toBe(true);
      expect(found.subarray(piece.length).some((byte) => byte === 7)).toBe(false);
    } finally {
      disk.remove();
    }
  });

  test('whose reads fail says EIO', () => {
    const disk = createFailingDisk();
    try {
      const path = join(disk.directory, 'file');
      const file = openSync(path, 'w+');
      writeSync(file, new Uint8Array(1 << 20).fill(7));
      disk.failReads();
      expect(() => readSync(file, new Uint8Array(1 << 20), 0, 1 << 20, 0)).toThrow(/EIO/);
      closeSync(file);
    } finally {
      disk.remove();
    }
  });
});
