import { beforeEach, expect, test } from 'vitest';
import { FleetWatch } from './fleet_watch.ts';

const second = 1_000_000_000n;
let now = 0n;
let watch: FleetWatch;
beforeEach(() => {
  now = 1_000_000n * second;
  watch = new FleetWatch(() => now);
});

/** Lets seconds pass while control is at work. */
function pass(seconds: number): void {
  for (let at = 0; at < seconds; at += 1) {
    now += second;
    watch.listen();
  }
}

const heardAt = (last_heard: bigint, left_at?: bigint) =>
  watch.of({ last_heard, ...(left_at === undefined ? {} : { left_at }) });

test('who has just begun to listen takes everybody to be there, until somebody spoke or 30 s are over', () => {
  const long_ago = now - 3600n * second;
  expect(heardAt(long_ago)).toBe('there');
  expect(heardAt(long_ago, long_ago)).toBe('there');
  pass(29);
  expect(heardAt(long_ago)).toBe('there');
  pass(1);
  expect(heardAt(long_ago)).toBe('silent');
  expect(heardAt(long_ago, long_ago)).toBe('left');
});

test('once somebody spoke, who has not for 30 s is silent', () => {
  watch.heard('s1');
  expect(heardAt(now - 29n * second)).toBe('there');
  expect(heardAt(now - 30n * second)).toBe('silent');
  expect(heardAt(now, now)).toBe('left');
  expect(watch.names()).toEqual(['s1']);
});

test('a host that slept has heard nothing meanwhile', () => {
  watch.heard('s1');
  const before = now;
  now += 3600n * second;
  expect(heardAt(before)).toBe('there');
  watch.listen();
  expect(heardAt(before)).toBe('there');
  pass(2);
  watch.heard('s2');
  expect(heardAt(before)).toBe('silent');
});
