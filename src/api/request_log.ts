import { type FastifyBaseLogger, type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { logRedaction, withoutQuery } from './log_redaction.ts';

/** The levels at which a good GET is written. */
const verbose: ReadonlySet<string> = new Set(['debug', 'trace']);

/**
 * What Fastify logs of requests: one line for each that was answered, with method, path, status, time and address; no header,
 * query or body is ever part of it. A good GET is a matter of the debug level.
 */
export class RequestLog extends LogController {
  override incomingRequest(): void {
    // The one line comes with the answer.
  }

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const quiet = reply.statusCode < 400 && (request.method === 'GET' || request.method === 'HEAD');
    // Not even the line is made for nothing.
    if (quiet && !verbose.has(request.log.level)) return;
    const line = {
      method: request.method,
      url: withoutQuery(request.url).slice(0, 200),
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
      address: request.ip,
      ...(error === null || error === undefined ? {} : { err: error }),
    };
    if (quiet) request.log.debug(line, 'request');
    else request.log.info(line, 'request');
  }
}

/** The logger with our serializers in the place where Fastify looks for them; without, it would put its own over them. */
export function withSerializers(logger: FastifyBaseLogger): FastifyBaseLogger {
  return Object.assign(logger.child({}), { serializers: logRedaction.serializers });
}
