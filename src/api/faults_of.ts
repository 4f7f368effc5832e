import type { FastifyRequest } from 'fastify';
import { type Fault, FaultError, fault, kindOf } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';

/** The most characters that an id or another part of a path can have. */
export const path_part_max_chars = 1024;

/**
 * What a client is told of an error: its own faults if it is a `FaultError`, the catalogue's fault for what Fastify itself
 * refused, and for everything else, such as a fault that is the server's own affair, that edgetap failed.
 */
export function faultsOf(error: unknown, request: FastifyRequest): readonly [Fault, ...Fault[]] {
  if (error instanceof FaultError) {
    return kindOf(error.faults[0]).status === 500 ? [internal(request)] : error.faults;
  }
  if (!(error instanceof Error)) return [internal(request)];
  if (isNoFile(error)) {
    const path = (request.url.split('?', 1)[0] ?? '').slice(0, 200);
    return [fault('route_unknown', { method: request.method, path })];
  }
  if (!('code' in error)) return [internal(request)];
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return [fault('body_too_large', { limit_bytes: limits.body_max_bytes })];
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return [fault('content_type_unsupported', { type: request.headers['content-type']?.slice(0, 100) ?? '' })];
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return [fault('request_malformed', { reason: 'Content-Length is not the length of its body.' })];
    case 'FST_ERR_BAD_URL':
      return [fault('request_malformed', { reason: 'its path has a percent sign that escapes nothing.' })];
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return [fault('target_too_long', { limit_bytes: path_part_max_chars })];
    case 'ECONNRESET':
      return request.raw.complete
        ? [internal(request)]
        : [fault('request_malformed', { reason: 'its client left before it was whole.' })];
    default:
      return [refusedByFastify(error) ? fault('request_malformed', { reason: error.message }) : internal(request)];
  }
}

/** What serves the files of the pages says that there is no such file, or that its path leads out of them. */
function isNoFile(error: Error): boolean {
  const status = 'statusCode' in error ? error.statusCode : undefined;
  return !('code' in error && String(error.code).startsWith('FST_ERR_')) && [400, 403, 404].includes(Number(status));
}

/** What Fastify refuses and has no case of its own here: its statuses below 500 are the client's doing. */
function refusedByFastify(error: Error & { readonly code: unknown }): boolean {
  const status = 'statusCode' in error ? error.statusCode : undefined;
  return String(error.code).startsWith('FST_ERR_') && typeof status === 'number' && status >= 400 && status < 500;
}

function internal(request: FastifyRequest): Fault {
  return fault('internal', { request_id: request.id });
}
