import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Fault } from '../model/errors/fault.ts';
import type { LimitCounts } from '../model/limit_counts.ts';
import type { LatestAnswers } from './server_factory.ts';

/** How long a client has to take its last answer. */
const farewell_ms = 2000;

/** What handing requests on takes. */
export interface InTurnOptions {
  readonly latest: LatestAnswers;
  readonly limits: LimitCounts;
  /** Answers with a fault, and ends the connection. */
  readonly refuse: (response: ServerResponse, fault: Fault) => void;
}

/**
 * Hands the requests of a connection on one after another, each when the answer before it is out: what a client sends ahead costs
 * nothing before its turn, and nothing at all once the connection is closed. Too many ahead end the connection.
 */
export function inTurn(handle: RequestListener, { latest, limits, refuse }: InTurnOptions): RequestListener {
  /** How many wait on a connection, where any do; endless once it is given up. */
  const ahead = new Map<Socket, number>();
  limits.measure('pipelined', () => Math.max(0, ...[...ahead.values()].filter(Number.isFinite)));
  const most = limits.values.pipelined;

  const wait = (request: IncomingMessage, response: ServerResponse, before: ServerResponse): void => {
    const { socket } = request;
    const waiting = ahead.get(socket);
    if (waiting === undefined) socket.once('close', () => ahead.delete(socket));
    const given_up = (waiting ?? 0) >= most;
    ahead.set(socket, given_up ? Number.POSITIVE_INFINITY : (waiting ?? 0) + 1);
    latest.set(socket, response);
    if (given_up) stopReading(socket);
    before.once('finish', () => {
      if (socket.destroyed || !before.shouldKeepAlive) return;
      if (given_up) {
        refuse(response, limits.refuse('pipelined'));
        return;
      }
      ahead.set(socket, (ahead.get(socket) ?? 1) - 1);
      handle(request, response);
    });
  };

  return (request, response) => {
    const { socket } = request;
    const before = latest.get(socket);
    if (before === undefined || before.writableFinished) {
      latest.set(socket, response);
      handle(request, response);
    } else if (ahead.get(socket) === Number.POSITIVE_INFINITY) {
      socket.pause();
    } else {
      wait(request, response, before);
    }
  };
}

/** What still comes is not even looked at; the answers that are owed go out. */
function stopReading(socket: Socket): void {
  socket.pause();
  socket.destroySoon = () => {
    socket.end();
    const timer = setTimeout(() => socket.destroy(), farewell_ms);
    socket.once('close', () => clearTimeout(timer));
  };
}
