import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

/** Runs the command of `npm run bench`. */
function bench(
  args: readonly string[],
  path = process.env['PATH'],
): { status: number | null; out: string; err: string } {
  const script = resolve(import.meta.dirname, '../../bench/bench.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });
  return { status, out: stdout, err: stderr };
}

test.each([[[]], [['nothing']], [['capture', 'more']], [['bench']], [['../bench']]])(
  '%j names no benchmark',
  (args) => {
    const { status, out, err } = bench(args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain('NAME is one of:');
    expect(err).toMatch(/\bcapture\b/);
  },
);

test.each(['capture', 'lookback', 'sample'])('a missing peer of %s is said aloud, and there are no figures', (name) => {
  const { status, out, err } = bench([name], '/nonexistent');
  expect([status, out]).toEqual([1, '']);
  expect(err).toContain('the peer tcpdump is not installed');
});
