import { createHash } from 'node:crypto';
import { type AddressInfo, connect } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { waitFor } from '../../test/support/wait_for.ts';
import { createIntake, type IntakeAnswer, type IntakeRequest } from './create_intake.ts';

let app: FastifyInstance | undefined;
afterEach(async () => await app?.close());

async function start(accept: (request: IntakeRequest) => Promise<IntakeAnswer>): Promise<string> {
  app = createIntake({ accept, logger: Fastify().log });
  return await app.listen({ port: 0, host: '127.0.0.1' });
}

test('passes method, URL, headers and the bytes on as they come, whatever their type and length', async () => {
  const seen: { method: string; url: string; type: unknown; sha256: string; chunks: number }[] = [];
  const origin = await start(async ({ method, url, headers, body }) => {
    const hash = createHash('sha256');
    let chunks = 0;
    for await (const chunk of body) {
      hash.update(chunk);
      chunks += 1;
    }
    seen.push({ method, url, type: headers['content-type'], sha256: hash.digest('hex'), chunks });
    return { status: 200, headers: { etag: '"x"' }, body: '' };
  });
  const piece = Buffer.alloc(9_000_000, 'piece');
  const sha256 = createHash('sha256').update(piece).digest('hex');
  for (const type of ['application/json', 'application/octet-stream', undefined]) {
    const headers = type === undefined ? {} : { 'content-type': type };
    const answer = await fetch(`${origin}/intake/pieces?ticket=a%2Fb`, { method: 'PUT', body: piece, headers });
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"x"']);
    expect(seen.at(-1)).toMatchObject({ method: 'PUT', url: '/intake/pieces?ticket=a%2Fb', sha256, type });
  }
  expect(seen[0]?.chunks).toBeGreaterThan(1);
});

test('what is refused is answered in the words of whoever refuses; a defect with 500 and nothing more', async () => {
  const origin = await start(async ({ url }) => {
    if (url === '/defect') throw new Error('secret');
    return { status: 403, headers: { 'content-type': 'application/xml', connection: 'close' }, body: '<Error/>' };
  });
  const refused = await fetch(`${origin}/x`, { method: 'PUT', body: Buffer.alloc(3_000_000) }).catch(() => undefined);
  if (refused !== undefined) expect([refused.status, await refused.text()]).toEqual([403, '<Error/>']);
  const small = await fetch(`${origin}/x`);
  expect([small.status, await small.text(), small.headers.get('content-type')]).toEqual([
    403,
    '<Error/>',
    'application/xml',
  ]);
  const defect = await fetch(`${origin}/defect`, { method: 'DELETE' });
  expect([defect.status, await defect.text()]).toEqual([500, '']);
});

test('a sensor that leaves in mid-piece is no error of ours in the log', async () => {
  const lines: string[] = [];
  const failed = Promise.withResolvers<unknown>();
  app = createIntake({
    accept: async ({ body }) => {
      try {
        for await (const chunk of body) chunk.at(0);
      } catch (error) {
        failed.resolve(error);
        throw error;
      }
      return { status: 200, headers: {}, body: '' };
    },
    logger: Fastify({ logger: { level: 'info', stream: { write: (line: string) => void lines.push(line) } } }).log,
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  const arrived = new Promise((resolve) => app?.server.once('request', resolve));
  socket.write('PUT /intake/pieces HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart');
  await arrived;
  socket.resetAndDestroy();
  await failed.promise;
  await waitFor(() => lines.length > 0, { what: 'a line' });
  expect(lines.filter((line) => line.includes('"level":50'))).toEqual([]);
  expect(lines.join('')).toContain('a piece did not arrive whole');
});
