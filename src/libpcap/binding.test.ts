import { expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import { load, loadLibpcap } from './binding.ts';
import { checked, errnoText } from './native_fault.ts';

function faultOf(work: () => unknown): FaultError {
  try {
    work();
  } catch (error) {
    if (error instanceof FaultError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('libpcap is found, new enough, and loaded once', () => {
  const found = loadLibpcap();
  expect(Number(found.version.split('.')[1])).toBeGreaterThanOrEqual(10);
  expect(found.pcap.pcap_lib_version()).toContain(found.version);
  expect(loadLibpcap()).toBe(found);
});

test('where there is none, the fault says what to run', () => {
  const missing = faultOf(() => load(['libpcap-of-nobody.so.9']));
  expect(missing.faults[0]).toMatchObject({ name: 'libpcap_missing', code: 1510 });
  expect(missing.message).toContain('apt-get install libpcap0.8');
  expect(missing.cause).toBeInstanceOf(AggregateError);
});

test('a library without the functions is none', () => {
  expect(faultOf(() => load(['libc.so.6'])).faults[0].name).toBe('libpcap_missing');
});

test('a call that failed is told with its errno', () => {
  const failed = faultOf(() => checked('close', loadLibpcap().libc.close(-1)));
  expect(failed.faults[0].name).toBe('native_call_failed');
  expect(failed.message).toBe('close failed: bad file descriptor (EBADF)');
  expect(checked('close', 3)).toBe(3);
});

test('an errno is told in words and by name', () => {
  expect(errnoText(19)).toBe('no such device (ENODEV)');
  expect(errnoText(0)).toBe('no reason given');
});
