import { type Fault, fault } from '../model/errors/fault.ts';
import { headers_max_bytes } from './server_factory.ts';

/** What Node's HTTP parser says when it gives up. */
export interface ParserError extends Error {
  readonly code?: string | undefined;
  /** In words. */
  readonly reason?: string;
  /** How much of `rawPacket` was read. */
  readonly bytesParsed?: number;
  readonly rawPacket?: Buffer;
}

/** Why a request met no route. */
export type Explain = (method: string, path: string) => { readonly fault: Fault; readonly allow?: string };

/** What a client is told that sent what the parser cannot read. */
export function brokenFault(error: ParserError, explain: Explain): ReturnType<Explain> {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return { fault: fault('request_timeout') };
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    const name = lineAt(error).isFirst ? 'target_too_long' : 'headers_too_large';
    return { fault: fault(name, { limit_bytes: headers_max_bytes }) };
  }
  if (error.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') return { fault: fault('chunk_extensions_too_long') };
  if (error.code === 'HPE_PAUSED_H2_UPGRADE' || error.reason === 'Invalid HTTP version') {
    return { fault: fault('http_version') };
  }
  if (error.code === 'HPE_INVALID_EOF_STATE') return malformed('it ends too early.');
  if (error.code === 'HPE_INVALID_METHOD') {
    // Node's parser has a list of methods; HTTP has none.
    const [, method, target] = /^([\w!#$%&'*+.^`|~-]+) (\S+) HTTP\/1\.[01]$/.exec(lineAt(error).text) ?? [];
    if (method !== undefined && target !== undefined) return explain(method, target.split('?', 1)[0] ?? '');
  }
  const said = error.reason === undefined || error.reason === '' ? '' : ` (${error.reason})`;
  return malformed(`it does not follow HTTP/1.1${said}.`);
}

function malformed(reason: string): ReturnType<Explain> {
  return { fault: fault('request_malformed', { reason }) };
}

/** The line at which the parser gave up, as far as it is known. */
function lineAt({ rawPacket, bytesParsed = 0 }: ParserError): { readonly text: string; readonly isFirst: boolean } {
  const text = rawPacket?.toString('latin1') ?? '';
  const from = text.lastIndexOf('\n', Math.max(0, bytesParsed - 1)) + 1;
  const to = text.indexOf('\n', from);
  const before = text.slice(0, from);
  return {
    text: text.slice(from, to === -1 ? undefined : to).replace(/\r$/, ''),
    // The first of the connection, or after the blank line of a request without a body.
    isFirst: /^[A-Z-]+ \//.test(text.slice(from)) && (before === '' || before.endsWith('\r\n\r\n')),
  };
}
