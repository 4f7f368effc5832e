import { expect, test } from 'vitest';
import { formatTime } from '../../src/model/time.ts';
import type { SentBatch } from '../support/frame_ledger.ts';
import { numberedFrame } from '../support/numbered_traffic.ts';
import type { SamplePacket } from '../support/packet_samples.ts';
import { judgeAccount, type Told } from './judge_account.ts';

const second = 1_000_000_000n;
/** Ten frames, one a second from second 1 on. */
const sent: readonly SentBatch[] = Array.from({ length: 10 }, (_, first) => {
  const at = BigInt(first + 1) * second;
  return { first, count: 1, before: at, after: at + 1_000_000n };
});
const asked = { from: 0n, to: 20n * second };
const packets = (...numbers: readonly number[]): SamplePacket[] =>
  numbers.map((number) => ({
    time: BigInt(number + 1) * second + 500_000n,
    original: 60,
    data: numberedFrame(number, 60),
  }));
const all = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const whole: Told = { status: 'success', dropped: 0, text: '' };
const partial: Told = { status: 'complete', error_message: 's1/eth0: 2 packets are missing', text: '' };
const faultsOf = (numbers: readonly number[], told: Told): readonly string[] =>
  judgeAccount(asked, sent, packets(...numbers), told).faults;

test('a whole file and its success are true', () => {
  expect(judgeAccount(asked, sent, packets(...all), whole)).toEqual({ faults: [], sent: 10, missing: 0 });
});

test('a success that misses a frame is not', () => {
  expect(faultsOf(all.slice(1), whole)).toEqual([
    'success, and 1 of 10 frames are missing',
    '1 frames are missing without an error_message',
    '1 missing frames are in no gap that is told, and dropped is 0',
  ]);
});

test('what is missing is counted as dropped, or its time is named', () => {
  expect(faultsOf(all.slice(2), { ...partial, dropped: 2 })).toEqual([]);
  expect(faultsOf(all.slice(2), { ...partial, dropped: 1 })).toHaveLength(1);
  const gap = `no samples from ${formatTime(0n)} to ${formatTime(3n * second)}: not sampled`;
  expect(faultsOf(all.slice(2), { ...partial, text: gap })).toEqual([]);
  expect(faultsOf(all.slice(0, 8), { ...partial, text: gap })).toHaveLength(1);
});

test('a part that broke off has lost what came later, and nothing before', () => {
  const crashed = { ...partial, stop_reason: 'crashed' };
  expect(faultsOf([0, 1, 2], crashed)).toEqual([]);
  expect(faultsOf([0, 2, 3], crashed)).toHaveLength(1);
});

test('order, repeats, strangers and stamps are looked at', () => {
  expect(faultsOf([0, 2, 1, ...all.slice(3)], whole)).toContain('frame 1 comes after 2');
  expect(faultsOf([0, 0, ...all.slice(1)], whole)).toContain('frame 0 comes after 0');
  expect(faultsOf([...all, 10], whole)).toContain('frame 10 was never sent');
  const stamped = packets(...all).map((packet) => ({ ...packet, time: packet.time + second }));
  expect(judgeAccount(asked, sent, stamped, whole).faults[0]).toMatch(/^frame 0 is stamped/);
  const outside = judgeAccount({ from: 5n * second, to: 20n * second }, sent, packets(...all), whole).faults;
  expect(outside.filter((fault) => fault.endsWith('outside of the time asked for'))).toHaveLength(4);
});
