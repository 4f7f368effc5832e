import { totalmem } from 'node:os';
import { expect, test } from 'vitest';
import { memoryBudgets, memoryOfHost } from './memory_budgets.ts';

const GiB = 2 ** 30;

test('the setting is shared out whole; without one it is a quarter of the memory, and never above 2 GiB', () => {
  expect(memoryBudgets(100, 64 * GiB)).toEqual({ sample_bytes: 25, capture_bytes: 75 });
  expect(memoryBudgets(undefined, 4 * GiB)).toEqual({ sample_bytes: GiB / 4, capture_bytes: (3 * GiB) / 4 });
  expect(memoryBudgets(undefined, 64 * GiB)).toEqual({ sample_bytes: GiB / 2, capture_bytes: (3 * GiB) / 2 });
});

test('the memory of this host is that of the machine, or less', () => {
  expect(memoryOfHost()).toBeGreaterThan(2 ** 27);
  expect(memoryOfHost()).toBeLessThanOrEqual(totalmem());
});
