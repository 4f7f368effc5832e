import { expect, test } from 'vitest';
import { CaptureChanges } from './capture_changes.ts';

test('all who wait for a capture hear of its next change, and nobody else', async () => {
  const changes = new CaptureChanges();
  const heard: string[] = [];
  const never = new AbortController();
  const waits = ['a', 'a', 'b'].map(async (id, index) => {
    await changes.next(id, never.signal);
    heard.push(`${id}${index}`);
  });
  changes.tell('a');
  changes.tell('c');
  await Promise.all(waits.slice(0, 2));
  expect(heard).toEqual(['a0', 'a1']);
  expect(changes.size).toBe(1);
  changes.tell('b');
  await Promise.all(waits);
  expect(heard).toEqual(['a0', 'a1', 'b2']);
  expect(changes.size).toBe(0);
});

test('a wait that is given up leaves nothing', async () => {
  const changes = new CaptureChanges();
  const [one, other] = [new AbortController(), new AbortController()];
  const waits = [changes.next('a', one.signal), changes.next('a', other.signal)];
  one.abort();
  await waits[0];
  expect(changes.size).toBe(1);
  other.abort();
  await waits[1];
  await changes.next('a', other.signal);
  expect(changes.size).toBe(0);
});
