import { openFrameSender } from '../../test/support/replay_frames.ts';
import { numberedFrames } from './test_numbered_frames.ts';

// Sends numbered frames out of an interface (arguments: name, namespace, bytes of a frame, frames at most), over and over, as
// fast as it can, until its standard input ends or it has sent them all. Says how many it has sent.

const [name = '', namespace = '', frame_bytes, frames_max] = process.argv.slice(2);

const sender = openFrameSender({ name, namespace });
const prepared = sender.prepare(numberedFrames(Number(frame_bytes)));
let sent = 0;
process.stdin.resume();
process.stdout.write('sending\n');
while (!process.stdin.readableEnded && sent < Number(frames_max)) {
  sent += prepared.send();
  await new Promise(setImmediate);
}
sender.close();
process.stdout.write(`${sent}\n`);
