import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Control, Credentials } from '../control/control.ts';
import { FaultError, raise } from '../model/errors/fault.ts';
import type { Permission, Principal } from '../model/principal.ts';
import { setCaller } from './caller.ts';
import type { RequestOwners } from './request_owners.ts';

/** Counts a request with bad credentials against its address; how long it must wait once there are too many. */
export type CountBadCredentials = (request: FastifyRequest) => Promise<{ limit: number; wait_s: number } | undefined>;

/** A hook that runs before anything of the body is read. */
export type RequestHook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/**
 * Makes the hook that lets only good credentials through, to their own account, as far as they are permitted: every GET
 * and HEAD needs read, all else write. A path without an account stands for the principal's own.
 */
export function authenticateHook(control: Control, owners: RequestOwners, countBad: CountBadCredentials): RequestHook {
  return async (request, reply) => {
    const credentials = credentialsOf(request);
    // Of a client that has left the system tells no address any more.
    const address = (request.ip as string | undefined) ?? 'unknown';
    let principal: Principal;
    try {
      principal = await control.authenticate(credentials);
    } catch (error) {
      if (error instanceof FaultError && Object.keys(credentials).length > 0) {
        reply.header('www-authenticate', 'Bearer realm="edgetap", error="invalid_token"');
        const exceeded = await countBad(request);
        if (exceeded !== undefined) raise('auth_attempts_limited', exceeded, { cause: error });
      }
      throw error;
    }
    owners.know(request.raw, principal.account_id);
    const account_id = accountOfPath(request) ?? principal.account_id;
    if (account_id !== principal.account_id) raise('account_not_reached');
    const permission: Permission = request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write';
    if (permission === 'write' && principal.permission !== 'write') raise('forbidden', { permission });
    setCaller(request, { principal, account_id, address, request_id: request.id });
  };
}

function credentialsOf({ headers }: FastifyRequest): Credentials {
  const email = textOf(headers['x-auth-email']);
  const key = textOf(headers['x-auth-key']);
  return {
    ...(headers.authorization === undefined ? {} : { authorization: headers.authorization }),
    ...(email === undefined ? {} : { auth_email: email }),
    ...(key === undefined ? {} : { auth_key: key }),
  };
}

function textOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' ? header : undefined;
}

function accountOfPath({ params }: FastifyRequest): string | undefined {
  if (typeof params !== 'object' || params === null || !('account_id' in params)) return undefined;
  return typeof params.account_id === 'string' ? params.account_id : undefined;
}
