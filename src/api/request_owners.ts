import type { IncomingMessage } from 'node:http';
import { addressGroup } from '../model/address_group.ts';

/** So many credentials are remembered. */
const known_max = 4096;

/** Whose requests are whose before they are looked at: of an account where their credentials were good lately, else of a client's address. */
export class RequestOwners {
  readonly #accounts = new Map<string, string>();

  /** Credentials were found to be an account's. */
  know(request: IncomingMessage, account_id: string): void {
    const credentials = credentialsOf(request);
    if (credentials === undefined || this.#accounts.get(credentials) === account_id) return;
    if (this.#accounts.size >= known_max) this.#accounts.clear();
    this.#accounts.set(credentials, account_id);
  }

  /** Who sends a request. */
  of(request: IncomingMessage): string {
    const credentials = credentialsOf(request);
    const account_id = credentials === undefined ? undefined : this.#accounts.get(credentials);
    return account_id ?? addressGroup(request.socket.remoteAddress ?? '');
  }
}

function credentialsOf({ headers }: IncomingMessage): string | undefined {
  const key = headers['x-auth-key'];
  return headers.authorization ?? (typeof key === 'string' ? key : undefined);
}
