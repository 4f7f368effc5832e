import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { raise } from '../model/errors/fault.ts';
import { onSpool } from './on_spool.ts';

const directory = mkdtempSync(join(tmpdir(), 'edgetap-on-spool-'));
afterAll(() => rmSync(directory, { recursive: true }));

const named = (name: string): object => ({ faults: [{ name }] });

test('what the system refuses becomes a fault of the spool', async () => {
  const missing = join(directory, 'missing');
  await expect(onSpool('spool_read_failed', async () => await readFile(missing))).rejects.toMatchObject(
    named('part_file_lost'),
  );
  // In its place is something else, and the system does not say where.
  const replaced = onSpool('spool_read_failed', async () => await readFile(directory), directory);
  await expect(replaced).rejects.toMatchObject({
    faults: [{ name: 'part_file_lost', message: expect.stringContaining(`${directory}: EISDIR`) as unknown }],
  });
  const unreadable = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5 });
  await expect(onSpool('spool_read_failed', async () => await Promise.reject(unreadable))).rejects.toMatchObject(
    named('spool_read_failed'),
  );
  await expect(onSpool('spool_write_failed', async () => await writeFile(directory, ''))).rejects.toMatchObject(
    named('spool_write_failed'),
  );
});

test('a fault stays what it is, a defect is thrown on, and what works is given', async () => {
  const refused = onSpool('spool_read_failed', async () => raise('bus_closed', { peer: 'control' }));
  await expect(refused).rejects.toMatchObject(named('bus_closed'));
  const broken = onSpool('spool_read_failed', async () => {
    throw new TypeError('a defect');
  });
  await expect(broken).rejects.toThrow(new TypeError('a defect'));
  expect(await onSpool('spool_read_failed', async () => 7)).toBe(7);
});
