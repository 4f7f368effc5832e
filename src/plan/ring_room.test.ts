import { expect, test } from 'vitest';
import { beyondShare, ringRoom } from './ring_room.ts';

const part = (
  sensor: string,
  phase: 'assigned' | 'lost' = 'assigned',
): { sensor: string; phase: 'assigned' | 'lost' } => ({
  sensor,
  phase,
});
const sensors = [{ name: 's1', rings_max: 3 }, { name: 's2', rings_max: 1 }, { name: 'old' }];

test('what fits beside what is captured has room, and a sensor that says nothing has it always', () => {
  expect(ringRoom([part('s1'), part('s1'), part('s2')], sensors, new Map([['s1', 1]]))).toBeUndefined();
  const many = Array.from({ length: 300 }, () => part('old'));
  expect(ringRoom(many, sensors, new Map([['old', 300]]))).toBeUndefined();
  // Nothing is captured there.
  expect(ringRoom([part('s2', 'lost'), part('s2', 'lost')], sensors, new Map())).toBeUndefined();
});

test('what can never fit is refused for good, and what does not fit now for now', () => {
  const four = Array.from({ length: 4 }, () => part('s1'));
  expect(ringRoom(four, sensors, new Map())).toMatchObject({
    name: 'capture_rings_lacking',
    pointer: '/colo_name',
    message: expect.stringMatching(/^Sensor s1 has memory for 3 rings, .* needs 4: raise EDGETAP_MEMORY_BYTES/),
  });
  expect(ringRoom([part('s1'), part('s2')], sensors, new Map([['s2', 1]]))).toMatchObject({
    name: 'capture_rings_taken',
    message: expect.stringMatching(/^Sensor s2 .*; 1 are taken, and this capture needs 1: /),
  });
});

test('one account has a share of the rings of each sensor, and one of them at least', () => {
  const own = new Map([['s1', 1]]);
  expect(beyondShare([part('s1')], sensors, own, 75)).toBeUndefined();
  expect(beyondShare([part('s1'), part('s1')], sensors, own, 75)).toEqual({
    sensor: 's1',
    rings: 3,
    share: 2,
    taken: 1,
    parts: 2,
  });
  expect(beyondShare([part('s2'), part('old'), part('old')], sensors, own, 75)).toBeUndefined();
  expect(beyondShare([part('s1'), part('s1')], sensors, own, 100)).toBeUndefined();
});
