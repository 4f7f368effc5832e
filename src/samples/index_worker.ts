import { randomBytes } from 'node:crypto';
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { FromIndexer, ToIndexer } from './index_messages.ts';
import { IndexQueue } from './index_queue.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
// Of this thread alone (Linux): capturing and answering come first.
setPriority(5);

const idle_ms = 50;
const queue = new IndexQueue({
  seed: () => randomBytes(4).readInt32LE(),
  send: (message: FromIndexer) => port.postMessage(message),
});
let timer: NodeJS.Timeout | undefined;
let stopped = false;

/** A slice at a time, so that questions need not wait for more than one. */
function turn(): void {
  clearTimeout(timer);
  if (stopped) return;
  if (queue.work()) setImmediate(turn);
  else timer = setTimeout(turn, idle_ms);
}

port.on('message', (message: ToIndexer) => {
  if (message.kind !== 'stop') return queue.take(message);
  stopped = true;
  clearTimeout(timer);
  port.close();
});
turn();
