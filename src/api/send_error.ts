import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Fault, FaultError, kindOf } from '../model/errors/fault.ts';
import { errorAnswer } from './error_answer.ts';
import { faultsOf } from './faults_of.ts';

/** Answers an error with its envelope, and logs it where it is edgetap's own. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, origin?: string): void {
  const faults: readonly [Fault, ...Fault[]] = faultsOf(error, request);
  const answer = errorAnswer(faults, { origin });
  // Whoever left has given up what is not available then: that is nothing for the operator.
  const given_up = request.raw.socket.destroyed && error instanceof FaultError;
  if (kindOf(faults[0]).status >= 500 && !given_up) request.log.error({ err: error }, 'request failed');
  // Errors that come before the hooks have no id yet.
  const headers = { 'x-request-id': request.id, 'cache-control': 'no-store', ...answer.headers };
  for (const [name, value] of Object.entries(headers)) {
    if (!reply.hasHeader(name)) reply.header(name, value);
  }
  // A stream's own headers say what was to be sent instead.
  for (const name of ['content-length', 'content-disposition', 'accept-ranges', 'etag', 'last-modified']) {
    reply.removeHeader(name);
  }
  reply.code(answer.status).type('application/json; charset=utf-8').send(JSON.stringify(answer.body));
}
