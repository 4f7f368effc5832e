import { execFile } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait_for.ts';
import { endText, oomKills } from './out_of_memory.ts';

const run = promisify(execFile);
const files = (texts: Readonly<Record<string, string>>) => (path: string) => texts[path];

test('reads the count of the own control group, else of the machine', () => {
  const vmstat = { '/proc/vmstat': 'pgfault 5\noom_kill 7\n' };
  expect(oomKills(files({}))).toBeUndefined();
  expect(oomKills(files(vmstat))).toBe(7);
  const v2 = { '/proc/self/cgroup': '0::/system.slice/edgetap.service\n' };
  expect(oomKills(files({ ...v2, ...vmstat }))).toBe(7);
  const events = {
    '/sys/fs/cgroup/system.slice/edgetap.service/memory.events': 'low 0\noom 3\noom_kill 2\noom_group_kill 0\n',
  };
  expect(oomKills(files({ ...v2, ...vmstat, ...events }))).toBe(2);
  const v1 = { '/proc/self/cgroup': '9:name=systemd:/\n4:cpu,memory:/docker/1\n0::/\n' };
  const control = 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n';
  expect(oomKills(files({ ...v1, '/sys/fs/cgroup/memory/docker/1/memory.oom_control': control }))).toBe(4);
  expect(oomKills(files({ ...v1, '/sys/fs/cgroup/memory/memory.oom_control': control }))).toBe(4);
});

test('only a kill while memory ran out is called that', () => {
  expect(endText(3, null, 1, 2)).toBe('exit code 3');
  expect(endText(null, 'SIGKILL', 1, 1)).toBe('SIGKILL');
  expect(endText(null, 'SIGKILL', undefined, 1)).toBe('SIGKILL');
  expect(endText(null, 'SIGTERM', 1, 2)).toBe('SIGTERM');
  expect(endText(null, 'SIGKILL', 1, 2)).toContain('memory ran out');
});

test('the kernel counts a process that it kills for want of memory', async ({ skip }) => {
  const group = `/sys/fs/cgroup/memory/edgetap-test-${process.pid}`;
  try {
    mkdirSync(group);
    writeFileSync(`${group}/memory.limit_in_bytes`, '300000000');
  } catch {
    skip('no memory control group can be made here');
  }
  try {
    const module = new URL('./out_of_memory.ts', import.meta.url).href;
    const script = `
      const { spawn } = await import('node:child_process');
      const { oomKills, endText } = await import(${JSON.stringify(module)});
      const before = oomKills();
const child = spawn('sh', ['-c', 'echo 1000 > /proc/self/oom_score_adj; exec "$0" -e "Buffer.alloc(900e6, 1)"', process.execPath]);
      child.on('exit', (code, signal) => process.stdout.write(endText(code, signal, before, oomKills())));`;
    const { stdout } = await run('sh', [
      '-c',
      `echo $$ > ${group}/cgroup.procs; exec "$@"`,
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ]);
    expect(stdout).toContain('memory ran out');
  } finally {
    // The kernel takes a moment to see its processes gone.
    await waitFor(() => (rmdirSync(group), true), { what: 'the group to be empty' });
  }
});
