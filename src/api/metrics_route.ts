import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { Control } from '../control/control.ts';
import { raise } from '../model/errors/fault.ts';
import { MetricsContent } from '../wire/http/file_schemas.ts';
import type { ApiInstance } from './api_instance.ts';
import { atMostEach } from './at_most_each.ts';
import { type HttpBaseOptions, httpBase } from './http_base.ts';
import type { HttpMetrics } from './http_metrics.ts';
import { RequestOwners } from './request_owners.ts';

/** Nobody needs them more often. */
const interval_ms = 1000;

/** Makes what gives the page of metrics, of control and of its API. */
export function metricsPage(control: Pick<Control, 'metrics'>, http: HttpMetrics): () => Promise<Buffer> {
  return atMostEach(interval_ms, async () => Buffer.from(`${await control.metrics()}${await http.text()}`));
}

/** Adds `/metrics`: for everybody, or for those who send a token. */
export function metricsRoute(app: ApiInstance, page: () => Promise<Buffer>, token: string | undefined): void {
  app.route({
    method: 'GET',
    url: '/metrics',
    schema: {
      tags: ['Operations'],
      operationId: 'metrics',
      summary: 'Metrics in the text format of Prometheus',
      description: 'As they were a second ago at most.',
      response: { 200: MetricsContent },
    },
    onRequest: async ({ headers }) => {
      if (token !== undefined && !isToken(headers.authorization, token)) raise('unauthorized');
    },
    handler: async (_request, reply) => await sendPage(reply, await page()),
  });
}

async function sendPage(reply: FastifyReply, page: Buffer): Promise<FastifyReply> {
  return await reply.type('text/plain; version=0.0.4; charset=utf-8').send(page);
}

/** Makes a listener that has `/metrics` and nothing else, not listening yet. */
export function createMetricsListener(
  options: Omit<HttpBaseOptions, 'owners'>,
  page: () => Promise<Buffer>,
  token: string | undefined,
): ApiInstance {
  const app = httpBase({ ...options, owners: new RequestOwners() });
  metricsRoute(app, page, token);
  return app;
}

function isToken(authorization: string | undefined, token: string): boolean {
  const [, given] = /^bearer +(.+)$/i.exec(authorization ?? '') ?? [];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
