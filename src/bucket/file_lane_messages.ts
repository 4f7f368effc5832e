import type { FileFacts } from './file_facts.ts';

/** One call of a file system that a thread is to make. */
export type LaneCall =
  | { readonly name: 'open'; readonly path: string; readonly flags: number; readonly mode: number | undefined }
  | { readonly name: 'mkdir'; readonly path: string; readonly mode: number }
  | { readonly name: 'rename'; readonly path: string; readonly to: string }
  | { readonly name: 'unlink' | 'readdir' | 'stat' | 'requireWritable'; readonly path: string }
  | { readonly name: 'writeAll'; readonly fd: number; readonly bytes: Uint8Array; readonly position: number }
  | { readonly name: 'read'; readonly fd: number; readonly length: number; readonly position: number }
  | { readonly name: 'sync' | 'datasync' | 'fstat' | 'close'; readonly fd: number };

/** What it gives. */
export type LaneValue = number | Uint8Array | readonly string[] | FileFacts | undefined;

/** A thread's answer to a call. */
export type LaneAnswer =
  | { readonly value: LaneValue }
  | { readonly error: { readonly message: string; readonly code: string; readonly errno: number | undefined } };
