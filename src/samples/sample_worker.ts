import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Waiter } from '../libpcap/waiter.ts';
import { fault, FaultError } from '../model/errors/fault.ts';
import { systemClock } from './clock.ts';
import { LiveSource } from './live_source.ts';
import { runSampleLoop } from './sample_loop.ts';
import type { FromSampler, SamplerOrder, ToSampler } from './sampler_messages.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
const send = (message: FromSampler): void => port.postMessage(message);
try {
  const waiter = new Waiter();
  send({ kind: 'ready', wake_descriptor: waiter.wakeDescriptor });
  const order: SamplerOrder = workerData;
  runSampleLoop(order, {
    waiter,
    send,
    open: (source) => new LiveSource(source),
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic(),
    receive: () => receiveMessageOnPort(port)?.message as ToSampler | undefined,
  });
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  const cause = error instanceof FaultError ? error.faults[0] : fault('samples_write_failed', { reason });
  send({ kind: 'ended', fault: cause });
}
