import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withoutRoot } from '../../test/support/without_root.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { afterAll, describe, expect, test } from 'vitest';
import type { Fault } from '../model/errors/fault.ts';
import type { Result } from '../model/result.ts';
import type { FilterTexts } from './compile_filter.ts';
import { LimitCounts } from '../model/limit_counts.ts';
import { limitFallbacks } from '../model/shared_limits.ts';
import { CompilerChild } from './compiler_child_process.ts';
import { compilerCommand } from './compiler_command.ts';
import { createFilterCompiler } from './compiler_pool.ts';
import { ancillary, decodeInstructions } from './program.ts';

function filter(text: string): FilterTexts {
  return { expression_text: text, any_tags_text: text, own_tags_text: '' };
}

/** Minutes of work for libpcap, in few characters. */
const slow = filter(Array.from({ length: 1000 }, (_, at) => `host 10.${at >> 8}.${at & 255}.1`).join(' or '));

function faultsOf(result: Result<unknown>): readonly unknown[] {
  return result.ok ? [] : result.faults.map((one) => [one.name, one.pointer]);
}

function limitsOf(compilers: number, filters_waiting = 100): { limits: LimitCounts; processors: number } {
  return { limits: new LimitCounts({ ...limitFallbacks, compilers, filters_waiting }), processors: compilers };
}

