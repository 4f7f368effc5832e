import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import { ApiError } from './api_error.ts';
import { type ApiRequest, type ClientWorld, createTransport, type Transport } from './transport.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
  server = undefined;
});

/** A transport to a server that answers so, and the waits that it made. */
async function to(listener: RequestListener): Promise<{ transport: Transport; waits: number[]; port: number }> {
  server = createServer(listener);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { world, waits } = recordedWaits();
  return { transport: createTransport({ url: `http://127.0.0.1:${port}/`, token: 'the-token' }, world), waits, port };
}
function recordedWaits(): { world: ClientWorld; waits: number[] } {
  const waits: number[] = [];
  const sleep = async (ms: number): Promise<void> => {
    waits.push(ms);
    await Promise.resolve();
  };
  return { world: { fetch, sleep, randomId: () => 'random' }, waits };
}
const get: ApiRequest = { method: 'GET', path: '/x', repeatable: true };
const refusal = (code: number): string =>
  JSON.stringify({
    result: null,
    success: false,
    errors: [{ code, message: 'no', source: { pointer: '/a' } }],
    messages: [],
  });
const failure = async (from: Promise<unknown>): Promise<unknown> =>
  await from.then(
    () => 'it worked',
    (error: unknown) => error,
  );
const nameOf = (error: unknown): string => (error instanceof FaultError ? error.faults[0].name : String(error));

describe('a refusal', () => {
  test('is an ApiError with all that the server said', async () => {
    const { transport, waits } = await to((_request, response) => {
      response.writeHead(400, { 'x-request-id': 'r1', 'x-should-retry': 'false' }).end(refusal(1103));
    });
    const error = await failure(transport.send(get));
    if (!(error instanceof ApiError)) throw error;
    expect(error).toMatchObject({
      status: 400,
      errors: [{ code: 1103, message: 'no', pointer: '/a' }],
      request_id: 'r1',
    });
    expect([error.has(1103), error.has(1000), error.message, waits]).toEqual([true, false, 'no', []]);
  });

  test.each([
    [429, { 'retry-after': '2' }, [2000, 2000]],
    [503, { 'retry-after': '3600' }, [30_000, 30_000]],
    [503, {}, [500, 1000]],
    [503, { 'retry-after': 'soon' }, [500, 1000]],
    [429, { 'x-should-retry': 'false' }, []],
    [500, {}, []],
    [409, {}, []],
    [500, { 'x-should-retry': 'true' }, [500, 1000]],
  ])('%d with %j is tried again after %j', async (status, headers, expected) => {
    let asked = 0;
    const { transport, waits } = await to((_request, response) => {
      asked += 1;
      response.writeHead(status, headers).end(refusal(1009));
    });
    expect(await failure(transport.send(get))).toBeInstanceOf(ApiError);
    expect(waits).toEqual(expected);
    expect(asked).toBe(expected.length + 1);
  });

  test('that passes is no refusal', async () => {
    let asked = 0;
    const { transport } = await to((request, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(503).end(refusal(1013));
      else response.writeHead(200).end(request.headers.authorization);
    });
    expect(await (await transport.send({ ...get, method: 'POST', body: { a: 1 }, repeatable: false })).text()).toBe(
      'Bearer the-token',
    );
  });

  test.each(['<html>', '{"error":"x"}', '', refusal(5)])('of another form (%s) is answer_unreadable', async (body) => {
    const { transport } = await to((_request, response) => response.writeHead(404).end(body));
    expect(nameOf(await failure(transport.send(get)))).toBe('answer_unreadable');
  });
});

describe('a connection that is cut', () => {
  test('is tried again only where that is harmless; then it is server_unreachable', async () => {
    let asked = 0;
    const { transport, waits } = await to((request) => {
      asked += 1;
      request.socket.destroy();
    });
    expect(nameOf(await failure(transport.send({ ...get, method: 'POST', repeatable: false })))).toBe(
      'server_unreachable',
    );
    expect([asked, waits]).toEqual([1, []]);
    const error = await failure(transport.send(get));
    expect(nameOf(error)).toBe('server_unreachable');
    expect([asked, waits]).toEqual([4, [500, 1000]]);
  });

  test('where nobody listens, says so', async () => {
    const { transport, port } = await to(() => undefined);
    server?.close();
    const error = await failure(transport.send(get));
    expect(String(error)).toContain(`http://127.0.0.1:${port}/client/v4 does not answer: connect ECONNREFUSED`);
  });

  test('a redirect is not followed: the token would go along', async () => {
    const { transport } = await to((request, response) => {
      if (request.url === '/client/v4/x') response.writeHead(302, { location: '/elsewhere' }).end();
      else response.end('never');
    });
    expect(nameOf(await failure(transport.send(get)))).toBe('server_unreachable');
  });
});

test.each(['', 'edgetap', 'ftp://x', 'http://', 'http://a b'])('%j is no URL: setting_invalid', (url) => {
  const { world } = recordedWaits();
  expect(() => createTransport({ url, token: 't' }, world)).toThrow(FaultError);
});

test('the base path may be given or not', () => {
  const { world } = recordedWaits();
  for (const url of [
    'https://e.example',
    'https://e.example/',
    'https://e.example/client/v4',
    'https://e.example/client/v4/',
  ]) {
    expect(createTransport({ url, token: 't' }, world).url).toBe('https://e.example/client/v4');
  }
});
