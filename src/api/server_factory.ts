import { createServer, type RequestListener, STATUS_CODES, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { fault } from '../model/errors/fault.ts';
import type { ApiOptions } from './api_options.ts';
import { errorAnswer } from './error_answer.ts';

/** The most bytes of a request line and its headers (Node's own default, said aloud). */
const headers_max_bytes = 16_384;

/** Makes the HTTP or HTTPS server that Fastify runs on. What is no HTTP request is answered with an envelope too. */
export function serverFactory({ tls, public_url }: ApiOptions): (handler: RequestListener) => Server {
  return (handler) => {
    const options = { maxHeaderSize: headers_max_bytes, headersTimeout: 20_000, requestTimeout: 60_000 };
    const server: Server =
      tls === undefined
        ? createServer(options, handler)
        : createTlsServer(
            { ...options, cert: pem(tls.cert), key: pem(tls.key), minVersion: 'TLSv1.2', handshakeTimeout: 10_000 },
            handler,
          );
    // Longer than proxies keep theirs, so that none of them sends into a connection that closes at that moment.
    server.keepAliveTimeout = 72_000;
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      answerBroken(error, socket, public_url);
    });
    return server;
  };
}

function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === 'string' ? text : Buffer.from(text);
}

function answerBroken(error: NodeJS.ErrnoException, socket: Duplex, public_url: string | undefined): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = errorAnswer([brokenFault(error.code)], { origin: public_url });
  const text = JSON.stringify(body);
  const lines = Object.entries({ ...headers, 'content-type': 'application/json; charset=utf-8' });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`);
}

function brokenFault(code: string | undefined): ReturnType<typeof fault> {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return fault('request_timeout');
  if (code === 'HPE_HEADER_OVERFLOW') return fault('headers_too_large', { limit_bytes: headers_max_bytes });
  return fault('request_malformed', { reason: 'it does not follow HTTP/1.1.' });
}
