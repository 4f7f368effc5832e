import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bitsOf, processCapabilities } from '../../src/libpcap/process_capabilities.ts';
import { descendants } from '../support/process_tree.ts';
import { type Served, startServe } from '../support/serve.ts';

// Whoever takes over one of the processes has what that process may do, and no more.

interface Thread {
  readonly pid: number;
  readonly program: string;
  readonly status: string;
}

const program_of: readonly (readonly [string, string])[] = [
  ['control_process', 'control'],
  ['sensor_process', 'sensor'],
  ['compiler_child', 'compiler'],
  ['edgetap.', 'supervisor'],
];

let served: Served;
let threads: readonly Thread[];

beforeAll(async () => {
  served = await startServe({ interfaces: ['lo'] });
  const supervisor = served.process.pid ?? 0;
  threads = [supervisor, ...descendants(supervisor)].flatMap((pid) => {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    const program = program_of.find(([part]) => command.includes(part))?.[1] ?? command;
    return readdirSync(`/proc/${pid}/task`).map((task) => {
      return { pid, program, status: readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8') };
    });
  });
});
afterAll(async () => await served?.remove());

const field = (status: string, name: string): bigint =>
  BigInt(`0x${new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? 'missing'}`);

describe('every thread of every process', () => {
  test.each([
    ['supervisor', bitsOf(['net_raw', 'setpcap'])],
    ['control', 0n],
    ['sensor', bitsOf(['net_raw'])],
    ['compiler', 0n],
  ])('of the %s has what it needs only, and gets no more by starting another program', (program, wanted) => {
    const those = threads.filter((thread) => thread.program === program);
    expect(those.length).toBeGreaterThan(1);
    for (const { status } of those) {
      const sets = ['CapPrm', 'CapEff', 'CapInh', 'CapAmb'].map((name) => field(status, name));
      expect(sets).toEqual([wanted, wanted, wanted, wanted]);
      // A set that nothing is taken out of again; no program can use what is not in the others.
      expect(field(status, 'CapBnd') & ~bitsOf(['net_raw', 'setpcap'])).toBe(0n);
      expect(processCapabilities(status).no_new_privileges).toBe(true);
    }
  });

  test('of a compiler is behind the filter of system calls', () => {
    const those = threads.filter((thread) => thread.program === 'compiler');
    // One of control, one of the sensor.
    expect(new Set(those.map(({ pid }) => pid)).size).toBe(2);
    expect(those.map(({ status }) => field(status, 'Seccomp'))).toEqual(those.map(() => 2n));
  });

  test('is one of these', () => {
    const names = program_of.map(([, name]) => name);
    expect(threads.map(({ program }) => program).filter((name) => !names.includes(name))).toEqual([]);
  });
});
