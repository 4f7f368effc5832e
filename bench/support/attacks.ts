import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Whom it attacks, and as whom. */
export interface Target {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly account_id: string;
  readonly token: string;
  readonly colo: string;
  /** Where this account may have `file://` buckets. */
  readonly buckets: string;
}

/** Another host's than the victim's. */
const attacker_address = '127.0.0.2';

/** Goes on for ever, whatever it is answered; rejects where it cannot begin. */
export type Attack = (target: Target) => Promise<never>;

const simple = { type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 10_000 };

/** Each as one tenant of many could do it, with as many connections as it likes. */
export const attacks = {
  metrics: async (target) =>
    await crowd(50, async () => {
      const socket = await open(target);
      const { host } = new URL(target.url);
      socket.write(`GET /metrics HTTP/1.1\r\nhost: ${host}\r\n\r\n`.repeat(60), () => socket.destroy());
      await once(socket, 'close');
    }),
  'slow filters': async (target) =>
    await crowd(16, async (turn) => {
      // As many as fit into an expression, and others each time: nothing that is remembered helps.
      const hosts = Array.from({ length: 252 }, (_, at) => `host ${dotted(turn * 252 + at)}`);
      await ask(target, 'POST', '/pcaps', { ...simple, filter_expression: hosts.join(' or ') });
    }),
  'full captures': async (target) => {
    const bucket = await provedBucket(target);
    const full = { type: 'full', system: 'magic-transit', colo_name: target.colo, time_limit: 86_400 };
    return await crowd(
      16,
      async () => void (await ask(target, 'POST', '/pcaps', { ...full, destination_conf: bucket })),
    );
  },
  'unread downloads': async (target) => {
    const id = await ended(target, simple);
    const held: Socket[] = [];
    return await crowd(8, async () => {
      const socket = await open(target);
      held.push(socket.pause());
      socket.write(head(target, 'GET', `/pcaps/${id}/download`));
      if (held.length > 400) held.shift()?.destroy();
      await pause(2);
    });
  },
  'stalled bucket': async (target) => {
    const destination_conf = await stallingBucket(target);
    const full = { type: 'full', system: 'magic-transit', colo_name: target.colo, time_limit: 1 };
    return await crowd(6, async () => {
      await ask(target, 'POST', '/pcaps', { ...full, destination_conf });
      await pause(100);
    });
  },
  disk: async (target) => {
    const id = await ended(target, simple);
    return await crowd(12, async (turn) => {
      if (turn % 3 === 0) await ask(target, 'POST', '/pcaps', { ...simple, time_limit: 300 });
      else if (turn % 3 === 1) await ask(target, 'GET', `/pcaps/${id}/download`, undefined, 'range: bytes=0-0\r\n');
      else {
        const path = Array.from({ length: 60 }, (_, at) => `${turn}-${at}`).join('/');
        await ask(target, 'POST', '/pcaps/ownership', { destination_conf: `file://${target.buckets}/${path}` });
      }
    });
  },
  'look-backs': async (target) =>
    await crowd(40, async (turn) => {
      const body = { ...simple, time_limit: 300, filter_expression: `udp portrange ${1 + (turn % 900)}-65000` };
      await ask(target, 'POST', turn % 2 === 0 ? '/pcaps' : '/pcaps/estimate', body);
    }),
  'bad requests': async (target) =>
    await crowd(16, async (turn) => {
      const socket = await open(target);
      const host = `host: ${new URL(target.url).host}\r\n`;
      const bad = [
        `BREW / HTTP/1.1\r\n${host}\r\n`,
        `GET /client/v4/accounts/${'a'.repeat(2000)}/pcaps HTTP/1.1\r\n${host}\r\n`,
        `GET /docs/static/../x HTTP/1.1\r\n${host}\r\n`,
        `POST /client/v4/accounts/x/pcaps HTTP/1.1\r\n${host}content-length: 1000\r\n\r\n{`,
      ];
      socket.end(bad[turn % bad.length] ?? '');
      socket.resume();
      await once(socket, 'close');
    }),
} as const satisfies Readonly<Record<string, Attack>>;

