import type { Socket } from 'node:net';
import type { EndpointTarget } from '../model/endpoint_policy.ts';
import { FaultError } from '../model/errors/fault.ts';
import { addressFault, type Guard } from './address_fault.ts';

/**
 * Looks at the address that a socket is really connected to, before a byte goes out, and destroys the socket with the
 * fault when it is not allowed. The last word, whatever was resolved or spelled before.
 */
export function verifyPeer(socket: Socket, guard: Guard, target: EndpointTarget): void {
  socket.prependOnceListener('connect', () => {
    const fault = addressFault(guard, target, socket.remoteAddress ?? '');
    if (fault !== undefined) socket.destroy(new FaultError([fault]));
  });
}
