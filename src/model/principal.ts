import type { TimeNs } from './time.ts';

/** Read allows every GET; write allows everything and implies read. */
export type Permission = 'read' | 'write';

/** Who is asking, once the credentials were found good. */
export interface Principal {
  /** Id of the token or user. */
  readonly id: string;
  readonly kind: 'token' | 'user';
  /** The one account that these credentials belong to. */
  readonly account_id: string;
  readonly permission: Permission;
  readonly expires_at?: TimeNs;
}
