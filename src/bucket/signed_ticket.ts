import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a signed URL of edgetap's own intake allows: one PUT of one piece. */
export interface PieceTicket {
  /** The file bucket's directory, absolute. */
  readonly directory: string;
  readonly key: string;
  readonly upload_id: string;
  readonly number: number;
  readonly length_bytes: number;
  readonly md5_base64: string;
  /** Unix seconds. */
  readonly expires_s: number;
}

type Fields = [string, string, string, number, number, string, number];

/**
 * Writes a ticket as URL-safe text: the ticket's fields as JSON in base64url, a dot, and its HMAC-SHA-256 with the newest of the keys.
 * @param keys at least one, of 32 bytes, newest first
 */
export function signTicket(ticket: PieceTicket, keys: readonly Uint8Array[]): string {
  const [key] = keys;
  if (key === undefined) throw new RangeError('no key to sign with');
  const { directory, upload_id, number, length_bytes, md5_base64, expires_s } = ticket;
  const fields: Fields = [directory, ticket.key, upload_id, number, length_bytes, md5_base64, expires_s];
  const body = Buffer.from(JSON.stringify(fields)).toString('base64url');
  return `${body}.${mac(body, key).toString('base64url')}`;
}

/** Reads a ticket: undefined unless one of the keys signed it. Whether it has expired is the caller's to see. */
export function openTicket(text: string, keys: readonly Uint8Array[]): PieceTicket | undefined {
  const [body = '', tag = '', ...rest] = text.split('.');
  const sent = Buffer.from(tag, 'base64url');
  // Every key is tried, whichever fits: the time tells nothing.
  const fits = keys.map((key) => {
    const own = mac(body, key);
    return own.length === sent.length && timingSafeEqual(own, sent);
  });
  if (rest.length > 0 || !fits.includes(true)) return undefined;
  const fields = JSON.parse(Buffer.from(body, 'base64url').toString()) as Fields;
  const [directory, key, upload_id, number, length_bytes, md5_base64, expires_s] = fields;
  return { directory, key, upload_id, number, length_bytes, md5_base64, expires_s };
}

function mac(body: string, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`edgetap piece 1\n${body}`).digest();
}
