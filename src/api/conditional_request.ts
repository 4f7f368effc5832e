import type { ByteRange } from '../control/control.ts';

/** The headers of a request that decide how much of a file is sent. */
export interface ConditionalHeaders {
  readonly range?: string | undefined;
  readonly 'if-range'?: string | undefined;
  readonly 'if-match'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-modified-since'?: string | undefined;
  readonly 'if-unmodified-since'?: string | undefined;
}

/** The file that is asked for. */
export interface Representation {
  readonly size_bytes: number;
  /** Strong, with its quotes. */
  readonly etag: string;
  /** Whole seconds since 1970: HTTP dates know no finer. */
  readonly last_modified_s: number;
}

/** What to answer. */
export type ConditionalAnswer =
  | { readonly status: 200 | 304 | 412 | 416 }
  | { readonly status: 206; readonly range: ByteRange };

/**
 * Decides a conditional GET or HEAD (RFC 9110, sections 13.2.2 and 14.2). One byte range is served; several at once are
 * answered with the whole file, as are ranges that are not well-formed or of another unit. A HEAD has no range.
 */
export function conditionalAnswer(
  method: string,
  headers: ConditionalHeaders,
  file: Representation,
): ConditionalAnswer {
  const match = headers['if-match'];
  if (match !== undefined) {
    if (!listsTag(match, file.etag, true)) return { status: 412 };
  } else {
    const unmodified = dateOf(headers['if-unmodified-since']);
    if (unmodified !== undefined && file.last_modified_s > unmodified) return { status: 412 };
  }
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined) {
    if (listsTag(noneMatch, file.etag, false)) return { status: 304 };
  } else {
    const modified = dateOf(headers['if-modified-since']);
    if (modified !== undefined && file.last_modified_s <= modified) return { status: 304 };
  }
  if (method !== 'GET' || headers.range === undefined || !sameAs(headers['if-range'], file)) return { status: 200 };
  const range = readRange(headers.range, file.size_bytes);
  if (range === 'none') return { status: 200 };
  return range === 'outside' ? { status: 416 } : { status: 206, range };
}

/** Does If-Range name this very file? Only a strong tag or an exact date counts. */
function sameAs(ifRange: string | undefined, file: Representation): boolean {
  if (ifRange === undefined) return true;
  const text = ifRange.trim();
  return text.endsWith('"') ? text === file.etag : dateOf(text) === file.last_modified_s;
}

function readRange(text: string, size: number): ByteRange | 'none' | 'outside' {
  const found = /^bytes=[ \t]*(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))[ \t]*$/i.exec(text.trim());
  if (found === null) return 'none';
  const [, first, last, suffix] = found;
  if (suffix !== undefined) {
    const count = Math.min(Number(suffix), size);
    return count === 0 ? 'outside' : { start: size - count, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' || last === undefined ? Number.MAX_SAFE_INTEGER : Number(last);
  if (end < start) return 'none';
  return start >= size ? 'outside' : { start, end: Math.min(end, size - 1) };
}

function listsTag(header: string, etag: string, strong: boolean): boolean {
  if (header.trim() === '*') return true;
  const tags = header.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => tag === etag || (!strong && tag === `W/${etag}`));
}

function dateOf(text: string | undefined): number | undefined {
  if (text?.trim().endsWith(' GMT') !== true) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}
