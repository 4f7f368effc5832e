import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, assert, asyncProperty, constantFrom, integer, tuple } from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { diskBudgets } from './disk_budgets.ts';

const disk_bytes = 200 << 20;
const undo: (() => void)[] = [];
let disk = '';
beforeEach(() => {
  disk = mount(disk_bytes);
});
afterEach(() => {
  for (const one of undo.splice(0).toReversed()) one();
});

function mount(bytes: number): string {
  const path = mkdtempSync(join(tmpdir(), 'edgetap-budgets-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'edgetap-test', path]);
  undo.push(() => {
    execFileSync('umount', ['--lazy', path]);
    rmSync(path, { recursive: true });
  });
  return path;
}

const budgets = async (): ReturnType<typeof diskBudgets> =>
  await diskBudgets(join(disk, 'spool'), join(disk, 'samples'));

test('73 MB that are not delivered take nothing from the budget of the next start', async () => {
  const before = await budgets();
  expect(before.spool_bytes).toBe(disk_bytes / 2);
  mkdirSync(join(disk, 'spool', 'capture'));
  writeFileSync(join(disk, 'spool', 'capture', 'eth0.pcap'), Buffer.alloc(73_640_520));
  expect(await budgets()).toEqual(before);
});

test('whatever they hold, the budgets stay; what others hold makes them smaller', async () => {
  const files = array(tuple(constantFrom('spool', 'samples'), integer({ min: 0, max: 3_000_000 })), {
    maxLength: 12,
  });
  const before = await budgets();
  await assert(
    asyncProperty(files, integer({ min: 0, max: 20_000_000 }), async (own, others) => {
      for (const [index, [place, bytes]] of own.entries()) {
        mkdirSync(join(disk, place, 'deep', String(index)), { recursive: true });
        writeFileSync(join(disk, place, 'deep', String(index), 'file'), Buffer.alloc(bytes));
      }
      try {
        expect(await budgets()).toEqual(before);
        writeFileSync(join(disk, 'others'), Buffer.alloc(others));
        const { spool_bytes } = await budgets();
        expect(Math.abs(before.spool_bytes - others / 2 - spool_bytes)).toBeLessThanOrEqual(4096);
      } finally {
        for (const name of ['spool/deep', 'samples/deep', 'others'])
          rmSync(join(disk, name), { recursive: true, force: true });
      }
    }),
    { numRuns: 20 },
  );
});

test('a spool on a disk of its own has half of that', async () => {
  const own = mount(64 << 20);
  symlinkSync(own, join(disk, 'spool'));
  writeFileSync(join(own, 'file'), Buffer.alloc(20_000_000));
  mkdirSync(join(disk, 'samples'));
  writeFileSync(join(disk, 'samples', 'file'), Buffer.alloc(50_000_000));
  const { spool_bytes, sample_bytes } = await budgets();
  expect([spool_bytes, sample_bytes]).toEqual([32 << 20, Math.floor(disk_bytes / 10)]);
});
