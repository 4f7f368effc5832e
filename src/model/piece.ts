import type { TimeNs } from './time.ts';

/** One piece of an upload, before it is sent. */
export interface Piece {
  /** 1 to 10,000. */
  readonly number: number;
  readonly length_bytes: number;
  /** MD5 of its bytes, in base64: the Content-MD5 header (RFC 1864). */
  readonly md5_base64: string;
}

/** A piece that the bucket has confirmed. */
export interface UploadedPiece {
  readonly number: number;
  readonly length_bytes: number;
  /** 32 hexadecimal characters. */
  readonly md5: string;
  /** As the bucket gave it, without quotes. */
  readonly etag: string;
}

/** A permission to PUT one piece, once signed good without any credentials. */
export interface SignedPiece {
  readonly url: string;
  readonly method: 'PUT';
  /** To be sent exactly so: they are part of the signature. */
  readonly headers: Readonly<Record<string, string>>;
  /** A moment of the clock of whoever has this. */
  readonly expires_at: TimeNs;
  /** How long it was good for when it was signed, in nanoseconds: for those with another clock. */
  readonly valid_ns?: bigint;
  /** The URL is edgetap's own, not a user's: it may lead to a private address. */
  readonly own: boolean;
}
