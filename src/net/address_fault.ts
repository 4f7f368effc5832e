import { type EndpointPolicy, type EndpointTarget, endpointVerdict } from '../model/endpoint_policy.ts';
import { type Fault, fault } from '../model/errors/fault.ts';

/** Why a connection to this address must not be made (`endpoint_refused`, `endpoint_insecure`), or undefined. */
export function addressFault(policy: EndpointPolicy, target: EndpointTarget, address: string): Fault | undefined {
  const verdict = endpointVerdict(policy, target, address);
  if (verdict === 'allowed') return undefined;
  const host = target.host.includes(':') ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
  return verdict === 'insecure' ? fault('endpoint_insecure', { host }) : fault('endpoint_refused', { host, address });
}
