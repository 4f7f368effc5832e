import type { Served } from '../../test/support/serve.ts';
import { HttpConnection } from './http_connection.ts';

/** What a look-back's file holds, and how long it took to get it. */
export interface EdgetapAnswer {
  readonly ms: number;
  readonly bytes: Buffer;
}

/**
 * Takes a simple capture as a client does, over a connection of its own: creates it, asks for it until it is there, downloads it.
 */
export async function askEdgetap(served: Served, body: Readonly<Record<string, unknown>>): Promise<EdgetapAnswer> {
  const { pathname } = new URL(served.base_url);
  const captures = `${pathname}/accounts/${served.account_id}/pcaps`;
  const text = JSON.stringify(body);
  const begun = performance.now();
  const connection = await HttpConnection.open(served.base_url);
  const call = async (method: string, path: string, sent?: string): Promise<Buffer> => {
    const { status, body: bytes } = await connection.ask(method, path, served.token, sent);
    if (status !== 200) throw new Error(`${method} ${path} answered ${status}: ${bytes.toString()}`);
    return bytes;
  };
  try {
    let { result } = envelope(await call('POST', captures, text));
    while (unfinished.includes(result.status)) {
      ({ result } = envelope(await call('GET', `${captures}/${result.id}`)));
    }
    // The interface that the server samples has none of the store's time, which is told; what is found is counted.
    if (result.status !== 'success' && result.status !== 'complete')
      throw new Error(`a look-back ended as ${JSON.stringify(result)}`);
    const bytes = await call('GET', `${captures}/${result.id}/download`);
    return { ms: performance.now() - begun, bytes };
  } finally {
    connection.close();
  }
}

const unfinished = ['pending', 'running', 'conversion_running'];

interface Envelope {
  readonly result: { readonly id: string; readonly status: string };
}

function envelope(bytes: Buffer): Envelope {
  return JSON.parse(bytes.toString()) as Envelope;
}
