import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { RequestLog, withSerializers } from './request_log.ts';

/** A request to the intake, its body not read yet. */
export interface IntakeRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** What the intake answers. */
export interface IntakeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the intake is made of. */
export interface IntakeOptions {
  /** Decides every request by its signed URL and takes the bytes. */
  readonly accept: (request: IntakeRequest) => Promise<IntakeAnswer>;
  readonly logger: FastifyBaseLogger;
}

/**
 * Makes the listener through which sensors hand in the pieces of parts that control keeps itself. It speaks to sensors only,
 * knows no accounts, and passes every body on as it comes: how long it may be is for `accept` to judge.
 */
export function createIntake({ accept, logger }: IntakeOptions): FastifyInstance {
  const app = Fastify({
    loggerInstance: withSerializers(logger),
    logController: new RequestLog(),
    return503OnClosing: false,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    done(null, payload);
  });
  app.all('/*', (request, reply) => {
    const { method, url, headers, raw } = request;
    void accept({ method, url, headers, body: raw }).then(
      (answer) => reply.code(answer.status).headers(answer.headers).send(answer.body),
      (error: unknown) => {
        // A sensor that is gone sends the piece again.
        if (raw.complete) request.log.error({ err: error }, 'intake failed');
        else request.log.info({ err: error }, 'a piece did not arrive whole');
        return reply.code(500).headers({ connection: 'close' }).send('');
      },
    );
  });
  return app;
}
