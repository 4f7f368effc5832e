import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createNamespacePair } from '../test/support/namespace_pair.ts';
import { startServe } from '../test/support/serve.ts';
import { captureBecomes, createCapture } from '../test/support/take_captures.ts';
import { compared, type Figure } from './support/figure.ts';
import { type LoadRequest, type LoadResult, load } from './support/load.ts';

const runs = 5;
const connections = 16;
const run_ms = 2000;
const captures_kept = 60;
const simple = { type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 10 };

/** What the API answers a second, beside a Fastify that gives the same bytes and does nothing for them. */
export async function* benchmark(): AsyncGenerator<Figure> {
  const pair = await createNamespacePair();
  const served = await startServe({ interfaces: [pair.near.name] });
  const bare = await startBare();
  try {
    const account = `${served.base_url}/accounts/${served.account_id}`;
    const headers = { authorization: `Bearer ${served.token}` };
    let last = '';
    for (let made = 0; made < captures_kept; made += 1) last = (await createCapture(served, simple)).id;
    await captureBecomes(served, last);
    const json = { ...headers, 'content-type': 'application/json' };
    const cases: readonly { name: string; request: LoadRequest; goal: number }[] = [
      { name: 'get', request: { url: `${account}/pcaps/${last}`, method: 'GET', headers }, goal: 0.5 },
      { name: 'list', request: { url: `${account}/pcaps`, method: 'GET', headers }, goal: 0 },
      {
        name: 'create simple',
        request: { url: `${account}/pcaps`, method: 'POST', headers: json, body: JSON.stringify(simple) },
        goal: 0,
      },
    ];
    for (const { name, request, goal } of cases) {
      await bare.answerLike(request);
      const ours: LoadResult[] = [];
      const theirs: LoadResult[] = [];
      const peer = { ...request, url: bare.url };
      await load(request, connections, run_ms / 4);
      await load(peer, connections, run_ms / 4);
      for (let run = 0; run < runs; run += 1) {
        ours.push(await load(request, connections, run_ms));
        theirs.push(await load(peer, connections, run_ms));
      }
      const figure = (unit: 'req_per_s' | 'p99_ms', wanted: number): Figure =>
        compared({
          bench: 'api',
          case: name,
          unit,
          better: unit === 'req_per_s' ? 'more' : 'less',
          ours: ours.map((one) => one[unit]),
          peer: 'bare fastify',
          theirs: theirs.map((one) => one[unit]),
          goal: wanted,
        });
      yield figure('req_per_s', goal);
      yield figure('p99_ms', 0);
    }
  } finally {
    await bare.end();
    await served.remove();
    await pair.remove();
  }
}

interface Bare {
  readonly url: string;
  /** From now on it answers as edgetap answers this request. */
  answerLike(request: LoadRequest): Promise<void>;
  end(): Promise<void>;
}

async function startBare(): Promise<Bare> {
  const program = new URL('support/bare_fastify.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const url = line.toString().trim();
  return {
    url,
    answerLike: async ({ url: like, method, headers, body }) => {
      const answer = await fetch(like, { method, headers, ...(body === undefined ? {} : { body }) });
      const told = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: await answer.text() };
      await fetch(`${url}/answer`, told);
    },
    end: async () => {
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}
