import { describe, expect, test } from 'vitest';
import { toJsonText } from '../model/json_text.ts';
import { fault } from '../model/errors/fault.ts';
import { type PartState, partKey } from './part_state.ts';
import { readStateText, stateText } from './state_text.ts';
import { plainAssignment } from './test_assignment.ts';

const capture_id = 'e'.repeat(32);
const name = 'eth0·ä';
const key = partKey(capture_id, name);
const state: PartState = {
  layout: 1,
  assignment: plainAssignment(capture_id, 1_800_000_000_000_000_000n, {
    packet_limit: 100,
    remaining: { arm_ns: -5n, deliver_ns: 2n ** 60n },
  }),
  interface: name,
  phase: 'ended',
  armed_at: 1_800_000_000_000_000_001n,
  clock_offset: -3n,
  linktype: 1,
  packets: 8001n,
  bytes: 8_000_000n,
  dropped: 0n,
  stop_reason: 'stopped',
  unordered: false,
  fault: fault('sensor_crashed', { packets: 1 }, '/a'),
  missing: 'some',
  note: 'ä',
  sorted: true,
  sorted_on_its_way: true,
  file: 'mended-2',
  file_bytes: 1234,
  checksum: 0xffff_ffff,
  attempt: 3,
};

test('what is written is read, and what was written before there was a sum', () => {
  expect(readStateText(Buffer.from(stateText(state)), key)).toEqual(state);
  expect(readStateText(Buffer.from(toJsonText(state)), key)).toEqual(state);
  expect(JSON.parse(stateText(state))).toMatchObject({ layout: 1, phase: 'ended' });
});

test('a bit or a byte that is another one is found, wherever it is', () => {
  const bytes = Buffer.from(stateText(state));
  for (let at = 0; at < bytes.length; at += 1) {
    for (const change of [1, 2, 4, 8, 16, 32, 64, 128, 0xff, (bytes[at] ?? 0) ^ 0x20, bytes[at] ?? 0]) {
      if (change === 0) continue;
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ change;
      expect(() => readStateText(damaged, key), `byte ${at} by ${change}`).toThrow(Error);
    }
  }
});

test('one that was cut, or to which something was added, is found', () => {
  const bytes = Buffer.from(stateText(state));
  for (let end = 0; end < bytes.length; end += 1)
    expect(() => readStateText(bytes.subarray(0, end), key)).toThrow(Error);
  for (const more of [' ', '\n', '}', '\0'])
    expect(() => readStateText(Buffer.concat([bytes, Buffer.from(more)]), key)).toThrow(Error);
});

describe('without a sum, JSON of another shape is refused', () => {
  const { assignment } = state;
  const wrong: readonly (readonly [string, unknown])[] = [
    ['null', null],
    ['a list', []],
    ['a text', 'x'],
    ['nothing', {}],
    ['another layout', { ...state, layout: 2 }],
    ['a wrong phase', { ...state, phase: 'endet' }],
    ['no phase', { ...state, phase: undefined }],
    ['a count of 2^63', { ...state, packets: 2n ** 63n }],
    ['a count below zero', { ...state, bytes: -1n }],
    ['a count that is a number', { ...state, packets: 5 }],
    ['a moment beyond all time', { ...state, armed_at: 2n ** 63n }],
    ['an attempt that is none', { ...state, attempt: 1.5 }],
    ['a wrong stop', { ...state, stop_reason: 'x' }],
    ['a file elsewhere', { ...state, file: '../../secret.key' }],
    ['a field that nobody knows', { ...state, phasf: 'ended' }],
    ['another part', { ...state, interface: 'eth1' }],
    ['another capture', { ...state, assignment: { ...assignment, capture_id: 'f'.repeat(32) } }],
    ['an assignment without its pieces', { ...state, assignment: { ...assignment, piece_bytes: undefined } }],
    ['an assignment with a field that nobody knows', { ...state, assignment: { ...assignment, packet_limiu: 1 } }],
    ['a fault that is a text', { ...state, fault: 'x' }],
  ];
  test.each(wrong)('%s', (_, value) => {
    expect(() => readStateText(Buffer.from(toJsonText(value)), key)).toThrow(Error);
  });
});

test('with a sum, fields of a later edgetap are no damage', () => {
  const later = { ...state, of_a_later_one: 1 };
  expect(readStateText(Buffer.from(stateText(later)), key)).toEqual(later);
});
