import { spawn } from 'node:child_process';
import { on } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadLibpcap } from './binding.ts';
import { Waiter, wakeBytes } from './waiter.ts';

const { libc } = loadLibpcap();

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
    expect(waits(waiter, silent, 5000)).toBeLessThan(1000);
    expect(waits(waiter, silent, 5000)).toBeLessThan(1000);
  });

  test('is woken once by a wake that came before', () => {
    writeSync(waiter.wakeDescriptor, wakeBytes);
    writeSync(waiter.wakeDescriptor, wakeBytes);
    expect(waits(waiter, silent, 5000)).toBeLessThan(1000);
    expect(waits(waiter, silent, 60)).toBeGreaterThanOrEqual(59);
  });

  test('is woken by another thread while it sleeps', async () => {
    const script = `const { writeSync } = require('node:fs'); const { workerData } = require('node:worker_threads');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      writeSync(workerData.descriptor, workerData.bytes);`;
    const workerData = { descriptor: waiter.wakeDescriptor, bytes: wakeBytes };
    const worker = new Worker(script, { eval: true, workerData });
    await new Promise((resolve) => worker.once('online', resolve));
    expect(waits(waiter, silent, 20_000)).toBeLessThan(10_000);
    await worker.terminate();
  });

  test('is woken by a signal', async () => {
    const script = `
      import { Waiter } from '${new URL('waiter.ts', import.meta.url).pathname}';
      process.on('SIGUSR2', () => {});
      const waiter = new Waiter();
      process.stdout.write('waits');
      const began = performance.now();
      waiter.wait(-1, 20_000);
      process.stdout.write(String(Math.floor(performance.now() - began)));
      process.exit(0);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = on(child.stdout.setEncoding('utf8'), 'data');
    expect((await output.next()).value).toEqual(['waits']);
    await new Promise((resolve) => setTimeout(resolve, 200));
    child.kill('SIGUSR2');
    expect(Number(String((await output.next()).value))).toBeLessThan(15_000);
  });

  test('does not sleep on a descriptor that is closed', () => {
    const file = openSync('/dev/null', 'r');
    closeSync(file);
    expect(waits(waiter, file, 5000)).toBeLessThan(1000);
  });
});
