import { expect, test } from 'vitest';
import { TrafficShares } from './traffic_shares.ts';

const counts = (eth0: number, eth1: number, eth2: number): Map<string, number> =>
  new Map(Object.entries({ eth0, eth1, eth2 }));
const all = ['eth0', 'eth1', 'eth2'];

test('who is alone has all, and where nothing comes each has the same', () => {
  const shares = new TrafficShares();
  expect(shares.shareOf('eth0', ['eth0'])).toBe(1);
  expect(all.map((name) => shares.shareOf(name, all))).toEqual([1 / 3, 1 / 3, 1 / 3]);
  // What came before the first look is not of now.
  shares.look(counts(1e9, 5, 0));
  expect(shares.shareOf('eth0', all)).toBeCloseTo(1 / 3);
});

test('the share follows the traffic, leaves something to the idle, and adds up to 1', () => {
  const shares = new TrafficShares();
  shares.look(counts(1e9, 0, 0));
  shares.look(counts(1e9, 9e6, 1e6));
  const of = (): number[] => all.map((name) => shares.shareOf(name, all));
  expect(of().reduce((sum, one) => sum + one)).toBeCloseTo(1);
  expect(of()[1]).toBeGreaterThan(0.7);
  expect(of()[0]).toBeGreaterThan(0.01);
  // It moves to another one; and a counter that begins anew is no traffic.
  for (let seconds = 1; seconds < 20; seconds += 1) shares.look(counts(0, 9e6, 1e6 + seconds * 1e6));
  expect(of()[2]).toBeGreaterThan(0.8);
  expect(of()[0]).toBeCloseTo(of()[1] ?? 0, 3);
});

test('at the beginning they can go by all that ever came', () => {
  const shares = TrafficShares.ever(counts(8e9, 1e9, 0));
  expect(shares.shareOf('eth0', all)).toBeGreaterThan(0.7);
  expect(shares.shareOf('eth2', all)).toBeLessThan(0.1);
  expect(shares.shareOf('eth2', ['eth2'])).toBe(1);
});
