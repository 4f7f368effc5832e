import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FaultError, fault } from '../model/errors/fault.ts';
import { startFault } from './start_fault.ts';

test('whatever is thrown is told in one line: start_failed', () => {
  const own = fault('listen_failed', { address: 'a', reason: 'b' });
  expect(startFault(new FaultError([own]))).toEqual(own);
  let thrown: unknown;
  try {
    readFileSync('/proc/no-such-file');
  } catch (error) {
    thrown = error;
  }
  expect(startFault(thrown).message).toMatch(
    /^The start failed: ENOENT: no such file or directory, open '\/proc\/no-such-file'$/,
  );
  expect(startFault(new TypeError('first line\n    at second (line)')).message).toBe(
    'The start failed: first line at second (line)',
  );
  expect(startFault(7).message).toBe('The start failed: 7');
});
