import type { FastifyRequest } from 'fastify';
import type { Caller } from '../control/control.ts';

const name = 'caller';

/** Who sends this request: there once it was authenticated. */
export function callerOf(request: FastifyRequest): Caller {
  return request.getDecorator<Caller>(name);
}

/** Remembers who sends this request. */
export function setCaller(request: FastifyRequest, caller: Caller): void {
  request.setDecorator(name, caller);
}

/** The name under which a request carries its caller. */
export const callerDecorator: string = name;
