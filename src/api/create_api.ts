import { randomUUID } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { FaultError, raise } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import { accountRoutes } from './account_routes.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { answerBroken } from './answer_broken.ts';
import { authenticateHook } from './authenticate.ts';
import { callerDecorator } from './caller.ts';
import { captureRoutes } from './capture_routes.ts';
import { boundClosing } from './bound_closing.ts';
import { commonHeaders } from './common_headers.ts';
import { docsRoutes } from './docs_routes.ts';
import { downloadRoutes } from './download_routes.ts';
import { estimateRoutes } from './estimate_routes.ts';
import { path_part_max_chars } from './faults_of.ts';
import { hostCheck } from './host_check.ts';
import { httpMetrics } from './http_metrics.ts';
import { MonotonicRateStore } from './monotonic_rate_store.ts';
import { openapiOptions, security } from './openapi.ts';
import { operationsRoutes } from './operations_routes.ts';
import { ownershipRoutes } from './ownership_routes.ts';
import { parseJsonBody } from './parse_json_body.ts';
import { RequestLog, withSerializers } from './request_log.ts';
import { RequestLogger } from './request_logger.ts';
import { queryError } from './query_error.ts';
import { listRoutes } from './route_list.ts';
import { sendError } from './send_error.ts';
import { type LatestAnswers, serverFactory } from './server_factory.ts';
import { stopAndRemoveRoutes } from './stop_and_remove_routes.ts';

/** Where the interface of the reference API begins. */
const basePath = '/client/v4';

/**
 * Makes the HTTP API of a control, not listening yet. Every route is: schema in, one call of control, schema out. Whatever is
 * refused or goes wrong is answered with the envelope and a code of the catalogue.
 */
export async function createApi(options: ApiOptions): Promise<ApiInstance> {
  const { control, logger, public_url } = options;
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
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const encoding = request.headers['content-encoding'] ?? 'identity';
      if (encoding !== 'identity') raise('content_type_unsupported', { type: `JSON in ${encoding.slice(0, 50)}` });
      done(null, parseJsonBody(Buffer.from(body)));
    } catch (error) {
      done(error as Error);
    }
  });

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
  const metrics = httpMetrics();
  const hostFault = hostCheck();
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
  app.addHook('onResponse', (request, reply, done) => {
    metrics.count(request, reply);
    done();
  });
  app.setErrorHandler((error, request, reply) => {
    sendError(error, request, reply, public_url);
  });
  app.setNotFoundHandler(notFound);

  await app.register(swagger, openapiOptions(options));
  await app.register(rateLimit, { global: false, store: MonotonicRateStore });
  const bad = options.bad_credentials_per_minute ?? 120;
  const countBad = app.createRateLimit({ max: bad, timeWindow: 60_000, keyGenerator: (request) => request.ip });

  app.decorateRequest(callerDecorator, null);
  await app.register(
    (scope: ApiInstance, _options, done) => {
      scope.addHook(
        'onRequest',
        authenticateHook(control, async (request) => {
          const state = await countBad(request);
          return state.isAllowed || !state.isExceeded ? undefined : { limit: bad, wait_s: state.ttlInSeconds };
        }),
      );
      scope.addHook('onRoute', (route) => {
        if (route.schema !== undefined) route.schema.security = security;
      });
      captureRoutes(scope, options);
      estimateRoutes(scope, options);
      downloadRoutes(scope, options);
      ownershipRoutes(scope, options);
      accountRoutes(scope, options);
      scope.register((bodiless: ApiInstance, _none, ready) => {
        stopAndRemoveRoutes(bodiless, options);
        ready();
      });
      done();
    },
    { prefix: basePath },
  );
  operationsRoutes(app, options, metrics);
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  await app.register(async (pages: ApiInstance) => await docsRoutes(pages, options));
  return app;
}
