import type { Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { FastifyInstance } from 'fastify';

/**
 * Bounds how long closing takes. Connections that have never sent a request are cut at once: browsers and clients open such ones
 * ahead of need, and Node counts them as busy until its headers timeout. Requests that are being answered have `grace_ms`; then they
 * are cut too (a download goes on elsewhere by Range).
 */
export function boundClosing(app: FastifyInstance, grace_ms: number): void {
  const unused = new Set<Socket>();
  let closing = false;
  // A request over TLS comes on the secured socket, not on the one below it.
  app.server.on(app.server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    if (closing) socket.destroy();
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  app.addHook('onRequest', (request, _reply, done) => {
    unused.delete(request.raw.socket);
    done();
  });
  app.addHook('preClose', (done) => {
    closing = true;
    for (const socket of unused) socket.destroy();
    setTimeout(() => app.server.closeAllConnections(), grace_ms).unref();
    done();
  });
}
