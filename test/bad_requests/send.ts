import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import type { BadRequest, BadRequestWorld } from './bad_request.ts';

/** What came back. */
export interface BadAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Sends a bad request as it is written: no client that is too clever for that comes between. */
export async function send(origin: string, bad: BadRequest, values: BadRequestWorld): Promise<BadAnswer> {
  const filled = (from: string): string =>
    from.replace(/\{([a-z_]+)\}/g, (whole, name: string) => values[name as keyof BadRequestWorld] ?? whole);
  const given = bad.headers ?? { authorization: 'Bearer {token}' };
  const headers: Record<string, string | number> = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, filled(value)]),
  );
  let body: string | Uint8Array | undefined = bad.raw;
  if (bad.raw === undefined && bad.body !== undefined) {
    body = filled(JSON.stringify(bad.body));
    headers['content-type'] ??= 'application/json';
  }
  if (body !== undefined) headers['content-length'] = Buffer.byteLength(body);
  const { hostname, port } = new URL(origin);
  return await new Promise<BadAnswer>((resolve, reject) => {
    const sent = request({ hostname, port, method: bad.method, path: filled(bad.path), headers }, (answer) => {
      text(answer).then(
        (told) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text: told }),
        reject,
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
