import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CaptureThread } from './capture_thread.ts';
import { SpoolBudget } from './spool_budget.ts';

const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe('a worker', () => {
  test('that has ended leaves no descriptor behind, and is not woken any more', async () => {
    const budget = new SpoolBudget(1);
    // What the first one opens for good.
    await (await CaptureThread.start(budget)).end();
    const before = descriptors();
    for (let round = 0; round < 5; round += 1) {
      const worker = await CaptureThread.start(budget);
      await worker.end();
      expect(worker.dead).toBe(true);
      worker.wake();
    }
    expect(descriptors()).toBe(before);
  });
});
