import { HealthResponse } from '../wire/http/account_schemas.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';

const tags = ['Operations'];

/** What operators and their tools ask for: no credentials, no envelope. */
export function operationsRoutes(app: ApiInstance, { control }: ApiOptions): void {
  app.route({
    method: 'GET',
    url: '/healthz',
    schema: { tags, operationId: 'health', summary: 'Does the process live?', response: { 200: HealthResponse } },
    handler: () => ({ status: 'ok' as const, reasons: [] }),
  });

  app.route({
    method: 'GET',
    url: '/readyz',
    schema: {
      tags,
      operationId: 'readiness',
      summary: 'Can requests be served?',
      response: { 200: HealthResponse, 503: HealthResponse },
    },
    handler: async (_request, reply) => {
      const { ready, reasons, parts } = await control.readiness();
      const served = reasons.length === 0 ? ('ok' as const) : ('degraded' as const);
      return await reply.code(ready ? 200 : 503).send({
        status: ready ? served : ('not_ready' as const),
        reasons: [...reasons],
        parts: parts.map(({ name, reasons: own }) => ({ name, ok: own.length === 0, reasons: [...own] })),
      });
    },
  });
}
