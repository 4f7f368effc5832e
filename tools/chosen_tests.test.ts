import { expect, test } from 'vitest';
import { chosenTests, readTestRequest } from './chosen_tests.ts';

const needs = (file: string, ...programs: readonly string[]) => ({ file, programs: new Set(programs) });
const all = [
  needs('src/model/time.test.ts'),
  needs('src/pcap/to_ethernet.test.ts', 'tshark'),
  needs('src/bucket/s3.test.ts', 'radosgw'),
  needs('src/capture/capture_run.test.ts', 'ip'),
  needs('src/samples/damage_table.test.ts'),
  needs('test/cli.test.ts', 'ip'),
  needs('test/fuzz/fuzz.test.ts'),
];
const chosen = (...args: readonly string[]): readonly string[] =>
  chosenTests(readTestRequest(args), all).map(({ file }) => file);

test('without a name all files are meant', () => {
  expect(chosen()).toHaveLength(all.length);
  expect(chosen('--soak')).toHaveLength(all.length);
});

test('a part of a path means all files that have it, and options are no paths', () => {
  expect(chosen('src/model')).toEqual(['src/model/time.test.ts']);
  expect(chosen('time.test', 'cli')).toEqual(['src/model/time.test.ts', 'test/cli.test.ts']);
  expect(chosen('cli', '-t', 'time.test', '--bail=1')).toEqual(['test/cli.test.ts']);
  expect(readTestRequest(['cli', '-t', 'time', '--bail=1']).options).toEqual(['-t', 'time', '--bail=1']);
});

test('a name that no file has is an error that says it', () => {
  expect(() => chosen('cli', 'nosuch')).toThrow('There is no test file whose path has "nosuch".');
});

test('fast are the unit tests that need no namespaces, mounts and servers, and damage nothing in each of its places', () => {
  expect(chosen('--fast')).toEqual(['src/model/time.test.ts', 'src/pcap/to_ethernet.test.ts']);
});
