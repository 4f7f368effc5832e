import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { partPaths, readStates, writeState } from './part_shelf.ts';
import { plainAssignment } from './test_assignment.ts';

let spool = '';
beforeEach(() => {
  spool = mkdtempSync(join(tmpdir(), 'edgetap-shelf-'));
});
afterEach(() => rmSync(spool, { recursive: true }));

const [first, second] = ['1'.repeat(32), '2'.repeat(32)];

test('a state that a crash kept from its name is removed, with a directory that has nothing else', async () => {
  for (const id of [first, second]) {
    const paths = partPaths(spool, id, 'eth0');
    mkdirSync(paths.directory);
    writeFileSync(`${paths.state}.new`, '{"layout":');
  }
  const assignment = plainAssignment(second, 0n);
  await writeState(partPaths(spool, second, 'eth0'), {
    layout: 1,
    assignment,
    interface: 'eth0',
    phase: 'armed',
    attempt: 0,
  });
  writeFileSync(`${partPaths(spool, second, 'eth0').state}.new`, '{"layout":');
  mkdirSync(join(spool, 'somebody'));
  writeFileSync(join(spool, 'somebody', 'eth0.state.json.new'), '');
  const { states, unreadable } = await readStates(spool);
  expect([states.size, unreadable]).toEqual([1, []]);
  expect(existsSync(join(spool, first))).toBe(false);
  expect(readdirSync(join(spool, second))).toEqual(['eth0.state.json']);
  expect(readdirSync(join(spool, 'somebody'))).toEqual(['eth0.state.json.new']);
});

test.each([
  'null',
  '[]',
  '{"layout":1}',
  '{"layout":2}',
  '{"layout":1,"assignment":{},"interface":"eth0","phase":"armed"}',
])('a state that says %s is none, and is told', async (text) => {
  const paths = partPaths(spool, first, 'eth0');
  mkdirSync(paths.directory);
  writeFileSync(paths.state, text);
  const { states, unreadable } = await readStates(spool);
  expect(states.size).toBe(0);
  expect(unreadable).toMatchObject([{ key: `${first}/eth0`, path: `${paths.state}.set-aside` }]);
  expect(readFileSync(`${paths.state}.set-aside`, 'utf8')).toBe(text);
});
