import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Link } from '../bus/link.ts';
import { giveBack } from '../model/give_back.ts';
import { type OpenSocket, socketLink } from '../bus/socket_link.ts';

/** The descriptor, in a child of the supervisor, of the pipe that joins it to the bus; 0 to 2 are the standard ones, 3 is Node's own. */
const bus_descriptor = 4;
const read_bytes = 65_536;

/** What a child of the supervisor is forked with: the standard streams as they are, Node's pipe, and the bus. */
export const child_stdio: ['inherit', 'inherit', 'inherit', 'ipc', 'pipe'] = [
  'inherit',
  'inherit',
  'inherit',
  'ipc',
  'pipe',
];

/** A child's end of the bus. To be called once. */
export function busLink(): Link {
  const open: OpenSocket = (take) => {
    const callback = (length: number, buffer: Uint8Array): boolean => {
      take(buffer.subarray(0, length));
      return true;
    };
    // Read into the same memory again and again.
    const socket = new Socket({ fd: bus_descriptor, onread: { buffer: new Uint8Array(read_bytes), callback } });
    // Without the bus this process is of no use: it ends as one without a supervisor does, and is started again.
    const letGo = (): void => {
      if (process.connected) process.disconnect();
    };
    socket.once('error', letGo).once('end', letGo);
    return socket;
  };
  return socketLink(open, 'the supervisor');
}

/** The supervisor's end of a child's bus. */
export function busOf(child: ChildProcess, name: string): Link {
  const end = child.stdio[bus_descriptor];
  if (!(end instanceof Duplex)) throw new TypeError('the child was forked without a bus');
  const open: OpenSocket = (take) =>
    end.on('data', (chunk: Uint8Array) => {
      take(chunk);
      // Node reads into a buffer for each chunk.
      if (chunk.buffer.byteLength === chunk.length) giveBack(chunk);
    });
  return socketLink(open, name);
}
