import type { Readable } from 'node:stream';
import type { Piece, SignedPiece, UploadedPiece } from '../model/piece.ts';

/** One multipart upload of one object. Keys are relative to the bucket's destination: `pcap_….pcap`, `staging/1.pcap`. */
export interface Upload {
  readonly key: string;
  readonly upload_id: string;
}

/** An object that is in the bucket, confirmed by size and checksum. */
export interface StoredObject {
  readonly size_bytes: bigint;
}

/** What `putStream` stored. */
export interface StreamedObject extends StoredObject {
  /** 64 hexadecimal characters. */
  readonly sha256: string;
}

/** Bytes of an object: the first and the last one's offset, both included. */
export interface ByteRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** An object that is being read. Who takes one must read `body` to its end or destroy it. */
export interface ObjectContent {
  readonly body: Readable;
  /** Of `body`. */
  readonly length_bytes: bigint;
  /** Of the whole object. */
  readonly size_bytes: bigint;
  /** Another one for another object, and for one that was written since; absent where the bucket has no such thing. */
  readonly version?: string;
}

/** How to write a stream. */
export interface StreamOptions {
  /** Size of every piece but the last; two of them are the memory that is used. */
  readonly piece_bytes: number;
  readonly content_type?: string;
  readonly signal?: AbortSignal;
  /** Hears of the upload before anything of it is sent; a stream that is written in one go may have none. */
  readonly started?: (upload: Upload) => Promise<void>;
}

/**
 * A place for objects: one destination, opened with its secrets. Everything that delivers needs no more than PutObject in the
 * user's bucket; `readObject` and `removeObject` need their own permissions. Every failure is a FaultError: `bucket_denied`,
 * `bucket_missing`, `bucket_region`, `bucket_unreachable` (after retries), `bucket_refused`, `endpoint_refused` or
 * `endpoint_insecure`, and no message, cause or stack of one has a secret in it.
 */
export interface Bucket {
  /** Canonical, without secrets: for messages. */
  readonly destination: string;
  /** Writes a small object in one go. What has begun may go on after `signal` has fired. */
  writeObject(key: string, bytes: Uint8Array, content_type?: string, signal?: AbortSignal): Promise<StoredObject>;
  /**
   * Begins an upload in pieces; the id is to be stored before it is used.
   * @param piece_bytes the size of every piece but the last
   */
  startUpload(key: string, piece_bytes: number, content_type?: string): Promise<string>;
  /** Signs a PUT of one piece, good for 15 minutes, for somebody without credentials. Makes no request. */
  signPiece(order: Upload & { readonly piece: Piece }): Promise<SignedPiece>;
  /**
   * Makes an object of all pieces (numbered 1, 2, 3 …; their number, sizes and MD5s are checked). Repeating it after it succeeded or
   * after a lost answer is well, as far as the bucket can tell.
   * @throws {FaultError} `bucket_checksum` the object is not what was sent: upload it again; `upload_gone` the bucket knows no
   *   such upload (any more): upload it again
   */
  completeUpload(order: Upload & { readonly pieces: readonly UploadedPiece[] }): Promise<StoredObject>;
  /** Gives an upload up and frees its space; an upload that is gone already is well. */
  abortUpload(upload: Upload): Promise<void>;
  /**
   * Writes an object from a stream in constant memory. When it fails, the upload is aborted, if the bucket can be reached and
   * allows that: who must be sure takes its id by `started`.
   */
  putStream(key: string, bytes: AsyncIterable<Uint8Array>, options: StreamOptions): Promise<StreamedObject>;
  /**
   * Opens an object for reading. `range` must lie within it; all of it by default. No chunk of the body is longer than `chunk_bytes`, where
   * the kind of bucket has a say in that: who reads may stop for long, and so much is kept for it.
   * @throws {FaultError} `bucket_read_failed` when there is no such object or it may not be read
   */
  readObject(key: string, range?: ByteRange, chunk_bytes?: number): Promise<ObjectContent>;
  /** Removes an object; one that is not there is well. */
  removeObject(key: string): Promise<void>;
}
