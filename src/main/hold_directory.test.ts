import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { holdDirectory } from './hold_directory.ts';

const directory = mkdtempSync(join(tmpdir(), 'edgetap-hold-'));
afterAll(() => rmSync(directory, { recursive: true }));

async function holderProcess(): Promise<ChildProcess> {
  const script = `
    const { holdDirectory } = await import(${JSON.stringify(new URL('./hold_directory.ts', import.meta.url).href)});
    holdDirectory(${JSON.stringify(directory)}, 'serve', 0);
    process.stdout.write('held');
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child;
}

describe('holdDirectory', () => {
  test('its files are for nobody else, those of an earlier version neither', () => {
    writeFileSync(join(directory, 'earlier.lock'), '', { mode: 0o644 });
    for (const name of ['fresh', 'earlier']) {
      const held = holdDirectory(directory, name, 0);
      for (const file of ['lock', 'pid']) expect(statSync(join(directory, `${name}.${file}`)).mode & 0o777).toBe(0o600);
      held.release();
    }
  });

  test('a second holder is refused with the pid of the first, and let in once that was killed', async () => {
    const child = await holderProcess();
    expect(() => holdDirectory(directory, 'serve', 0)).toThrow(`is in use by process ${child.pid}`);
    holdDirectory(directory, 'other', 0).release();
    expect(() => holdDirectory(directory, 'serve', 0)).toThrow(
      expect.objectContaining({ faults: [expect.objectContaining({ name: 'data_dir_locked' })] }) as Error,
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    const held = holdDirectory(directory, 'serve', 0);
    expect(() => holdDirectory(directory, 'serve', 0)).toThrow(`is in use by process ${process.pid}`);
    held.release();
    holdDirectory(directory, 'serve', 0).release();
  });

  test('who waits gets it when the holder leaves', async () => {
    const child = await holderProcess();
    setTimeout(() => child.kill('SIGKILL'), 100);
    const waiter = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `const { holdDirectory } = await import(${JSON.stringify(new URL('./hold_directory.ts', import.meta.url).href)});
       holdDirectory(${JSON.stringify(directory)}, 'serve', 100000);`,
    ]);
    const [code] = (await once(waiter, 'exit')) as [number];
    expect(code).toBe(0);
  });

  test.each([
    ['text', 'this is no database, '.repeat(50)],
    ['zero bytes', '\0'.repeat(8192)],
    ['the beginning of one', `SQLite format 3\0${'x'.repeat(4000)}`],
  ])('a lock file that is damaged (%s) is named: lock_file_damaged', (_what, content) => {
    const own = mkdtempSync(join(directory, 'damaged-'));
    writeFileSync(join(own, 'serve.lock'), content);
    expect(() => holdDirectory(own, 'serve', 0)).toThrow(`The lock file ${join(own, 'serve.lock')} is damaged`);
    unlinkSync(join(own, 'serve.lock'));
    holdDirectory(own, 'serve', 0).release();
  });

  test('a directory in its place is named', () => {
    const own = mkdtempSync(join(directory, 'taken-'));
    mkdirSync(join(own, 'serve.lock'));
    expect(() => holdDirectory(own, 'serve', 0)).toThrow(join(own, 'serve.lock'));
  });
});
