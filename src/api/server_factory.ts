import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ApiOptions } from './api_options.ts';
import type { LimitCounts } from '../model/limit_counts.ts';
import { cutIdleAnswers } from './cut_idle_answers.ts';
import { FairStarts } from './fair_starts.ts';
import { inTurn } from './in_turn.ts';
import { limitConnections } from './limit_connections.ts';
import { linger } from './linger.ts';
import { refuseRequest, refuseSocket } from './refusal_answer.ts';
import type { RequestOwners } from './request_owners.ts';

/** The most bytes of a request line and its headers (Node's own default, said aloud). */
export const headers_max_bytes = 16_384;

/** The newest answer of each connection. */
export type LatestAnswers = WeakMap<Duplex, ServerResponse>;

/** What the server is made of. */
export interface ServerOptions extends Pick<ApiOptions, 'tls' | 'trust_proxy' | 'logger' | 'public_url'> {
  readonly limits: LimitCounts;
  readonly owners: RequestOwners;
}

/** Makes the HTTP or HTTPS server that Fastify runs on, with its bounds. See `answerBroken` for what is no HTTP request. */
export function serverFactory(given: ServerOptions, latest: LatestAnswers): (handler: RequestListener) => Server {
  const { tls, logger, public_url, limits, trust_proxy, owners } = given;
  const refusal = { logger, public_url, secured: tls !== undefined };
  return (fastify) => {
    const starts = new FairStarts({ now_ms: () => performance.now(), later: setImmediate });
    const begin: RequestListener = (request, response) => {
      starts.start(owners.of(request), () => {
        // Who is gone by now is not worth a look at what was asked.
        if (!request.socket.destroyed) fastify(request, response);
      });
    };
    const inOrder = inTurn(begin, {
      latest,
      limits,
      refuse: (response, fault) => refuseRequest(response, { fault }, refusal),
    });
    const handler: RequestListener = (request, response) => {
      if (isServed(request)) inOrder(request, response);
    };
    const options = {
      maxHeaderSize: headers_max_bytes,
      headersTimeout: 20_000,
      requestTimeout: 60_000,
      // Node's own answer has no envelope: `hostCheck` looks at it.
      requireHostHeader: false,
    };
    const server: Server =
      tls === undefined
        ? createServer(options, handler)
        : createTlsServer({ ...options, ...secureOptions(tls), handshakeTimeout: 10_000 }, handler);
    // Longer than proxies keep theirs, so that none of them sends into a connection that closes at that moment.
    server.keepAliveTimeout = 72_000;
    // Headers beyond such a count would be left out in silence; their bytes are bounded anyway.
    server.maxHeadersCount = 0;
    const isServed = limitConnections(server, {
      limits,
      trust_proxy,
      isIdle: (connection) => latest.get(connection)?.writableFinished ?? true,
      refuse: (socket, fault) => refuseSocket(socket, { fault }, refusal),
    });
    cutIdleAnswers(server, { latest, limits, logger });
    server.on('connection', lingerAtEnd);
    if (tls !== undefined) server.on('secureConnection', lingerAtEnd);
    return server;
  };
}

/** Connections that come from now on get this certificate; those that are open keep theirs. Does nothing on plain HTTP. */
export function renewCertificate(server: Server, tls: NonNullable<ApiOptions['tls']>): void {
  if (server instanceof TlsServer) server.setSecureContext(secureOptions(tls));
}

function secureOptions({ cert, key }: NonNullable<ApiOptions['tls']>): {
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  readonly minVersion: 'TLSv1.2';
} {
  return { cert: pem(cert), key: pem(key), minVersion: 'TLSv1.2' };
}

function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === 'string' ? text : Buffer.from(text);
}

/** Node ends a connection after its last answer in a way that can lose that answer. */
function lingerAtEnd(socket: Socket): void {
  socket.destroySoon = () => linger(socket);
}
