import type { FastifyReply } from 'fastify';

/** Fires when nobody waits for the answer any more: the connection was closed, or the answer is out. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}
