import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A server that takes objects as S3 does, until it falls silent: then it accepts, and answers nothing. */
export interface SilentServer {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** What was put under a path that ends so, as text. */
  read(name: string): string | undefined;
  /** From now on nothing is answered. */
  fallSilent(): void;
  close(): void;
}

/** Starts one on a free port. */
export async function startSilentServer(): Promise<SilentServer> {
  const objects = new Map<string, Buffer>();
  let silent = false;
  const server = createServer((request, response) => {
    void (async (): Promise<void> => {
      const body = await buffer(request);
      if (silent) return;
      objects.set(request.url?.split('?')[0] ?? '', body);
      const md5 = createHash('md5').update(body).digest('hex');
      response.writeHead(200, { etag: `"${md5}"` }).end();
    })().catch(() => undefined);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    read: (name) => [...objects].find(([path]) => path.endsWith(name))?.[1].toString(),
    fallSilent: () => {
      silent = true;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
