import { randomUUID } from 'node:crypto';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyBaseLogger } from 'fastify';
import type { Explain } from './broken_fault.ts';
import { commonHeaders } from './common_headers.ts';
import { errorAnswer } from './error_answer.ts';
import { linger } from './linger.ts';

/** What answering takes where Fastify does not. */
export interface RefusalOptions {
  readonly logger: FastifyBaseLogger;
  readonly public_url?: string | undefined;
  /** Over TLS. */
  readonly secured: boolean;
}

type Refusal = ReturnType<Explain>;

/** Answers a request that Fastify does not see, the last one of its connection. */
export function refuseRequest(response: ServerResponse, refusal: Refusal, options: RefusalOptions): void {
  const { status, head, text } = render(refusal, options);
  response.writeHead(status, { ...head, connection: 'close' }).end(text);
}

/** Answers what is no request, and ends the connection. */
export function refuseSocket(socket: Duplex, refusal: Refusal, options: RefusalOptions): void {
  const { status, head, text } = render(refusal, options);
  const lines = Object.entries({ ...head, connection: 'close' }).map(([name, value]) => `${name}: ${value}`);
  linger(socket, `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${text}`);
}

/** The answer's parts, and its line in the log. */
function render(
  { fault: told, allow }: Refusal,
  { logger, public_url, secured }: RefusalOptions,
): { readonly status: number; readonly head: Readonly<Record<string, string>>; readonly text: string } {
  const id = randomUUID();
  const { status, headers, body } = errorAnswer([told], { origin: public_url });
  const text = JSON.stringify(body);
  logger.info({ reqId: id, status, reason: told.message.slice(0, 300) }, 'request refused');
  return {
    status,
    head: {
      date: new Date().toUTCString(),
      ...commonHeaders(id, secured),
      ...headers,
      ...(allow === undefined ? {} : { allow }),
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(text)),
    },
    text,
  };
}
