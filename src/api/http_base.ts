import { randomUUID } from 'node:crypto';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { FaultError } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import { answerBroken } from './answer_broken.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { boundClosing } from './bound_closing.ts';
import { commonHeaders } from './common_headers.ts';
import { path_part_max_chars } from './faults_of.ts';
import { hostCheck } from './host_check.ts';
import { RequestLog, withSerializers } from './request_log.ts';
import { RequestLogger } from './request_logger.ts';
import { queryError } from './query_error.ts';
import { listRoutes } from './route_list.ts';
import { sendError } from './send_error.ts';
import { type LatestAnswers, type ServerOptions, serverFactory } from './server_factory.ts';

/** What a listener for clients is made of. */
export interface HttpBaseOptions extends ServerOptions, Pick<ApiOptions, 'close_grace_ms' | 'hosts'> {}

/**
 * Makes a listener for clients without any route yet: with bounds of what clients take, what every answer has, and the envelope for whatever
 * is refused or goes wrong. Bodies are not read.
 */
export function httpBase(options: HttpBaseOptions): ApiInstance {
  const { logger, public_url } = options;
  const latest: LatestAnswers = new WeakMap();
  const app: ApiInstance = Fastify({
    loggerInstance: withSerializers(logger),
    logController: new RequestLog(),
    childLoggerFactory: (parent, bindings, options) => new RequestLogger(parent, bindings, options),
    genReqId: () => randomUUID(),
    trustProxy: options.trust_proxy === undefined ? false : [...options.trust_proxy],
    bodyLimit: limits.body_max_bytes,
    // An answer that closing cuts short is worse than one request more.
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: path_part_max_chars },
    serverFactory: serverFactory(options, latest),
    // See `answerBroken`: Fastify's own would write into answers that are under way.
    clientErrorHandler: () => undefined,
    frameworkErrors: (error, request, reply) => {
      sendError(error, request, reply, public_url);
    },
  }).withTypeProvider<TypeBoxTypeProvider>();

  // Bodies are judged whole, schema and state together, by control; what is returned has its type from the schema.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  boundClosing(app, options.close_grace_ms ?? 5000);
  const routes = listRoutes(app);
  answerBroken(app.server, {
    explain: (method, path) => routes.explain(method, path),
    logger,
    public_url,
    secured: options.tls !== undefined,
    latest,
  });
  const notFound = (request: FastifyRequest, reply: FastifyReply): void => {
    const { fault, allow } = routes.explain(request.method, request.url.split('?', 1)[0] ?? '');
    if (allow !== undefined) reply.header('allow', allow);
    sendError(new FaultError([fault]), request, reply, public_url);
  };
  const hostFault = hostCheck(options.hosts ?? ['localhost']);
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(commonHeaders(request.id, options.tls !== undefined));
    const wrong = hostFault(request.raw);
    if (wrong !== undefined) {
      sendError(new FaultError([wrong]), request, reply, public_url);
    } else if (request.is404) {
      // Before its body: of what is not there no body is wrong.
      notFound(request, reply);
    } else {
      done();
    }
  });
  app.addHook('preValidation', (request, _reply, done) => {
    done(queryError(request));
  });
  app.setErrorHandler((error, request, reply) => {
    sendError(error, request, reply, public_url);
  });
  app.setNotFoundHandler(notFound);
  app.removeAllContentTypeParsers();
  return app;
}
