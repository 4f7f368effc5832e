import { describe, expect, test } from 'vitest';
import { checkMessage } from './check_message.ts';
import { accepts, wireVersion } from './version.ts';

const from = { version: wireVersion, sensor: 's1', epoch: 'e1' };

describe('checkMessage', () => {
  test('takes a heartbeat and a report', () => {
    const heartbeat = {
      kind: 'heartbeat',
      ...from,
      colo: 'lab01',
      generation: 3n,
      interfaces: [{ name: 'eth0', index: 2, up: true, linktype: 1 }],
      spool_used_bytes: 0n,
      spool_limit_bytes: 10n,
      samples: [],
    };
    expect(checkMessage('SensorRequest', heartbeat)).toBe(true);
    const report = {
      kind: 'report',
      ...from,
      reports: [{ capture_id: 'a'.repeat(32), interface: 'eth0', sequence: 1, phase: 'armed', packets: 5n }],
    };
    expect(checkMessage('SensorRequest', report)).toBe(true);
  });

  test('refuses what is not a message', () => {
    expect(checkMessage('SensorRequest', null)).toBe(false);
    expect(checkMessage('SensorRequest', { kind: 'heartbeat' })).toBe(false);
    const negative = { capture_id: 'a'.repeat(32), interface: 'eth0', sequence: 1, phase: 'armed', packets: -5n };
    expect(checkMessage('SensorRequest', { kind: 'report', ...from, reports: [negative] })).toBe(false);
    expect(checkMessage('SensorRequest', { kind: 'desired', ...from, sensor: 'x'.repeat(65) })).toBe(false);
  });

  test('takes bytes only as bytes', () => {
    const reply = { kind: 'records', interface: 'eth0', linktype: 1 };
    expect(checkMessage('LookbackReply', { ...reply, records: new Uint8Array(3) })).toBe(true);
    expect(checkMessage('LookbackReply', { ...reply, records: [1, 2, 3] })).toBe(false);
  });
});

test('a process accepts its own wire version and the one before', () => {
  expect([wireVersion - 2, wireVersion - 1, wireVersion, wireVersion + 1].map(accepts)).toEqual([
    false,
    true,
    true,
    false,
  ]);
});
