import { expect, test } from 'vitest';
import { runBpf } from '../../test/support/bpf_machine.ts';
import { ancillary } from '../libpcap/program.ts';
import { samplingProgram } from './live_source.ts';

const [host, outgoing] = [0, 4];

/** What the kernel's filter says of a packet with this random number. */
function keeps(rate: number, loopback: boolean, random: number, packet_type = host): number {
  const facts = new Map([
    [ancillary.random, random],
    [ancillary.packet_type, packet_type],
  ]);
  return runBpf(samplingProgram(1, rate, loopback).instructions, { bytes: new Uint8Array(1500), facts });
}

test.each([1, 2, 3, 1000, 2 ** 32 - 1])('1 in %d packets passes, 160 bytes of it', (rate) => {
  const threshold = rate === 1 ? 2 ** 32 : Math.floor(2 ** 32 / rate);
  expect(keeps(rate, false, 0)).toBe(160);
  expect(keeps(rate, false, threshold - 1)).toBe(160);
  if (rate > 1) expect(keeps(rate, false, threshold)).toBe(0);
  expect(keeps(rate, false, 2 ** 32 - 1)).toBe(rate === 1 ? 160 : 0);
});

test('on loopback only what comes in is looked at; elsewhere what goes out is kept too', () => {
  expect([keeps(1, true, 0, host), keeps(1, true, 0, outgoing)]).toEqual([160, 0]);
  expect([keeps(2, true, 0, host), keeps(2, true, 0, outgoing)]).toEqual([160, 0]);
  expect(keeps(2, true, 2 ** 31, host)).toBe(0);
  expect(keeps(1, false, 0, outgoing)).toBe(160);
});
