import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import { type CaptureFile, downloadCapture } from './download_capture.ts';
import { createTransport } from './transport.ts';

const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 253);
let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

interface Flaky {
  /** How many bytes go out before the connection is cut, request by request; whole where there is none. */
  readonly cuts: number[];
  readonly etags?: string[];
  readonly ranges?: (string | undefined)[];
}

async function from({ cuts, etags = [], ranges = [] }: Flaky): Promise<CaptureFile> {
  let asked = 0;
  server = createServer((request, response) => {
    const { range, 'if-range': ifRange } = request.headers;
    ranges.push(range);
    const etag = etags[asked] ?? '"1"';
    const cut = cuts[asked];
    asked += 1;
    const start = range !== undefined && ifRange === etag ? Number(/\d+/.exec(range)?.[0]) : 0;
    const rest = bytes.subarray(start);
    response.writeHead(start === 0 ? 200 : 206, {
      'content-length': rest.length,
      etag,
      'content-disposition': 'attachment; filename="pcap_1.pcap"',
      ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
    });
    if (cut === undefined) response.end(rest);
    else response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const world = { fetch, sleep: async () => await Promise.resolve(), randomId: () => 'random' };
  return await downloadCapture(createTransport({ url: `http://127.0.0.1:${port}`, token: 't' }, world), '/d', world);
}

async function all(file: CaptureFile): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.chunks) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

test('the file with its name and size', async () => {
  const file = await from({ cuts: [] });
  expect([file.filename, file.size_bytes]).toEqual(['pcap_1.pcap', bytes.length]);
  expect(Buffer.compare(await all(file), bytes)).toBe(0);
});

test('goes on where the connection was cut, again and again', async () => {
  const ranges: (string | undefined)[] = [];
  const file = await from({ cuts: [100_000, 1, 50_000], ranges });
  expect(Buffer.compare(await all(file), bytes)).toBe(0);
  expect(ranges).toEqual([undefined, 'bytes=100000-', 'bytes=100001-', 'bytes=150001-']);
});

test('a file that has changed meanwhile is not pieced together', async () => {
  const file = await from({ cuts: [1000], etags: ['"1"', '"2"'] });
  await expect(all(file)).rejects.toThrow('the file has changed');
});

test('a connection that stays cut ends it, with server_unreachable', async () => {
  const file = await from({ cuts: Array.from({ length: 20 }, () => 0).with(0, 1000) });
  const error: unknown = await all(file).catch((caught: unknown) => caught);
  expect(error instanceof FaultError && error.faults[0].name).toBe('server_unreachable');
  expect(String(error)).toContain('cut at byte 1000 of 300000');
});
