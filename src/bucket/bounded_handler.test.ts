import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { BoundedHandler } from './bounded_handler.ts';

const bounds = { answer_bytes: 1000, least_bytes_per_ms: 1, patient_ms: 60_000 };
/** Longer than any test waits; what a head takes on the slowest machine is less than `short_ms`. */
const [long_ms, short_ms] = [3_600_000, 2000];
let close: (() => void) | undefined;
afterEach(() => close?.());

/** Asks a server once; gives the body's length, or the error's message. */
async function ask(method: string, listener: RequestListener, answer_ms: number): Promise<number | string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  await once(server, 'listening');
  const handler = new BoundedHandler({}, { ...bounds, answer_ms }, () => new Error('too long'));
  const { port } = server.address() as AddressInfo;
  const request = { protocol: 'http:', hostname: '127.0.0.1', port, path: '/', method, headers: {}, query: {} };
  try {
    const { response } = await handler.handle(request as Parameters<BoundedHandler['handle']>[0]);
    const body: unknown = response.body;
    return body instanceof Readable ? (await buffer(body)).length : 'no body';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    handler.destroy();
  }
}

const answer =
  (status: number, bytes: number): RequestListener =>
  (_, response) =>
    response.writeHead(status).end(Buffer.alloc(bytes));

test.each([
  ['PUT', 200, 1000, 1000],
  ['PUT', 200, 1001, 'too long'],
  ['PUT', 403, 5000, 'too long'],
  ['POST', 200, 100_000, 'too long'],
  ['GET', 404, 5000, 'too long'],
  ['GET', 200, 100_000, 100_000],
  ['GET', 206, 100_000, 100_000],
])('%s answered with %i and %i bytes: %s', async (method, status, bytes, expected) => {
  expect(await ask(method, answer(status, bytes), long_ms)).toBe(expected);
});

test('a server that says nothing is given up, unless it puts an object together', async () => {
  const heard: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    heard.push(url);
    // When the other was given up.
    if (url.includes('uploadId')) setTimeout(() => response.end('done'), 600);
  }).listen(0, '127.0.0.1');
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const handler = new BoundedHandler(
    { socketTimeout: 200 },
    { ...bounds, answer_ms: long_ms },
    () => new Error('too long'),
  );
  const handle = async (query: Readonly<Record<string, string>>): Promise<unknown> => {
    const request = { protocol: 'http:', hostname: '127.0.0.1', port, path: '/', method: 'POST', headers: {}, query };
    const { response } = await handler.handle(request as unknown as Parameters<BoundedHandler['handle']>[0]);
    return response.statusCode;
  };
  const [silent, completed] = await Promise.allSettled([handle({ uploads: '' }), handle({ uploadId: 'x' })]);
  expect(silent).toMatchObject({ status: 'rejected', reason: { name: 'TimeoutError' } });
  expect(completed).toEqual({ status: 'fulfilled', value: 200 });
  expect(heard.toSorted((one, other) => one.length - other.length)).toEqual(['/?uploads=', '/?uploadId=x']);
  handler.destroy();
});

test('an answer that does not begin in time is given up', async () => {
  expect(await ask('POST', () => undefined, 200)).toMatch(/requestTimeout/);
});

test('one that begins and does not end in time, too, however often a byte comes', async () => {
  const drip: RequestListener = (_, response) => {
    const timer = setInterval(() => response.write(' '), 20);
    response.once('close', () => clearInterval(timer));
  };
  expect(await ask('POST', drip, short_ms)).toMatch(/abort/);
});

test('an object may take its time', async () => {
  const slow: RequestListener = (_, response) => {
    response.write(' ');
    setTimeout(() => response.end(' '), short_ms + 500);
  };
  expect(await ask('GET', slow, short_ms)).toBe(2);
});
