import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { anywhere } from '../model/endpoint_policy.ts';
import { guardedAgents } from '../net/guarded_agent.ts';
import { sendPiece } from './send_piece.ts';

async function* body(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('x');
}

test.each([403, 200])('an answer (%i) without an end is an answer, and is not read to the end', async (status) => {
  let written = 0;
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(status, { etag: '"abc"' });
    const babble = (): void => {
      written += 65_536;
      if (!response.destroyed) response.write(Buffer.alloc(65_536, ' '), babble);
    };
    babble();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const agents = guardedAgents({ policy: anywhere });
  const headers = { 'content-length': '1' };
  const signed = { url, method: 'PUT', headers, expires_at: 0n, own: true } as const;
  try {
    const answer = await sendPiece(signed, body(), agents, AbortSignal.timeout(100_000));
    expect(answer).toMatchObject({ status, etag: 'abc' });
    expect(answer.text).toHaveLength(16_384);
    expect(written).toBeLessThan(50_000_000);
  } finally {
    agents.close();
    server.closeAllConnections();
    server.close();
  }
});
