import type { FloodOrder } from './flood.ts';
import { openFrameSender } from './replay_frames.ts';

let rounds = 0;
let frames_each = 0;

process.on('message', (message: FloodOrder | 'stop') => {
  if (message === 'stop') {
    process.send?.(rounds * frames_each);
    frames_each = 0;
    return;
  }
  const sender = openFrameSender(message.from);
  const prepared = sender.prepare(message.frames);
  frames_each = message.frames.length;
  const round = (): void => {
    if (frames_each === 0) return;
    prepared.send();
    rounds += 1;
    if (rounds === 1) process.send?.('sending');
    if (message.pause_ms > 0) setTimeout(round, message.pause_ms);
    else setImmediate(round);
  };
  round();
});
// A flood without a parent to end it would go on for ever.
process.on('disconnect', () => process.exit(0));
