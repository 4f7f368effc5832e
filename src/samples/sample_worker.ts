import { writeSync } from 'node:fs';
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import { type RingTask, RingTurns } from '../libpcap/ring_turns.ts';
import { Waiter, wakeBytes } from '../libpcap/waiter.ts';
import { systemClock } from './clock.ts';
import { LiveSource } from './live_source.ts';
import { sampleLoop, type SampleLoopPorts } from './sample_loop.ts';
import type { FromSampleThread, SamplerOrder, ToSampler, ToSampleThread } from './sampler_messages.ts';

// A thread that samples any number of interfaces. It never waits for messages as other threads do: it sleeps in poll(2), and takes them
// when it is woken.

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
const send = (message: FromSampleThread): void => port.postMessage(message);

const waiter = new Waiter();
const turns = new RingTurns(waiter, () => Number(process.hrtime.bigint()));
const inboxes = new Map<number, ToSampler[]>();
let ending = false;

function portsOf(sampler: number): SampleLoopPorts {
  return {
    waiter,
    waited: () => writeSync(waiter.wakeDescriptor, wakeBytes),
    send: (message) => send({ kind: 'said', sampler, message }),
    open: (source) => new LiveSource(source),
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic(),
    receive: () => {
      receive();
      return inboxes.get(sampler)?.shift();
    },
  };
}

function* sample(sampler: number, order: SamplerOrder): RingTask<void> {
  let failure: string | undefined;
  try {
    yield* sampleLoop(order, portsOf(sampler));
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  } finally {
    inboxes.delete(sampler);
    send({ kind: 'gone', sampler, ...(failure === undefined ? {} : { failure }) });
  }
}

function receive(): void {
  for (;;) {
    const received = receiveMessageOnPort(port as NonNullable<typeof port>);
    if (received === undefined) return;
    const message = received.message as ToSampleThread;
    if (message.kind === 'end') ending = true;
    else if (message.kind === 'tell') inboxes.get(message.sampler)?.push(message.message);
    else {
      inboxes.set(message.sampler, []);
      turns.add(sample(message.sampler, message.order), () => undefined);
    }
  }
}

try {
  send({ kind: 'ready', wake_descriptor: waiter.wakeDescriptor });
  receive();
  while (!ending || turns.count > 0) {
    turns.round();
    receive();
  }
} finally {
  // Where the thread itself fails, each interface is given back.
  turns.close();
}
