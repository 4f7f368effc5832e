import { expect, test } from 'vitest';

import { untestedErrors } from './tested_errors.ts';

test('an error counts as tested when a test has its whole name', () => {
  const texts = [`raise('disk_full', {})`, 'expect(fault.name).toBe("no_route_here")', '// socket_gone'];
  expect(untestedErrors(['disk_full', 'no_route', 'socket_gone', 'disk'], texts)).toEqual(['no_route', 'disk']);
  expect(untestedErrors(['a'], [])).toEqual(['a']);
});
