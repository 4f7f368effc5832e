import { expect, test } from 'vitest';

import { waitFor } from './wait_for.ts';

test('it returns the first answer that is there', async () => {
  const answers = [undefined, null, false, 0];
  expect(await waitFor(() => answers.shift(), { what: 'an answer', every_ms: 1 })).toBe(0);
  expect(answers).toEqual([]);
});

test('a probe that throws is asked again', async () => {
  let calls = 0;
  const probe = async (): Promise<string> => {
    calls += 1;
    if (calls < 3) throw new Error('not yet');
    return 'here';
  };
  expect(await waitFor(probe, { what: 'it', every_ms: 1 })).toBe('here');
});

test('at the limit it says what was missing and what was seen last', async () => {
  await expect(waitFor(() => false, { what: 'the cows come home', limit_ms: 20, every_ms: 5 })).rejects.toThrow(
    'not within 20 ms: the cows come home (at last it was false)',
  );
  await expect(
    waitFor(() => Promise.reject(new Error('no cows')), { what: 'cows', limit_ms: 5, every_ms: 1 }),
  ).rejects.toThrow('Error: no cows');
});
