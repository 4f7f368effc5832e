import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { descendants, isAlive } from './support/process_tree.ts';
import { waitFor } from './support/wait_for.ts';

const root = join(import.meta.dirname, '..');
const by_node = [process.execPath, join(root, 'tools/run_tests.ts')] as const;
const by_npm = ['npm', 'test', '--'] as const;

/** A run of a test that starts edgetap on a cable of its own, once both are there. */
async function runUnderWay([program, ...args]: typeof by_node | typeof by_npm): Promise<{
  child: ChildProcess;
  below: readonly number[];
  output: () => string;
}> {
  const child = spawn(program, [...args, 'test/end_to_end/estimate.test.ts'], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let written = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const below = await waitFor(
    () => {
      const all = descendants(child.pid ?? 0);
      const serves = all.filter((pid) => commandOf(pid).includes('sensor_process'));
      return serves.length > 0 && namespacesOf(all).length > 0 ? all : undefined;
    },
    { what: 'a test run to have edgetap and a namespace' },
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
    ['SIGTERM', 'alone', by_node],
    ['SIGTERM', 'to npm', by_npm],
    ['SIGINT', 'with its whole process group, as by a terminal', by_npm],
  ] as const)('by %s %s takes its servers, namespaces and files with it', async (signal, how, command) => {
    const { child, below, output } = await runUnderWay(command);
    // It may itself be within a run, whose folder its first processes have.
    const folders = [...environmentOf(below).matchAll(/TMPDIR=(\S*edgetap-tests-[^\0\s]+)/g)].map(([, path]) => path);
    const folder = folders.find((path) => path !== process.env['TMPDIR']) ?? '';
    expect(existsSync(folder)).toBe(true);
    const closed = once(child, 'close');
    process.kill(how.startsWith('with') ? -(child.pid ?? 0) : (child.pid ?? 0), signal);
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
