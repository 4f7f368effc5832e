import { Agent as HttpAgent, type ClientRequestArgs } from 'node:http';
import { Agent as HttpsAgent, type RequestOptions } from 'node:https';
import { Socket, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { type EndpointPolicy, type EndpointTarget, plainHost } from '../model/endpoint_policy.ts';
import { FaultError } from '../model/errors/fault.ts';
import { addressFault, type Guard } from './address_fault.ts';
import { type Resolve, guardedLookup, resolveBySystem } from './guarded_lookup.ts';
import { verifyPeer } from './verify_peer.ts';

/** A pair of agents whose every connection has been checked. */
export interface GuardedAgents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
  /** Closes all connections. */
  close(): void;
}

/** How to make guarded agents. */
export interface GuardOptions {
  /** What is allowed beyond HTTPS to public addresses. */
  readonly policy: EndpointPolicy;
  /** Hears of every refused endpoint (`host:port`) and the address that it leads to; nobody by default. */
  readonly refused?: Guard['refused'];
  /** Refuses names that do not exist like those that lead where nobody may go, so that these cannot be told apart. */
  readonly conceals?: boolean;
  /** The system's resolver by default. */
  readonly resolve?: Resolve;
  /** Certificates (PEM) to trust instead of the well-known ones. */
  readonly ca?: string;
  /** Connections come from these ports of this host, each in its turn, and at most as many at one time go to one place. */
  readonly local_ports?: { readonly first: number; readonly last: number };
}

type Connected = (error: Error | null, socket: Duplex) => void;

/**
 * Makes agents that connect only where the policy allows: the address that a literal, a name or any spelling of either
 * leads to is checked when the connection is made, so that a name which changes between check and use is no way round.
 * A refused connection fails the request with a FaultError (`endpoint_refused`, `endpoint_insecure`). Connections are
 * kept alive and reused. Proxies of the environment are not used, and agents never follow redirects.
 */
export function guardedAgents(options: GuardOptions): GuardedAgents {
  const {
    policy,
    refused = (): void => undefined,
    resolve = resolveBySystem,
    ca,
    local_ports,
    conceals = false,
  } = options;
  const own =
    local_ports === undefined
      ? { sockets_max }
      : { sockets_max: local_ports.last - local_ports.first + 1, nextPort: inTurn(local_ports) };
  const guard = { policy, refused, resolve, conceals, ...own };
  const http = new GuardedHttpAgent(guard);
  const https = new GuardedHttpsAgent(guard, ca);
  const close = (): void => {
    http.destroy();
    https.destroy();
  };
  return { http, https, close };
}

interface ResolvingGuard extends Guard {
  readonly resolve: Resolve;
  /** The port of this host for the next connection; the system's choice by default. */
  readonly nextPort?: () => number;
  /** Connections to one place at one time. */
  readonly sockets_max: number;
}

/** As many as there are downloads by default, and as many again: unread ones do not keep deliveries from the same service. */
const sockets_max = 128;

/** Of those who share ports, the one that was used longest ago is the likeliest to be free. */
function inTurn({ first, last }: { readonly first: number; readonly last: number }): () => number {
  let next = last;
  return () => {
    next = next === last ? first : next + 1;
    return next;
  };
}

class GuardedHttpAgent extends HttpAgent {
  readonly #guard: ResolvingGuard;

  constructor(guard: ResolvingGuard) {
    super({ keepAlive: true, maxSockets: guard.sockets_max });
    this.#guard = guard;
  }

  override createConnection(options: ClientRequestArgs, connected?: Connected): Duplex | null | undefined {
    return connect(this.#guard, false, options, connected, (checked) => super.createConnection(checked, connected));
  }
}

class GuardedHttpsAgent extends HttpsAgent {
  readonly #guard: ResolvingGuard;

  constructor(guard: ResolvingGuard, ca: string | undefined) {
    super({ keepAlive: true, maxSockets: guard.sockets_max, ...(ca === undefined ? {} : { ca }) });
    this.#guard = guard;
  }

  override createConnection(options: RequestOptions, connected?: Connected): Duplex | null | undefined {
    return connect(this.#guard, true, options, connected, (checked) => super.createConnection(checked, connected));
  }
}

function connect<T extends ClientRequestArgs>(
  guard: ResolvingGuard,
  secure: boolean,
  options: T,
  connected: Connected | undefined,
  open: (options: T) => Duplex | null | undefined,
): Duplex | null | undefined {
  const host = plainHost(options.host ?? options.hostname ?? '');
  const target: EndpointTarget = { secure, host, port: Number(options.port ?? (secure ? 443 : 80)) };
  // A literal is never looked up, so the lookup cannot check it.
  const fault = isIP(host) === 0 ? undefined : addressFault(guard, target, host);
  if (fault !== undefined) {
    const refusal = new FaultError([fault]);
    if (connected === undefined) throw refusal;
    connected(refusal, new Socket());
    return undefined;
  }
  const from = guard.nextPort === undefined ? {} : { localPort: guard.nextPort() };
  const socket = open({ ...options, ...from, lookup: guardedLookup(guard, target, guard.resolve) });
  if (socket instanceof Socket) verifyPeer(socket, guard, target);
  return socket;
}
