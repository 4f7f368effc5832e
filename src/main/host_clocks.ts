import { uptime } from 'node:os';
import type { HostClocks } from '../db/reference_clock.ts';
import { bootId } from '../samples/boot_id.ts';
import { wallClock } from './wall_clock.ts';

/** This host's clocks. */
export function hostClocks(): HostClocks {
  const id = bootId();
  return {
    wall: wallClock.now,
    monotonic: wallClock.monotonic,
    boottime: () => BigInt(Math.round(uptime() * 1e9)),
    boot: id.some((byte) => byte !== 0) ? Buffer.from(id).toString('hex') : '',
  };
}
