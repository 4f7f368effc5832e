import type { LedgerOrder, SentBatch } from './frame_ledger.ts';
import { numberedFrame } from './numbered_traffic.ts';
import { type FrameSender, openFrameSender } from './replay_frames.ts';

const turn_ms = 10;
const batch_frames = 256;
/** The clock counts whole milliseconds: what it calls one may be the end of it. */
const tick_ns = 1_000_000n;

const sent: SentBatch[] = [];
let sender: FrameSender | undefined;
let [next, frame_bytes] = [0, 0];
let timer: NodeJS.Timeout | undefined;
let start: (() => void) | undefined;

function send(count: number): void {
  for (let left = count; left > 0; ) {
    const now = Math.min(left, batch_frames);
    const frames = Array.from({ length: now }, (_, index) => numberedFrame(next + index, frame_bytes));
    const before = BigInt(Date.now()) * tick_ns;
    sender?.send(frames);
    sent.push({ first: next, count: now, before, after: (BigInt(Date.now()) + 1n) * tick_ns });
    next += now;
    left -= now;
  }
}

function startAt(frames_per_s: number): void {
  let [begun, turns] = [performance.now(), 0];
  timer = setInterval(() => {
    const due = Math.floor(((performance.now() - begun) * frames_per_s) / 1000);
    // After a pause of this process it does not catch up all at once.
    if (due - turns > frames_per_s / 10) [begun, turns] = [performance.now(), 0];
    else if (due > turns) {
      send(due - turns);
      turns = due;
    }
  }, turn_ms);
}

process.on('message', (order: LedgerOrder) => {
  if (order.kind === 'begin') {
    sender = openFrameSender(order.from);
    ({ frame_bytes, first: next } = order);
    start = () => startAt(order.frames_per_s);
    start();
  } else if (order.kind === 'burst') send(order.count);
  else if (order.kind === 'pause') clearInterval(timer);
  else if (order.kind === 'resume') start?.();
  process.send?.(order.kind === 'tell' ? sent : []);
});
// Without a parent to end it, it would go on for ever.
process.on('disconnect', () => process.exit(0));
