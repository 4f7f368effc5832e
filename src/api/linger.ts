import type { Duplex } from 'node:stream';

/** How long a client has to take its last answer, while what it still sends is read and dropped. */
const linger_ms = 2000;

/**
 * Closes a connection so that its last answer arrives: what is unread when a socket is destroyed makes the kernel reset the connection, and
 * the client loses what it has not read yet.
 */
export function linger(socket: Duplex, last = ''): void {
  socket.on('error', () => undefined);
  if (last === '') socket.end();
  else socket.end(last);
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), linger_ms);
  socket.once('end', () => socket.destroy());
  socket.once('close', () => clearTimeout(timer));
}
