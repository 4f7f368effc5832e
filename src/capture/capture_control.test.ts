import { expect, test } from 'vitest';
import { stopReasons } from '../model/stop_reason.ts';
import { CaptureControl } from './capture_control.ts';

test('both sides see the same', () => {
  const here = new CaptureControl();
  const there = new CaptureControl(here.shared);
  here.deadline_ns = 123_456_789_012_345.6;
  expect(there.deadline_ns).toBe(123_456_789_012_345);
  there.publishWritten(1n << 40n, 2n, 3);
  there.publishKernel(9n, 1n << 33n);
  expect(here.progress).toEqual({ packets: 1n << 40n, bytes: 2n, file_bytes: 3, dropped: 1n << 33n });
});

test.each(stopReasons)('carries the command to end: %s', (reason) => {
  const control = new CaptureControl();
  expect(control.command).toBeUndefined();
  control.stop(reason);
  expect(control.command).toBe(reason);
  control.stop('shutdown');
  expect(control.command).toBe(reason);
});