/** The processes that this one has started and that still are. */
function children(): readonly number[] {
  const text = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

describe('a compiler', () => {
  const compiler = createFilterCompiler();
  afterAll(() => compiler.close());

  test('compiles for stored packets', async () => {
    const compiled = await compiler.compile({ filter: filter('ip'), linktype: 101 });
    expect(compiled).toMatchObject({ ok: true, value: { kind: 'program', program: { linktype: 101 } } });
    if (!compiled.ok || compiled.value.kind !== 'program') return;
    // ldb [0], and #0xf0, jeq #0x40, ret, ret
    expect(decodeInstructions(compiled.value.program.instructions).map((one) => one.code)).toEqual([
      0x30, 0x54, 0x15, 6, 6,
    ]);
  });

  test.skipIf(withoutRoot('compiling on a live interface'))(
    'compiles for a live capture, where the tag is beside the packet',
    async () => {
      const [stored, live] = await Promise.all([
        compiler.compile({ filter: filter('ip'), linktype: 1 }),
        compiler.compile({ filter: filter('ip'), linktype: 1, live: true }),
      ]);
      const asks_kernel = [stored, live].map((compiled) => {
        if (!compiled.ok || compiled.value.kind !== 'program') throw new Error('not compiled');
        return decodeInstructions(compiled.value.program.instructions).some((one) => one.k >= ancillary.base);
      });
      expect(asks_kernel).toEqual([false, true]);
    },
  );

  test('says which link types cannot have it', async () => {
    expect(await compiler.check({ filter: filter('ether host 02:00:00:00:00:01'), linktypes: [1, 101, 1] })).toEqual({
      ok: true,
      value: [
        { linktype: 1 },
        { linktype: 101, excluded: expect.stringContaining('ethernet addresses supported only on') },
        { linktype: 1 },
      ],
    });
    expect(await compiler.compile({ filter: filter('ip and ip6'), linktype: 1 })).toEqual({
      ok: true,
      value: { kind: 'excluded', reason: 'no packet can match it' },
    });
  });

  test.each(['tcp) or (udp', 'ip ip', 'host 1.2.3.4.5', 'port 65536', 'tcp # x', '-z x', 'ether[0xfffff000] = 1'])(
    'refuses %j',
    async (text) => {
      // As joined, the first of these would compile.
      const texts = { expression_text: text, any_tags_text: `(net 10.0.0.0/8) and (${text})`, own_tags_text: '' };
      const wanted = [['expression_syntax', '/filter_expression']];
      expect(faultsOf(await compiler.check({ filter: texts, linktypes: [1, 101] }))).toEqual(wanted);
      expect(faultsOf(await compiler.check({ filter: texts, linktypes: [] }))).toEqual(wanted);
      expect(faultsOf(await compiler.compile({ filter: texts, linktype: 1 }))).toEqual(wanted);
    },
  );

  test('knows no names, though this machine does', async () => {
    for (const text of ['host localhost', 'port http', 'net loopback', 'portrange ssh-http', 'ether host localhost']) {
      const result = await compiler.check({ filter: filter(text), linktypes: [1] });
      expect(result.ok ? [] : result.faults.map((one) => one.message)).toEqual([
        expect.stringMatching(/understands: unknown (?:host|port|network|port in range|ether host) '/),
      ]);
    }
  });

  test('refuses what is too long for the kernel', async () => {
    const patient = createFilterCompiler({ limit_ms: 60_000 });
    const long = filter(
      Array.from({ length: 250 }, (_, at) => `ip[${at}] * ip[${at + 1}] = ip[${at + 2}]`).join(' or '),
    );
    expect(faultsOf(await patient.check({ filter: long, linktypes: [1] }))).toEqual([
      ['expression_too_long', '/filter_expression'],
    ]);
    await patient.close();
  });

  test('judges a live capture by its own program, which may be longer: one with the tag in the frame, one without', async () => {
    const patient = createFilterCompiler({ limit_ms: 60_000 });
    const expression_text = Array.from({ length: 1100 }, (_, at) => `ether[${20 + at}] = 1`).join(' or ');
    const texts = { expression_text, any_tags_text: '', own_tags_text: expression_text };
    expect(await patient.check({ filter: texts, linktypes: [1] })).toEqual({ ok: true, value: [{ linktype: 1 }] });
    expect(faultsOf(await patient.check({ filter: texts, linktypes: [1], live: true }))).toEqual([
      ['expression_too_long', '/filter_expression'],
    ]);
    await patient.close();
  });
});

test('takes greater objects than it needs', async () => {
  const compiler = createFilterCompiler();
  const greater = { ...filter('ip'), close: () => {} };
  expect(await compiler.check({ filter: greater, linktypes: [1] })).toMatchObject({ ok: true });
  expect(await compiler.compile({ filter: greater, linktype: 101, live: true })).toMatchObject({ ok: true });
  await compiler.close();
});

test('what was compiled lately for packets of files is not compiled again', async () => {
  const compiler = createFilterCompiler({ limit_ms: 20_000 });
  const compile = (port: number, linktype: number): Promise<unknown> =>
    compiler.compile({ filter: filter(`port ${port}`), linktype });
  const first = await compile(1, 1);
  for (let port = 2; port <= 65; port += 1) await compile(port, 1);
  const raw = await compile(65, 101);
  // The process has something else to do for a long time.
  const under_way = compiler.check({ filter: slow, linktypes: [1] });
  const soon = (port: number, linktype: number): Promise<unknown> =>
    Promise.race([compile(port, linktype), new Promise((resolve) => setTimeout(resolve, 200, 'it waits'))]);
  expect(await soon(65, 101)).toEqual(raw);
  expect(await soon(65, 1)).not.toEqual(raw);
  // 64 others came after the first.
  expect([await soon(1, 1), await soon(64, 101)]).toEqual(['it waits', 'it waits']);
  expect(first).toMatchObject({ ok: true });
  await compiler.close();
  await under_way;
});

describe('time', () => {
  test('a compilation that takes too long ends, and the next one works', async () => {
    const compiler = createFilterCompiler({ limit_ms: 1000 });
    const before = children().length;
    await compiler.check({ filter: filter('ip'), linktypes: [1] });
    const started = performance.now();
    const [too_slow, next] = await Promise.all([
      compiler.check({ filter: slow, linktypes: [1] }),
      compiler.check({ filter: filter('udp'), linktypes: [1] }),
    ]);
    expect(performance.now() - started).toBeGreaterThan(990);
    expect(faultsOf(too_slow)).toEqual([['expression_slow', '/filter_expression']]);
    expect(too_slow.ok ? '' : too_slow.faults[0]?.message).toContain('more than 1 s');
    expect(next).toMatchObject({ ok: true });
    // It is remembered: nothing is tried again.
    const again = performance.now();
    expect(faultsOf(await compiler.check({ filter: slow, linktypes: [1] }))).toEqual([
      ['expression_slow', '/filter_expression'],
    ]);
    expect(performance.now() - again).toBeLessThan(900);
    await compiler.close();
    await waitFor(() => children().length <= before, { what: 'the compiler’s processes are gone' });
  });

  test('a process that the kernel ends for its processor time has had a text that is too slow', async () => {
    const before = new Set(children());
    const compiler = createFilterCompiler({ limit_ms: 60_000 });
    await compiler.check({ filter: filter('ip'), linktypes: [1] });
    const under_way = compiler.check({ filter: slow, linktypes: [1] });
    const [pid] = children().filter((one) => !before.has(one));
    if (pid === undefined) throw new Error('there is no process');
    process.kill(pid, 'SIGXCPU');
    expect(faultsOf(await under_way)).toEqual([['expression_slow', '/filter_expression']]);
    expect(await compiler.check({ filter: filter('udp'), linktypes: [1] })).toMatchObject({ ok: true });
    await compiler.close();
  });

  test('a process that was stopped is not what a text is blamed for: another compiles it', async () => {
    const before = new Set(children());
    const compiler = createFilterCompiler({ limit_ms: 1000 });
    expect(await compiler.check({ filter: filter('ip'), linktypes: [1] })).toMatchObject({ ok: true });
    const [pid] = children().filter((one) => !before.has(one));
    if (pid === undefined) throw new Error('there is no process');
    process.kill(pid, 'SIGSTOP');
    expect(await compiler.check({ filter: filter('udp port 9999 and ip'), linktypes: [1] })).toMatchObject({
      ok: true,
    });
    await waitFor(() => !children().includes(pid), { what: 'the stopped process is gone' });
    await compiler.close();
  });

  test('one that stands still again and again is told as such: expression_compiler', async () => {
    const before = new Set(children());
    const compiler = createFilterCompiler({ limit_ms: 1000 });
    await compiler.check({ filter: filter('ip'), linktypes: [1] });
    const fresh = (): readonly number[] => children().filter((one) => !before.has(one));
    const stopping = setInterval(() => {
      for (const pid of fresh()) {
        try {
          process.kill(pid, 'SIGSTOP');
        } catch {
          // It has just gone.
        }
      }
    }, 20);
    // Both are stopped before they are warm, or while they compile, which takes them seconds.
    const result = await compiler.check({ filter: slow, linktypes: [1] });
    clearInterval(stopping);
    expect(faultsOf(result)).toEqual([['expression_compiler', undefined]]);
    expect(result.ok ? '' : result.faults[0]?.message).toMatch(/stopped by a signal|was not ready/);
    for (const pid of fresh()) process.kill(pid, 'SIGCONT');
    await compiler.close();
  });

  test('a process whose parent cannot end it ends by itself', async () => {
    const { program, args } = compilerCommand(2 ** 28);
    const child = fork(program, args, { execArgv: [], serialization: 'advanced' });
    expect(await once(child, 'message')).toEqual([{ kind: 'ready' }, undefined]);
    child.send({ id: 1, filter: slow, linktypes: [1], limit_ms: 1 });
    expect(await once(child, 'exit')).toEqual([null, 'SIGALRM']);
  });

  test('a process whose parent goes away goes too', async () => {
    const { program, args } = compilerCommand(2 ** 28);
    const child = fork(program, args, { execArgv: [], serialization: 'advanced' });
    await once(child, 'message');
    child.kill('SIGINT');
    child.disconnect();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe('memory', () => {
  /** What takes most is long lists of what needs several words to compare. */
  const greedy = filter(Array.from({ length: 250 }, (_, at) => `host 1:${at}::`).join(' or '));

  test('that V8 believes to have and the kernel does not give is told the same', async () => {
    const { program, args } = compilerCommand(2 ** 28);
    const command = { program, args: [...args.slice(0, -1), String(8 * 2 ** 20)] };
    const compiler = createFilterCompiler({ limit_ms: 60_000, command });
    expect(faultsOf(await compiler.check({ filter: greedy, linktypes: [1] }))).toEqual([
      ['expression_memory', '/filter_expression'],
    ]);
    await compiler.close();
  });

  test('is enough for what takes most', async () => {
    const compiler = createFilterCompiler({ limit_ms: 60_000 });
    expect(faultsOf(await compiler.check({ filter: greedy, linktypes: [1] }))).toEqual([
      ['expression_too_long', '/filter_expression'],
    ]);
    await compiler.close();
  });

  test('a compilation that takes too much ends, and the next one works: expression_memory', async () => {
    const compiler = createFilterCompiler({ limit_ms: 60_000, memory_bytes: 32 * 2 ** 20 });
    const refused_text = await compiler.check({ filter: greedy, linktypes: [1] });
    expect(faultsOf(refused_text)).toEqual([['expression_memory', '/filter_expression']]);
    expect(refused_text.ok ? '' : refused_text.faults[0]?.message).toContain('more than 32 MB of memory');
    expect(await compiler.check({ filter: filter('udp'), linktypes: [1] })).toMatchObject({ ok: true });
    await compiler.close();
  });
});

test('processes that the kernel does not confine are told once: compiler_unconfined', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgetap-compiler-'));
  try {
    const path = join(folder, 'unconfined.mjs');
    const answer = `process.on('message', ({ id }) => process.send({ kind: 'failed', id, faults: [] }));`;
    writeFileSync(path, `${answer} process.send({ kind: 'ready', unconfined: 'seccomp: no' });`);
    const told: Fault[] = [];
    const command = { program: path, args: [] };
    const compiler = createFilterCompiler({ ...limitsOf(2), command, limit_ms: 200, warn: (one) => told.push(one) });
    await Promise.all(['ip', 'udp'].map((text) => compiler.check({ filter: filter(text), linktypes: [1] })));
    expect(told).toMatchObject([{ name: 'compiler_unconfined', message: expect.stringContaining('seccomp: no') }]);
    await compiler.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('the end', () => {
  test('of a process under a request is told, and the next request has another', async () => {
    const before = children();
    const compiler = createFilterCompiler({ limit_ms: 20_000 });
    await compiler.check({ filter: filter('ip'), linktypes: [1] });
    const under_way = compiler.check({ filter: slow, linktypes: [1] });
    const [pid] = children().filter((one) => !before.includes(one));
    if (pid === undefined) throw new Error('no process');
    process.kill(pid, 'SIGKILL');
    const result = await under_way;
    expect(faultsOf(result)).toEqual([['expression_compiler', undefined]]);
    expect(result.ok ? '' : result.faults[0]?.message).toContain('it ended with SIGKILL');
    expect(await compiler.check({ filter: filter('udp'), linktypes: [1] })).toMatchObject({ ok: true });
    await compiler.close();
  });

  test('of an idle process goes unnoticed', async () => {
    const before = children();
    const compiler = createFilterCompiler();
    await compiler.check({ filter: filter('ip'), linktypes: [1] });
    const [pid] = children().filter((one) => !before.includes(one));
    if (pid === undefined) throw new Error('no process');
    process.kill(pid, 'SIGKILL');
    await waitFor(() => !children().includes(pid), { what: 'it is gone' });
    expect(await compiler.check({ filter: filter('udp'), linktypes: [1] })).toMatchObject({ ok: true });
    await compiler.close();
  });

  test('of the compiler refuses what waits and what comes', async () => {
    const before = children().length;
    const compiler = createFilterCompiler({ limit_ms: 20_000 });
    await compiler.check({ filter: filter('ip'), linktypes: [1] });
    const pending = [slow, filter('udp')].map((one) => compiler.check({ filter: one, linktypes: [1] }));
    await compiler.close();
    expect((await Promise.all(pending)).map(faultsOf)).toEqual([
      [['expression_compiler', undefined]],
      [['expression_compiler', undefined]],
    ]);
    expect(faultsOf(await compiler.check({ filter: filter('ip'), linktypes: [1] }))).toEqual([
      ['expression_compiler', undefined],
    ]);
    expect(children().length).toBe(before);
    await compiler.close();
  });

  test('at once after the start', async () => {
    const before = children().length;
    await createFilterCompiler(limitsOf(2)).close();
    expect(children().length).toBe(before);
  });
});

describe('many requests', () => {
  test('over two processes, each answered with its own', async () => {
    const compiler = createFilterCompiler(limitsOf(2));
    const protocols = Array.from({ length: 50 }, (_, index) => index + 1);
    const all = await Promise.all(
      protocols.map((number) => compiler.compile({ filter: filter(`ip proto ${number}`), linktype: 101 })),
    );
    const compared = all.map((compiled) => {
      if (!compiled.ok || compiled.value.kind !== 'program') throw new Error('not compiled');
      return decodeInstructions(compiled.value.program.instructions)
        .filter((one) => one.code === 0x15)
        .at(-1)?.k;
    });
    expect(compared).toEqual(protocols);
    await compiler.close();
  });

  test('for the same at one time, as of a capture of many interfaces, are one', async () => {
    const compiler = createFilterCompiler(limitsOf(1, 1));
    const all = await Promise.all(
      Array.from({ length: 256 }, () => compiler.compile({ filter: filter('tcp port 80'), linktype: 1, live: true })),
    );
    expect(all.every((one) => one.ok && one.value.kind === 'program')).toBe(true);
    await compiler.close();
  });

  test('more than may wait are refused', async () => {
    const compiler = createFilterCompiler(limitsOf(1, 1));
    const all = await Promise.all(
      [1, 2, 3].map((number) => compiler.check({ filter: filter(`ip proto ${number}`), linktypes: [1] })),
    );
    expect(all.map((one) => one.ok)).toEqual([true, true, false]);
    expect(all[2]?.ok === false ? all[2].faults[0]?.message : '').toContain(
      '1 filters that wait to be compiled are the most that one account may have',
    );
    await compiler.close();
  });
});

describe('owners', () => {
  /** Slow, and each another one. */
  const slowOf = (number: number): FilterTexts => filter(`${slow.expression_text} or ip proto ${number}`);

  test('wait for one turn of another, not for all that it has waiting', async () => {
    const compiler = createFilterCompiler({ ...limitsOf(1), limit_ms: 500 });
    await compiler.check({ filter: filter('ip'), linktypes: [1] });
    let slow_ones = 0;
    const attack = [1, 2, 3, 4, 5, 6].map(async (number) => {
      await compiler.check({ filter: slowOf(number), linktypes: [1], owner: 'a' });
      slow_ones += 1;
    });
    // Also for a text that waits in the queue of the other.
    const shared = compiler.check({ filter: filter('udp'), linktypes: [1], owner: 'a' });
    expect(await compiler.check({ filter: filter('udp'), linktypes: [1], owner: 'b' })).toMatchObject({ ok: true });
    // One was under way, and one asked first.
    expect(slow_ones).toBeLessThanOrEqual(2);
    await compiler.close();
    await Promise.all([...attack, shared]);
  });

  test('have a process left where there are two, which ends when it has nothing to do', async () => {
    const before = children().length;
    const compiler = createFilterCompiler({ ...limitsOf(2), limit_ms: 30_000, idle_ms: 50 });
    await compiler.check({ filter: filter('ip'), linktypes: [1] });
    expect(children().length - before).toBe(1);
    const attack = [1, 2].map((number) => compiler.check({ filter: slowOf(number), linktypes: [1], owner: 'a' }));
    for (const text of ['udp', 'tcp']) {
      expect(await compiler.check({ filter: filter(text), linktypes: [1], owner: 'b' })).toMatchObject({ ok: true });
      await waitFor(() => children().length - before === 1, { what: 'the second process has ended' });
    }
    await compiler.close();
    await Promise.all(attack);
  });

  test('that have too many waiting are refused: share_used', async () => {
    const limits = limitsOf(1, 1);
    const compiler = createFilterCompiler({ ...limits, limit_ms: 30_000 });
    const attack = [1, 2, 3].map((number) => compiler.check({ filter: slowOf(number), linktypes: [1], owner: 'a' }));
    expect(faultsOf((await attack[2]) ?? { ok: true, value: 0 })).toEqual([['share_used', undefined]]);
    const other = compiler.check({ filter: filter('udp'), linktypes: [1], owner: 'b' });
    const used = limits.limits.read().filter(({ name }) => ['compilers', 'filters_waiting'].includes(name));
    expect(used).toEqual([
      { name: 'compilers', limit: 1, used: 1, refused: 0 },
      { name: 'filters_waiting', limit: 1, used: 1, refused: 1 },
    ]);
    await compiler.close();
    await Promise.all([...attack, other]);
  });
});

test('a program that does not start is a reason, not a crash', async () => {
  const silent = new CompilerChild({ command: { program: '/dev/null', args: [] } });
  const request = { id: 1, filter: filter('ip'), linktypes: [1], live: false, limit_ms: 1000 };
  for (const _ of [1, 2]) {
    expect(await silent.run(request)).toEqual({
      kind: 'unstarted',
      reason: expect.stringMatching(
        /^its process did not start: it ended with exit code 0\. .*pids\.max.* raise that$/,
      ),
    });
  }
  await silent.close();
  expect(await silent.run(request)).toEqual({ kind: 'ended', reason: 'it is closed' });
});

test('a program that cannot work says why', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgetap-compiler-'));
  try {
    const path = join(folder, 'broken.mjs');
    writeFileSync(path, `process.send({ kind: 'broken', reason: 'no libpcap' });`);
    const broken = new CompilerChild({ command: { program: path, args: [] } });
    const request = { id: 1, filter: filter('ip'), linktypes: [1], live: false, limit_ms: 1000 };
    expect(await broken.run(request)).toEqual({ kind: 'ended', reason: 'no libpcap' });
    await broken.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
