import { expect, test } from 'vitest';
import type { CaptureRecord, PartRecord } from '../model/record.ts';
import type { CaptureState } from './capture_state.ts';
import { type GrowingMember, joinParts } from './join_parts.ts';
import { machineTimes } from './machine_times.ts';
import { seconds } from './seconds.ts';
import { step } from './step.ts';

const start = 1_000_000n * 1_000_000_000n;
const at = (second: number): bigint => start + seconds(second);
const [capture_id, colo] = ['c'.repeat(32), 'lab01'];

const part = (interfaceName: string, ordinal: number, more: Partial<PartRecord> = {}): PartRecord => ({
  capture_id,
  sensor: 's1',
  interface: interfaceName,
  colo,
  ordinal,
  phase: 'armed',
  sequence: 1,
  ...more,
});

const member = (...names: string[]): GrowingMember => ({
  name: 's1',
  colo,
  interfaces: names.map((name) => ({ name })),
});

function running(change: Partial<CaptureRecord> = {}, parts: readonly PartRecord[] = [part('eth0', 0)]): CaptureState {
  const spec = {
    type: 'full',
    system: 'magic-transit',
    time_limit_s: 600,
    filter_v1: {},
    format: 'pcap',
    colo_name: colo,
    destination_conf: 'file:///b',
    ownership_id: 'o'.repeat(32),
  } as const;
  const record: CaptureRecord = {
    id: capture_id,
    account_id: 'a'.repeat(32),
    principal_id: 'p'.repeat(32),
    spec,
    scope: { sensors: 'all', networks: 'all' },
    status: 'running',
    submitted: start,
    armed_at: at(1),
    deadline: at(601),
    delivery: 'staged',
    piece_bytes: 8_388_608,
    version: 1n,
    ...change,
  };
  return { record, parts };
}

test('an interface that comes is taken into the capture, behind the others, once, and its sensor hears of it', () => {
  const joined = joinParts(running(), at(100), [member('eth0', 'veth1', 'veth2')]);
  expect(joined?.effects).toEqual([{ kind: 'work_changed', sensors: ['s1'] }]);
  expect(joined?.state.parts.slice(1)).toMatchObject([
    { interface: 'veth1', ordinal: 1, phase: 'assigned', began_at: at(100) },
    { interface: 'veth2', ordinal: 2, phase: 'assigned' },
  ]);
  const state = joined?.state ?? running();
  expect(joinParts(state, at(101), [member('eth0', 'veth1', 'veth2')])).toBeUndefined();
});

test('it has as long to begin as the first had, from when it came', () => {
  const { state } = step(running(), { kind: 'joined', at: at(100), members: [member('eth0', 'veth1')] }, machineTimes);
  const tick = (second: number): string | undefined => {
    const heard = new Map([['s1', at(second)]]);
    return step(state, { kind: 'tick', at: at(second), heard }, machineTimes).state.parts[1]?.phase;
  };
  expect([tick(101), tick(129), tick(131)]).toEqual(['assigned', 'assigned', 'lost']);
});

test('where there is no memory for it, it is named with that and not waited for', () => {
  const rings = { limit: 2, taken: 1 };
  const joined = joinParts(running(), at(100), [{ ...member('eth0', 'veth1', 'veth2'), rings }]);
  expect(joined?.state.parts.slice(1)).toMatchObject([
    { interface: 'veth1', phase: 'assigned' },
    { interface: 'veth2', phase: 'lost', error: expect.stringMatching(/^it came while .*memory for 2 rings/) },
  ]);
});

test('what would be more than the share of its account is named with that and not begun', () => {
  const rings = { limit: 8, taken: 3 };
  const parts = { limit: 100, taken: 3 };
  const grown = member('eth0', 'veth1', 'veth2');
  const ofRings = joinParts(running(), at(100), [{ ...grown, rings, share: { rings: { limit: 4, taken: 3 }, parts } }]);
  expect(ofRings?.state.parts.slice(1)).toMatchObject([
    { interface: 'veth1', phase: 'assigned' },
    {
      interface: 'veth2',
      phase: 'lost',
      error: expect.stringMatching(/^it came while .*may take 4 of the 8 rings .*EDGETAP_RINGS_PERCENT.* taken 4,/),
    },
  ]);
  expect(ofRings?.effects.slice(1)).toEqual([{ kind: 'limit_reached', limit: 'rings_percent' }]);
  const ofParts = joinParts(running(), at(100), [{ ...grown, rings, share: { parts: { limit: 4, taken: 4 } } }]);
  expect(ofParts?.state.parts.slice(1)).toMatchObject([
    {
      interface: 'veth1',
      phase: 'lost',
      error: expect.stringMatching(/^it came while .*may take 4 interfaces .*EDGETAP_FULL_PARTS.* 4 are taken/),
    },
    { interface: 'veth2', phase: 'lost' },
  ]);
});

test('a capture that was kept from an interface by the share of its account ends as complete, and says which and why', () => {
  const share = { rings: { limit: 1, taken: 1 }, parts: { limit: 100, taken: 1 } };
  const members = [{ ...member('eth0', 'veth1'), rings: { limit: 2, taken: 1 }, share }];
  const { record, parts } = step(running(), { kind: 'joined', at: at(100), members }, machineTimes).state;
  const [first, ...lost] = parts;
  if (first === undefined) throw new Error('its first part is gone');
  const delivered: CaptureState = {
    record: { ...record, status: 'conversion_running' },
    parts: [{ ...first, phase: 'uploaded', armed_at: at(1), stop_reason: 'time_limit' }, ...lost],
  };
  const [packets, size_bytes, sha256] = [0n, 24n, 'e'.repeat(64)];
  const converted = { kind: 'converted', at: at(700), packets, size_bytes, sha256, shares: [], pasts: [] } as const;
  expect(step(delivered, converted, machineTimes).state.record).toMatchObject({
    status: 'complete',
    error_message: expect.stringMatching(
      /^s1\/veth1: it came while the capture ran: One account may take 1 of the 2 rings .*EDGETAP_RINGS_PERCENT/,
    ),
  });
});

test.each<[string, CaptureState, GrowingMember]>([
  ['is stopped', running({ stop_cause: 'stopped' }), member('veth1')],
  ['is over', running({ status: 'conversion_pending' }), member('veth1')],
  ['ends in this moment', running({ deadline: at(100) }), member('veth1')],
  ['delivers its one part directly', running({ delivery: 'direct' }), member('veth1')],
  ['is of another site', running(), { ...member('veth1'), colo: 'lab02' }],
  ['may not see the sensor', running({ scope: { sensors: ['s2'], networks: 'all' } }), member('veth1')],
  ['has nothing of the sensor', running(), { ...member('veth1'), name: 's2' }],
])('a capture that %s takes nothing in', (_, state, grown) => {
  expect(joinParts(state, at(100), [grown])).toBeUndefined();
});
