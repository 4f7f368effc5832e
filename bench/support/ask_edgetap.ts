import { Agent, request } from 'node:http';
import type { Served } from '../../test/support/serve.ts';

/** What a look-back's file holds, and how long it took to get it. */
export interface EdgetapAnswer {
  readonly ms: number;
  readonly bytes: Buffer;
}

/**
 * Takes a simple capture as a client does, over a connection of its own: creates it, asks for it until it is there, downloads it.
 */
export async function askEdgetap(served: Served, body: Readonly<Record<string, unknown>>): Promise<EdgetapAnswer> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const account = `${served.base_url}/accounts/${served.account_id}`;
  const begun = performance.now();
  try {
    let { result } = envelope(await call(agent, served, 'POST', `${account}/pcaps`, JSON.stringify(body)));
    while (unfinished.includes(result.status)) {
      ({ result } = envelope(await call(agent, served, 'GET', `${account}/pcaps/${result.id}`)));
    }
    if (result.status !== 'success') throw new Error(`a look-back ended as ${JSON.stringify(result)}`);
    const bytes = await call(agent, served, 'GET', `${account}/pcaps/${result.id}/download`);
    return { ms: performance.now() - begun, bytes };
  } finally {
    agent.destroy();
  }
}

const unfinished = ['pending', 'running', 'conversion_running'];

interface Envelope {
  readonly result: { readonly id: string; readonly status: string };
}

function envelope(bytes: Buffer): Envelope {
  return JSON.parse(bytes.toString()) as Envelope;
}

async function call(agent: Agent, served: Served, method: string, url: string, body?: string): Promise<Buffer> {
  return await new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${served.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const sending = request(url, { agent, method, headers }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.once('error', reject);
      response.once('end', () => {
        const bytes = Buffer.concat(pieces);
        if (response.statusCode === 200) resolve(bytes);
        else reject(new Error(`${method} ${url} answered ${response.statusCode}: ${bytes.toString()}`));
      });
    });
    sending.once('error', reject);
    sending.end(body);
  });
}
