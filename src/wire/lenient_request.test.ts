import { expect, test } from 'vitest';
import { lenientRequest, namesInReport, wrongInReport } from './lenient_request.ts';
import { wireVersion } from './version.ts';

const from = { version: wireVersion, sensor: 's1', epoch: 'e1' };
const port = { name: 'eth0', index: 2, up: true };
const sample = { interface: 'eth0', rate: 1, packets: 5n, dropped: 0n, bytes: 1n };
const heartbeat = {
  kind: 'heartbeat',
  ...from,
  colo: 'lab01',
  generation: 3n,
  interfaces: [port, { ...port, index: 2 ** 40 }, null],
  spool_used_bytes: 0n,
  spool_limit_bytes: 10n,
  samples: [{ ...sample, packets: 2n ** 63n }, sample],
};

test('a heartbeat is heard without those elements that are wrong', () => {
  const dropped: string[] = [];
  expect(lenientRequest(heartbeat, (what) => dropped.push(what))).toMatchObject({
    interfaces: [port],
    samples: [sample],
  });
  expect(dropped).toEqual(['2 of its interfaces', '1 of its samples']);
  expect(lenientRequest({ ...heartbeat, spool_used_bytes: 2n ** 63n }, () => undefined)).toBeUndefined();
});

test('reports come as they are, in a request that is one', () => {
  const reports = [{ phase: 'x' }];
  expect(lenientRequest({ kind: 'report', ...from, reports }, () => undefined)).toEqual({
    kind: 'report',
    ...from,
    reports,
  });
  for (const wrong of [
    null,
    5,
    {},
    { kind: 'report', reports },
    { kind: 'report', ...from, reports: Array(1025).fill(0) },
  ])
    expect(lenientRequest(wrong, () => undefined)).toBeUndefined();
});

test('what is wrong with a report is said, and whom it is about where that can be read', () => {
  const report = { capture_id: 'a'.repeat(32), interface: 'eth0', sequence: 1, phase: 'armed', packets: 5n };
  expect(wrongInReport(report)).toBeUndefined();
  expect(wrongInReport({ ...report, packets: 2n ** 63n })).toMatch(/packets/);
  expect(wrongInReport(null)).toBeDefined();
  expect(namesInReport({ ...report, phase: 'x' })).toMatchObject({ interface: 'eth0' });
  expect(namesInReport({ ...report, sequence: 0 })).toBeUndefined();
});
