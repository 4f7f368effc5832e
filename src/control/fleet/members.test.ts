import { beforeEach, expect, test } from 'vitest';
import type { SensorRecord } from '../../db/sensors.ts';
import { FleetWatch } from './fleet_watch.ts';
import { membersSince } from './members.ts';

const second = 1_000_000_000n;
const now = 1_800_000_000n * second;
/** The wall clock is an hour ahead of the database's. */
const ahead = 3600n * second;
let watch: FleetWatch;
beforeEach(() => {
  watch = new FleetWatch(() => now);
});

const sensor = (name: string, heard_ago_s: bigint, left_ago_s?: bigint): SensorRecord => ({
  name,
  colo: 'lab01',
  epoch: 'e1',
  version: 1,
  generation: 0n,
  last_heard: now - heard_ago_s * second,
  interfaces: [],
  samples: [],
  spool_used_bytes: 0n,
  spool_limit_bytes: 1n,
  ...(left_ago_s === undefined ? {} : { left_at: now - left_ago_s * second }),
});

const fleet = [sensor('there', 2n), sensor('silent', 30n), sensor('left', 100n, 99n)];
const told = (from: bigint | undefined): readonly (readonly [string, string?])[] =>
  membersSince(fleet, from, { watch, db: { clock: { toWall: (at) => at + ahead } } }).map((one) =>
    one.absent === undefined ? [one.sensor.name] : [one.sensor.name, one.absent.name],
  );

test('who is silent is named, and who left where it could have something to say', () => {
  watch.heard('there');
  expect(told(undefined)).toEqual([['silent', 'sensor_silent'], ['there']]);
  expect(told(now + ahead - 99n * second)).toEqual([['silent', 'sensor_silent'], ['there']]);
  expect(told(now + ahead - 100n * second)).toEqual([['left', 'sensor_left'], ['silent', 'sensor_silent'], ['there']]);
});

test('a control that has just begun asks everybody', () => {
  expect(told(undefined)).toEqual([['left'], ['silent'], ['there']]);
});
