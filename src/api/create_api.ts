import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import { raise } from '../model/errors/fault.ts';
import { accountRoutes } from './account_routes.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { authenticateHook } from './authenticate.ts';
import { callerDecorator } from './caller.ts';
import { captureRoutes } from './capture_routes.ts';
import { docsRoutes } from './docs_routes.ts';
import { downloadRoutes } from './download_routes.ts';
import { estimateRoutes } from './estimate_routes.ts';
import { httpBase } from './http_base.ts';
import { httpMetrics } from './http_metrics.ts';
import { metricsPage, metricsRoute } from './metrics_route.ts';
import { MonotonicRateStore } from './monotonic_rate_store.ts';
import { openapiOptions, security, sendDescription } from './openapi.ts';
import { operationsRoutes } from './operations_routes.ts';
import { ownershipRoutes } from './ownership_routes.ts';
import { parseJsonBody } from './parse_json_body.ts';
import { RequestOwners } from './request_owners.ts';
import { stopAndRemoveRoutes } from './stop_and_remove_routes.ts';

/** Where the interface of the reference API begins. */
const basePath = '/client/v4';

/**
 * Makes the HTTP API of a control, not listening yet. Every route is: schema in, one call of control, schema out. Whatever is
 * refused or goes wrong is answered with the envelope and a code of the catalogue.
 */
export async function createApi(options: ApiOptions): Promise<ApiInstance> {
  const { control } = options;
  const { http = httpMetrics(), elsewhere = false, token } = options.metrics ?? {};
  const owners = new RequestOwners();
  const app = httpBase({ ...options, owners });
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const encoding = request.headers['content-encoding'] ?? 'identity';
      if (encoding !== 'identity') raise('content_type_unsupported', { type: `JSON in ${encoding.slice(0, 50)}` });
      done(null, parseJsonBody(Buffer.from(body)));
    } catch (error) {
      done(error as Error);
    }
  });

  app.addHook('onResponse', (request, reply, done) => {
    http.count(request, reply);
    done();
  });

  await app.register(swagger, openapiOptions(options));
  await app.register(rateLimit, { global: false, store: MonotonicRateStore });
  const bad = options.bad_credentials_per_minute ?? 120;
  const countBad = app.createRateLimit({ max: bad, timeWindow: 60_000, keyGenerator: (request) => request.ip });

  app.decorateRequest(callerDecorator, null);
  await app.register(
    (scope: ApiInstance, _options, done) => {
      scope.addHook(
        'onRequest',
        authenticateHook(control, owners, async (request) => {
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
  operationsRoutes(app, options);
  if (!elsewhere) metricsRoute(app, metricsPage(control, http), token);
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => await sendDescription(app, reply));
  await app.register(async (pages: ApiInstance) => await docsRoutes(pages, options));
  return app;
}
