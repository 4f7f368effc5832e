import type { FastifyBaseLogger } from 'fastify';
import type { Control } from '../control/control.ts';
import type { LimitCounts } from '../model/limit_counts.ts';
import type { HttpMetrics } from './http_metrics.ts';

/** Where the metrics are, and for whom. */
export interface MetricsAccess {
  /** What counts the API's own requests. */
  readonly http: HttpMetrics;
  /** They have a listener of their own. */
  readonly elsewhere?: boolean;
  /** Who asks must send it; nobody need by default. */
  readonly token?: string;
}

/** What the API is made of. */
export interface ApiOptions {
  readonly control: Control;
  /** A pino logger made with `logRedaction`. */
  readonly logger: FastifyBaseLogger;
  /** What clients share. */
  readonly limits: LimitCounts;
  /** With the API and for everybody by default. */
  readonly metrics?: MetricsAccess;
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
  /** The names that it is known by, beside every address; `localhost` by default. */
  readonly hosts?: readonly string[];
  /** How long closing waits for requests that are being answered; 5 s by default. */
  readonly close_grace_ms?: number;
  /** Requests with bad credentials that one address may send in a minute before it gets 429. */
  readonly bad_credentials_per_minute?: number;
}
