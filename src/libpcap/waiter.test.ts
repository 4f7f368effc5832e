import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadLibpcap } from './binding.ts';
import { Waiter, wakeBytes } from './waiter.ts';

const { libc } = loadLibpcap();

/** Who sleeps for so long was not woken. */
const unwoken_ms = 60_000;

/** Milliseconds that a wait takes. */
function waits(waiter: Waiter, socket: number, timeout_ms: number): number {
  const began = performance.now();
  waiter.wait(socket, timeout_ms);
  return performance.now() - began;
}

describe('a waiter', () => {
  let waiter: Waiter;
  /** Never readable until it is written to. */
  let silent: number;
  beforeEach(() => {
    waiter = new Waiter();
    silent = libc.eventfd(0, 0);
  });
  afterEach(() => {
    waiter.close();
    libc.close(silent);
  });

  test('sleeps until the time is over', () => {
    expect(waits(waiter, silent, 60)).toBeGreaterThanOrEqual(59);
  });

  test('is woken by what is readable, again and again', () => {
    libc.write(silent, wakeBytes, 8);
    expect(waits(waiter, silent, unwoken_ms)).toBeLessThan(unwoken_ms);
    expect(waits(waiter, silent, unwoken_ms)).toBeLessThan(unwoken_ms);
  });

  test('is woken once by a wake that came before', () => {
    writeSync(waiter.wakeDescriptor, wakeBytes);
    writeSync(waiter.wakeDescriptor, wakeBytes);
    expect(waits(waiter, silent, unwoken_ms)).toBeLessThan(unwoken_ms);
    expect(waits(waiter, silent, 60)).toBeGreaterThanOrEqual(59);
  });

  test('is woken by another thread while it sleeps', async () => {
    const script = `const { writeSync } = require('node:fs'); const { workerData } = require('node:worker_threads');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      writeSync(workerData.descriptor, workerData.bytes);`;
    const workerData = { descriptor: waiter.wakeDescriptor, bytes: wakeBytes };
    const worker = new Worker(script, { eval: true, workerData });
    await new Promise((resolve) => worker.once('online', resolve));
    expect(waits(waiter, silent, unwoken_ms)).toBeLessThan(unwoken_ms);
    await worker.terminate();
  });

  test('is woken by a signal', async () => {
    const script = `
      import { Waiter } from '${new URL('waiter.ts', import.meta.url).pathname}';
      process.on('SIGUSR2', () => {});
      const waiter = new Waiter();
      process.stdout.write('waits');
      const began = performance.now();
      waiter.wait(-1, ${unwoken_ms});
      process.stdout.write(performance.now() - began < ${unwoken_ms} ? 'woken' : 'not woken');
      process.exit(0);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = on(child.stdout.setEncoding('utf8'), 'data');
    expect((await output.next()).value).toEqual(['waits']);
    // Again and again: the first may come before it sleeps.
    const signals = setInterval(() => child.kill('SIGUSR2'), 100);
    expect((await output.next()).value).toEqual(['woken']);
    clearInterval(signals);
  });

  test('does not sleep on a descriptor that is closed', () => {
    const file = openSync('/dev/null', 'r');
    closeSync(file);
    expect(waits(waiter, file, unwoken_ms)).toBeLessThan(unwoken_ms);
  });
});
