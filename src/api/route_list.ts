import type { FastifyInstance } from 'fastify';
import { type Fault, fault } from '../model/errors/fault.ts';

interface KnownRoute {
  readonly pattern: RegExp;
  readonly methods: readonly string[];
}

/** What is there, for those who ask for what is not. */
export interface RouteList {
  /** Why a request met no route: there is no such path, or not for this method, and then which methods there are. */
  explain(method: string, path: string): { readonly fault: Fault; readonly allow?: string };
}

/** Keeps a list of the routes that are added to `app` from now on. */
export function listRoutes(app: FastifyInstance): RouteList {
  const routes: KnownRoute[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: typeof method === 'string' ? [method] : method });
  });
  return {
    explain(method, path) {
      const there = routes.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
      const shown = path.slice(0, 200);
      if (there.length === 0 || there.includes(method))
        return { fault: fault('route_unknown', { method, path: shown }) };
      const allow = [...new Set(there)].sort().join(', ');
      return { fault: fault('method_not_allowed', { method, path: shown, allowed: allow }), allow };
    },
  };
}

function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.+^$(){}|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\/:[a-z_]+/g, '/[^/]+').replace(/\*/g, '.*')}/?$`);
}
