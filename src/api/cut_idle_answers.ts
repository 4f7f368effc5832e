import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyBaseLogger } from 'fastify';
import type { LimitCounts } from '../model/limit_counts.ts';
import type { LatestAnswers } from './server_factory.ts';

/** What cutting takes. */
export interface IdleAnswerOptions {
  readonly latest: LatestAnswers;
  readonly limits: LimitCounts;
  readonly logger: FastifyBaseLogger;
}

/**
 * Cuts connections whose client takes nothing of its answer: the system has taken no byte of it for so long. One that waits for an answer
 * that is still being made is left alone, however long that takes; one without any is closed.
 */
export function cutIdleAnswers(server: Server, { latest, limits, logger }: IdleAnswerOptions): void {
  server.setTimeout(limits.values.answer_idle * 1000, (socket: Socket) => {
    const answer = latest.get(socket);
    const isOut = answer === undefined || answer.writableFinished;
    if (isOut) {
      socket.destroy();
    } else if (socket.writableLength > 0) {
      const { message, code } = limits.refuse('answer_idle');
      logger.info({ address: socket.remoteAddress, code }, message);
      socket.destroy();
    }
  });
}
