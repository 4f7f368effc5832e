import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Histogram, Registry } from 'prom-client';

/** Counts of what the API answered. */
export interface HttpMetrics {
  /** Counts one answered request. */
  count(request: FastifyRequest, reply: FastifyReply): void;
  /** Prometheus text. */
  text(): Promise<string>;
}

/** Makes the API's own metrics. Labels are route patterns, never paths: their number is bounded. */
export function httpMetrics(): HttpMetrics {
  const registry = new Registry();
  const requests = new Counter({
    name: 'edgetap_http_requests_total',
    help: 'HTTP requests answered, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const seconds = new Histogram({
    name: 'edgetap_http_request_seconds',
    help: 'Time until an answer was sent whole, by route.',
    labelNames: ['route'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [registry],
  });
  return {
    count(request, reply) {
      const route = request.routeOptions.url ?? 'none';
      requests.inc({ method: request.method, route, status: reply.statusCode });
      seconds.observe({ route }, reply.elapsedTime / 1000);
    },
    text: async () => await registry.metrics(),
  };
}
