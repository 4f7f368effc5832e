import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../../test/support/wait_for.ts';
import { afterEach, describe, expect, test } from 'vitest';
import { callFilter, callVerdicts } from './call_filter.ts';
import { type CompilerCommand, compilerCommand } from './compiler_command.ts';
import { ownArchitecture } from './install_call_filter.ts';
import { encodeInstructions } from './program.ts';

const memory_bytes = 2 ** 28;
let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

function started({ program, args }: CompilerCommand): ChildProcess {
  child = fork(program, args, { env: {}, execArgv: [], serialization: 'advanced' });
  return child;
}

async function told(by: ChildProcess): Promise<unknown> {
  const [message]: unknown[] = await once(by, 'message');
  return message;
}

/** The compiler's command with another program, which begins in the same way. */
function triesAll(): CompilerCommand {
  const { program, args } = compilerCommand(memory_bytes);
  const path = fileURLToPath(new URL('./test_confined_child.ts', import.meta.url));
  return { program, args: args.map((one) => (one.endsWith('compiler_child.ts') ? path : one)) };
}

/** Soft and hard, as `/proc/PID/limits` has them. */
function limitOf({ pid }: ChildProcess, name: string): readonly string[] {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
  return new RegExp(`^${name}\\s+(\\S+)\\s+(\\S+)`, 'm').exec(limits)?.slice(1, 3) ?? [];
}

/** In seconds. */
function processorLimit(process: ChildProcess): number {
  return Number(limitOf(process, 'Max cpu time')[0]);
}

/** Minutes of work for libpcap. */
const slow = Array.from({ length: 1000 }, (_, at) => `host 10.${at >> 8}.${at & 255}.1`).join(' or ');

describe('a confined process', () => {
  test('is refused every file, socket, process and other descriptor', async () => {
    const confined = started(triesAll());
    const { results, ...rest } = (await told(confined)) as { readonly results: readonly [string, number, number][] };
    expect(rest).toEqual({ unconfined: undefined });
    expect(results.length).toBeGreaterThan(30);
    const [eperm, enosys] = [1, 38];
    for (const [name, result, errno] of results) {
      const wanted = name.startsWith('io_uring_') ? [eperm, enosys] : [eperm];
      expect([name, result, wanted.includes(errno)]).toEqual([name, -1, true]);
    }
  });

  test.runIf(process.arch === 'x64')('ends when it makes a call of x32', async () => {
    const confined = started(triesAll());
    await told(confined);
    confined.send('call');
    expect(await once(confined, 'exit')).toEqual([null, 'SIGSYS']);
  });
});

describe('the compiler’s process', () => {
  test('has limits of memory, processor time, descriptors and core files, and no ring of io_uring', async () => {
    const compiler = started(compilerCommand(memory_bytes));
    expect(await told(compiler)).toEqual({ kind: 'ready' });
    const status = readFileSync(`/proc/${compiler.pid}/status`, 'utf8');
    expect([limitOf(compiler, 'Max core file size'), limitOf(compiler, 'Max open files')]).toEqual([
      ['0', '0'],
      ['0', '0'],
    ]);
    const data_bytes = Number(/^VmData:\s*(\d+) kB/m.exec(status)?.[1]) * 1024;
    const [soft, hard] = limitOf(compiler, 'Max data size').map(Number);
    expect(hard).toBe(soft);
    expect(Math.abs((soft ?? 0) - data_bytes - memory_bytes)).toBeLessThan(memory_bytes / 4);
    expect(processorLimit(compiler)).toBeLessThan(30);
    const descriptors = readdirSync(`/proc/${compiler.pid}/fd`).map((fd) =>
      readlinkSync(`/proc/${compiler.pid}/fd/${fd}`),
    );
    expect(descriptors.filter((target) => target.includes('io_uring'))).toEqual([]);
  });

  test('may have the processor time of a request, beside what it has had before', async () => {
    const compiler = started(compilerCommand(memory_bytes));
    await told(compiler);
    const before_s = processorLimit(compiler);
    const filter = { expression_text: slow, any_tags_text: slow, own_tags_text: '' };
    compiler.send({ id: 1, filter, linktypes: [1], live: false, limit_ms: 10_000 });
    await waitFor(() => processorLimit(compiler) > before_s, { what: 'a higher limit of processor time' });
    // Four times the limit; the process has had less than a second or two until here.
    expect(processorLimit(compiler) - before_s).toBeGreaterThanOrEqual(40);
    expect(processorLimit(compiler) - before_s).toBeLessThan(50);
  });

  test('says so where the kernel has no filters of system calls, and compiles', async () => {
    const { program, args } = compilerCommand(memory_bytes);
    const architecture = ownArchitecture();
    if (architecture === undefined) throw new Error('not a processor that edgetap knows');
    const without_seccomp = callFilter(architecture, {
      calls: ['seccomp', 'io_uring_setup'],
      conditions: [],
      listed: callVerdicts.unknown,
      others: callVerdicts.allow,
    });
    const code = Buffer.from(encodeInstructions(without_seccomp)).toString('hex');
    const compiler = started({ program, args: args.with(1, code) });
    const unconfined = 'seccomp: function not implemented (ENOSYS)';
    expect(await told(compiler)).toEqual({ kind: 'ready', unconfined });
    const filter = { expression_text: 'ip', any_tags_text: 'ip', own_tags_text: '' };
    compiler.send({ id: 1, filter, linktypes: [1], live: false, limit_ms: 10_000 });
    expect(await told(compiler)).toMatchObject({ kind: 'compiled', id: 1 });
  });

  test('knows no protocol by name', async () => {
    const compiler = started(compilerCommand(memory_bytes));
    await told(compiler);
    const parts = ['tcp', 'ip proto 6 or \\udp'];
    const filter = {
      expression_text: '',
      any_tags_text: parts.join(' and '),
      any_tags_parts: parts,
      own_tags_text: '',
    };
    compiler.send({ id: 1, filter, linktypes: [1], live: false, limit_ms: 1000 });
    expect(await told(compiler)).toEqual({ kind: 'syntax', id: 1, reason: "unknown ip proto 'udp'" });
  });
});
