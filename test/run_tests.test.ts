import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { descendants, isAlive } from './support/process_tree.ts';
import { waitFor } from './support/wait_for.ts';

const limit_ms = 110_000;

/** A run of a test that starts edgetap on a cable of its own, once both are there. */
async function runUnderWay(): Promise<{ child: ChildProcess; below: readonly number[]; output: () => string }> {
  const args = [join(import.meta.dirname, '../tools/run_tests.ts'), 'test/end_to_end/estimate.test.ts'];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let written = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const below = await waitFor(
    () => {
      const all = descendants(child.pid ?? 0);
      const serves = all.filter((pid) => commandOf(pid).includes('sensor_process'));
      return serves.length > 0 && namespacesOf(all).length > 0 ? all : undefined;
    },
    { what: 'a test run to have edgetap and a namespace', limit_ms },
  );
  return { child, below, output: () => written };
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** Names of namespaces carry the process that made them; see test/support/test_link_name.ts. */
function namespacesOf(pids: readonly number[]): readonly string[] {
  const all = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  return all.filter((name) => pids.some((pid) => name.startsWith(`et-${pid.toString(36)}-`)));
}

function foldersOf(pid: number | undefined, output: string): readonly string[] {
  return [...output.matchAll(/\/\S*edgetap-tests-\w+/g)]
    .map(([path]) => path)
    .filter((path) => existsSync(path) && pid !== undefined);
}

describe.skipIf(process.getuid?.() !== 0)('a test run that is ended', () => {
  test.each([
    ['SIGTERM', 'alone'],
    ['SIGINT', 'with its whole process group, as by a terminal'],
  ] as const)('by %s %s takes its servers, namespaces and files with it', async (signal, how) => {
    const { child, below, output } = await runUnderWay();
    const [, folder = ''] = /TMPDIR=(\S*edgetap-tests-[^\0\s]+)/.exec(environmentOf(below)) ?? [];
    expect(existsSync(folder)).toBe(true);
    const closed = once(child, 'close');
    process.kill(how === 'alone' ? (child.pid ?? 0) : -(child.pid ?? 0), signal);
    const [code] = (await closed) as [number | null];
    expect({ code, output: foldersOf(child.pid, output()) }).toEqual({
      code: signal === 'SIGTERM' ? 143 : 130,
      output: [],
    });
    expect(below.filter(isAlive).map(commandOf)).toEqual([]);
    expect(namespacesOf(below)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});

function environmentOf(pids: readonly number[]): string {
  return pids
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'latin1').replaceAll('\0', '\n');
      } catch {
        return '';
      }
    })
    .join('\n');
}
