import {
  accessSync,
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { factsOf } from './file_facts.ts';
import type { LaneAnswer, LaneCall, LaneValue } from './file_lane_messages.ts';

// A call that hangs holds up this thread and nothing else: none of these goes through the threads that the process shares.
const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');
port.on('message', (call: LaneCall) => {
  const answer = answerTo(call);
  const bytes = 'value' in answer && answer.value instanceof Uint8Array ? [answer.value.buffer as ArrayBuffer] : [];
  port.postMessage(answer, bytes);
});

port.postMessage('ready');

function answerTo(call: LaneCall): LaneAnswer {
  try {
    return { value: make(call) };
  } catch (error) {
    const { message, code = '', errno } = error as NodeJS.ErrnoException;
    return { error: { message, code, errno } };
  }
}

function make(call: LaneCall): LaneValue {
  switch (call.name) {
    case 'open':
      return openSync(call.path, call.flags, call.mode);
    case 'mkdir':
      mkdirSync(call.path, call.mode);
      return undefined;
    case 'rename':
      renameSync(call.path, call.to);
      return undefined;
    case 'unlink':
      unlinkSync(call.path);
      return undefined;
    case 'readdir':
      return readdirSync(call.path);
    case 'stat':
      return factsOf(statSync(call.path));
    case 'requireWritable':
      accessSync(call.path, constants.W_OK | constants.X_OK);
      return undefined;
    case 'writeAll':
      for (let done = 0; done < call.bytes.length; ) {
        done += writeSync(call.fd, call.bytes, done, call.bytes.length - done, call.position + done);
      }
      return undefined;
    case 'read': {
      const bytes = new Uint8Array(call.length);
      return bytes.subarray(0, readSync(call.fd, bytes, 0, call.length, call.position));
    }
    case 'sync':
      fsyncSync(call.fd);
      return undefined;
    case 'datasync':
      fdatasyncSync(call.fd);
      return undefined;
    case 'fstat':
      return factsOf(fstatSync(call.fd));
    case 'close':
      closeSync(call.fd);
      return undefined;
  }
}
