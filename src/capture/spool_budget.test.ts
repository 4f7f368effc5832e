import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { SpoolBudget } from './spool_budget.ts';

test('gives what is left and no more, and takes it back', () => {
  const budget = new SpoolBudget(100);
  expect([budget.reserve(60), budget.reserve(60), budget.reserve(1)]).toEqual([60, 40, 0]);
  budget.release(30);
  expect([budget.used_bytes, budget.reserve(50)]).toEqual([70, 30]);
});

test('has nothing to give while more is there than it allows', () => {
  const budget = new SpoolBudget(100);
  budget.occupy(250);
  expect([budget.used_bytes, budget.reserve(1)]).toEqual([250, 0]);
  budget.release(200);
  expect(budget.reserve(100)).toBe(50);
});

test('counts over threads, without losing a byte', async () => {
  const budget = new SpoolBudget(1_000_000);
  const path = new URL('spool_budget.ts', import.meta.url).href;
  const script = `const { parentPort, workerData } = require('node:worker_threads');
    import(${JSON.stringify(path)}).then(({ SpoolBudget }) => {
      const budget = new SpoolBudget(workerData.limit_bytes, 100, workerData.shared);
      let got = 0;
      for (let granted = budget.reserve(7); granted > 0; granted = budget.reserve(7)) got += granted;
      parentPort.postMessage(got);
    });`;
  const workerData = { shared: budget.shared, limit_bytes: budget.limit_bytes };
  const got = await Promise.all(
    [1, 2, 3].map(async () => {
      const worker = new Worker(script, { eval: true, workerData });
      return await new Promise<number>((resolve, reject) => worker.once('message', resolve).once('error', reject));
    }),
  );
  expect(got.reduce((sum, one) => sum + one, 0)).toBe(1_000_000);
  expect(budget.used_bytes).toBe(1_000_000);
});
