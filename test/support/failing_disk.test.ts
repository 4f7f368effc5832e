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

  test.each([6000, 100_000, 1_105_920])(
    'tells the loss of %i bytes that begin in a block that it has taken before',
    (length_bytes) => {
      const disk = createFailingDisk();
      try {
        const path = join(disk.directory, 'file');
        const file = openSync(path, 'w');
        writeSync(file, new Uint8Array(5000).fill(7));
        fdatasyncSync(file);
        disk.fail();
        writeSync(file, new Uint8Array(1000).fill(7));
        fdatasyncSync(file);
        writeSync(file, new Uint8Array(length_bytes).fill(8));
        expect(() => fdatasyncSync(file)).toThrow(/EIO|ENOSPC/);
        closeSync(file);
        disk.heal();
        disk.forget();
        expect(
          readFileSync(path)
            .subarray(0, 6000)
            .every((byte) => byte === 7),
        ).toBe(true);
      } finally {
        disk.remove();
      }
    },
  );

  test('takes everything again once it is healed, also while what filled it is looked at', () => {
    const disk = createFailingDisk();
    try {
      disk.fail();
      const looking = openSync(join(disk.directory, '../backing/filler'), 'r');
      disk.heal();
      const file = openSync(join(disk.directory, 'file'), 'w');
      writeSync(file, new Uint8Array(100_000));
      fdatasyncSync(file);
      closeSync(file);
      closeSync(looking);
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
