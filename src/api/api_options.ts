import type { FastifyBaseLogger } from 'fastify';
import type { Control } from '../control/control.ts';

/** What the API is made of. */
export interface ApiOptions {
  readonly control: Control;
  /** A pino logger made with `logRedaction`. */
  readonly logger: FastifyBaseLogger;
  /** edgetap's own version, for the OpenAPI document. */
  readonly version: string;
  /** The operator's ceiling for a full capture's `packet_limit`. */
  readonly packets_max: number;
  /** Certificate chain and private key, PEM: speak TLS. */
  readonly tls?: { readonly cert: string | Uint8Array; readonly key: string | Uint8Array };
  /** Addresses or networks of proxies whose X-Forwarded-* headers are believed. */
  readonly trust_proxy?: readonly string[];
  /** `https://edgetap.example.com`: goes before the paths of documentation links. */
  readonly public_url?: string;
  /** How long closing waits for requests that are being answered; 5 s by default. */
  readonly close_grace_ms?: number;
  /** Requests with bad credentials that one address may send in a minute before it gets 429. */
  readonly bad_credentials_per_minute?: number;
}
