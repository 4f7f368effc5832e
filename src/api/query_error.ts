import type { FastifyRequest } from 'fastify';
import { FaultError } from '../model/errors/fault.ts';
import { unknownParameters } from '../wire/http/unknown_parameters.ts';

/** The refusal of a query where the route takes none. A route that has a schema of its query checks it by itself, all at once. */
export function queryError(request: FastifyRequest): FaultError | undefined {
  if (!request.url.includes('?') || request.routeOptions.schema?.querystring !== undefined) return undefined;
  const { query } = request;
  if (typeof query !== 'object' || query === null) return undefined;
  const [first, ...more] = unknownParameters({ ...query }, []);
  return first === undefined ? undefined : new FaultError([first, ...more]);
}
