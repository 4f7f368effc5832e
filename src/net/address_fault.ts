import { type EndpointPolicy, type EndpointTarget, endpointVerdict } from '../model/endpoint_policy.ts';
import { type Fault, fault } from '../model/errors/fault.ts';

/** What connections are judged by, and who hears of a refusal. */
export interface Guard {
  readonly policy: EndpointPolicy;
  /** The operator is told where a refused endpoint (`host:port`) leads: the fault itself may be read by a stranger. */
  refused(host: string, address: string): void;
  /** Who is refused may be a stranger, who is not to find out which names there are: one that does not exist is refused alike. */
  readonly conceals?: boolean;
}

/** Why a connection to this address must not be made (`endpoint_refused`, `endpoint_insecure`), or undefined. */
export function addressFault(guard: Guard, target: EndpointTarget, address: string): Fault | undefined {
  const verdict = endpointVerdict(guard.policy, target, address);
  if (verdict === 'allowed') return undefined;
  const host = target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
  if (verdict === 'insecure') return fault('endpoint_insecure', { host });
  guard.refused(host, address);
  return fault('endpoint_refused', { host });
}
