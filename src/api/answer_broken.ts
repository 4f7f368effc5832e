import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Fault, FaultError, fault } from '../model/errors/fault.ts';
import { brokenFault, type Explain } from './broken_fault.ts';
import { linger } from './linger.ts';
import { type RefusalOptions, refuseRequest, refuseSocket } from './refusal_answer.ts';
import type { LatestAnswers } from './server_factory.ts';

/** What answering needs. */
export interface BrokenOptions extends RefusalOptions {
  readonly explain: Explain;
  readonly latest: LatestAnswers;
}

type Refusal = ReturnType<Explain>;

/**
 * Answers with the envelope what never becomes a request: what Node's HTTP parser cannot read or gives up, CONNECT, and expectations. An
 * answer comes after those of the requests before it on the connection, and never into the middle of one.
 */
export function answerBroken(server: Server, options: BrokenOptions): void {
  const { latest } = options;
  const given_up = new WeakSet<Duplex>();

  /** Answers after all that is being answered; a request whose own body is broken gets it as its answer. */
  const giveUp = (socket: Duplex, refusal: Refusal): void => {
    given_up.add(socket);
    const response = latest.get(socket);
    if (response === undefined || (response.writableFinished && response.req.complete)) {
      refuseSocket(socket, refusal, options);
    } else if (response.req.complete) {
      response.once('finish', () => {
        if (socket.writable) refuseSocket(socket, refusal, options);
      });
    } else if (response.headersSent) {
      // It has its answer, or gets it now.
      if (response.writableFinished) linger(socket);
      else response.once('finish', () => linger(socket));
    } else {
      response.shouldKeepAlive = false;
      failBody(response.req, refusal.fault);
    }
  };

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // After the first, the parser says the same of every byte that comes.
    if (given_up.has(socket)) return;
    const isParsers = error.code?.startsWith('HPE_') === true || error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
    if (isParsers && socket.writable) giveUp(socket, brokenFault(error, options.explain));
    else socket.destroy();
  });
  server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => undefined);
    giveUp(socket, options.explain('CONNECT', request.url ?? ''));
  });
  server.on('checkExpectation', ({ headers }: IncomingMessage, response: ServerResponse) => {
    const refusal = { fault: fault('expectation_failed', { expectation: (headers.expect ?? '').slice(0, 100) }) };
    refuseRequest(response, refusal, options);
  });
}

/** Whoever reads the body, now or later, gets this fault in its place. */
function failBody(request: IncomingMessage, reason: Fault): void {
  const fail = (): void => {
    if (request.listenerCount('error') > 0) request.emit('error', new FaultError([reason]));
  };
  if (request.listenerCount('error') > 0) fail();
  else {
    request.once('newListener', () => {
      process.nextTick(fail);
    });
  }
}
