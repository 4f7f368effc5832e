import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { testNeeds } from './test_needs.ts';

const root = resolve(import.meta.dirname, '..');
const { stdout } = spawnSync(process.execPath, [join(root, 'tools/setup.mjs'), 'programs'], { encoding: 'utf8' });
const programs = stdout.split('\n').filter(Boolean);
const needs = new Map(testNeeds(root, programs).map((one) => [one.file, [...one.programs].toSorted()]));

test('a test needs what it and the modules that it leads to start', () => {
  expect(needs.get('src/model/time.test.ts')).toEqual([]);
  expect(needs.get('src/pcap/to_ethernet.test.ts')).toEqual(['tshark']);
  expect(needs.get('src/filter/filter_text.test.ts')).toEqual([]);
  expect(needs.get('src/libpcap/interfaces.test.ts')).toContain('ip');
  expect(needs.get('test/end_to_end/s3_delivery.test.ts')).toEqual(
    expect.arrayContaining(['ceph-mon', 'ceph-osd', 'ip', 'radosgw', 'tshark']),
  );
});

test('each program that the set-up installs for the tests is needed by one', () => {
  const needed = new Set([...needs.values()].flat());
  expect(programs.filter((name) => !needed.has(name))).toEqual([]);
  expect(programs.length).toBeGreaterThan(10);
});