/** The name of an attack. */
export type AttackName = keyof typeof attacks;

/** An address in as few characters as one can have. */
function dotted(number: number): string {
  return [0, 1, 2, 3].map((place) => 1 + (Math.floor(number / 9 ** place) % 9)).join('.');
}

/** So many at one time, each again and again. What an attack meets does not end it. */
async function crowd(size: number, once_more: (turn: number) => Promise<void>): Promise<never> {
  let turn = 0;
  const one = async (): Promise<never> => {
    for (;;) {
      turn += 1;
      // Whoever is refused or cut off comes again, but lets others run in between.
      await once_more(turn).catch(async () => await pause(1));
    }
  };
  return await Promise.race(Array.from({ length: size }, one));
}

async function open({ url }: Target): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), localAddress: attacker_address, noDelay: true });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  return socket;
}

function head({ url, account_id, token }: Target, method: string, path: string, more = ''): string {
  const { host } = new URL(url);
  const about = `host: ${host}\r\nauthorization: Bearer ${token}\r\nconnection: close\r\n${more}`;
  return `${method} /client/v4/accounts/${account_id}${path} HTTP/1.1\r\n${about}\r\n`;
}

interface Answer {
  readonly status: number;
  readonly result: Readonly<Record<string, unknown>>;
}

/** One request over a connection of its own. */
async function ask(target: Target, method: string, path: string, body?: unknown, more = ''): Promise<Answer> {
  const socket = await open(target);
  const text = body === undefined ? '' : JSON.stringify(body);
  const length = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`;
  socket.write(head(target, method, path, body === undefined ? more : `${more}${length}`) + text);
  let answer = '';
  for await (const piece of socket) answer += String(piece);
  const at = answer.indexOf('\r\n\r\n');
  const status = Number(answer.slice(9, 12));
  const json = answer.slice(at + 4);
  const envelope = (json.startsWith('{') ? JSON.parse(json) : {}) as { readonly result?: Answer['result'] };
  return { status, result: envelope.result ?? {} };
}

async function ended(target: Target, body: unknown): Promise<string> {
  const { result } = await ask(target, 'POST', '/pcaps', body);
  let now = result;
  while (!['success', 'complete', 'failed'].includes(String(now['status']))) {
    ({ result: now } = await ask(target, 'GET', `/pcaps/${String(result['id'])}`));
  }
  return String(result['id']);
}

/** A `file://` bucket of the attacker's own. */
async function provedBucket(target: Target): Promise<string> {
  const directory = join(target.buckets, 'attack');
  mkdirSync(directory, { recursive: true });
  const destination_conf = `file://${directory}`;
  await prove(target, destination_conf, (name) => readFileSync(join(directory, name), 'utf8'));
  return destination_conf;
}

async function prove(target: Target, destination_conf: string, read: (name: string) => string): Promise<void> {
  const { status, result } = await ask(target, 'POST', '/pcaps/ownership', { destination_conf });
  if (status !== 200) throw new Error(`the attacker's bucket was refused with ${status}`);
  const ownership_challenge = read(String(result['filename']));
  await ask(target, 'POST', '/pcaps/ownership/validate', { destination_conf, ownership_challenge });
}

/** A bucket of the attacker's that takes the challenge, and from then on takes connections and never answers; gives its destination. */
async function stallingBucket(target: Target): Promise<string> {
  let challenge = '';
  let stalls = false;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => {
      if (stalls) return;
      if (request.method === 'PUT') challenge = body;
      response.writeHead(200, { etag: '"attack"' }).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const keys = 'access-key-id=attacker&secret-access-key=attacker';
  const destination_conf = `s3://attack/dir?region=us-east-1&endpoint=http://127.0.0.1:${port}&${keys}`;
  await prove(target, destination_conf, () => challenge);
  stalls = true;
  return destination_conf;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
