import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { startDaemon } from './daemon.ts';
import { freePort } from './free_port.ts';
import { waitFor } from './wait_for.ts';

test('its output is kept and its end is waited for', async () => {
  // The shell becomes what it waits for: ended by its pid, it would leave a child behind.
  const daemon = await startDaemon('sh', ['-c', 'echo out; echo err >&2; exec sleep 100']);
  await waitFor(() => /out[^]*err|err[^]*out/.test(daemon.output()), { what: 'both lines' });
  expect(daemon.alive()).toBe(true);
  await waitFor(() => commandOf(daemon.pid) === 'sleep 100', { what: 'the shell to give way' });
  await daemon.end('SIGTERM');
  expect(daemon.alive()).toBe(false);
  expect(stateOf(daemon.pid)).toBe('gone');
  await daemon.end();
});

test('a program that is not there is an early end with a reason', async () => {
  const daemon = await startDaemon('edgetap-no-such-program', []);
  await waitFor(() => !daemon.alive(), { what: 'the end' });
  expect(daemon.output()).toContain('edgetap-no-such-program');
});

test('it dies with the process that started it, even when that is killed', async () => {
  const module = JSON.stringify(join(import.meta.dirname, 'daemon.ts'));
  const script = `const { startDaemon } = await import(${module});
    const daemon = await startDaemon('sleep', ['1000']);
    console.log(daemon.pid);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(stateOf(pid)).toMatch(/^[SR]$/);
  parent.kill('SIGKILL');
  // Whoever inherits it may take its time to bury it.
  await waitFor(() => ['gone', 'Z'].includes(stateOf(pid)), { what: 'the daemon is gone' });
});

test('a free port can be listened on', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, freePort));
  for (const port of ports) {
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(32_000);
  }
});

/** The command line of a process, as proc(5) has it. */
function commandOf(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').trim();
}

/** The state of a process as proc(5) has it: `S`, `R`, `Z` and so on; `gone` when there is none. */
function stateOf(pid: number): string {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) ? (/\) (\w)/.exec(readFileSync(path, 'utf8'))?.[1] ?? 'gone') : 'gone';
}
