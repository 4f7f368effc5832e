import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createNamespacePair } from '../test/support/namespace_pair.ts';
import { type Served, startServe } from '../test/support/serve.ts';
import { captureBecomes, createCapture } from '../test/support/take_captures.ts';
import { type Better, compared, comparedTrees, type Figure } from './support/figure.ts';
import { type LoadRequest, type LoadResult, load } from './support/load.ts';
import { takeTurns } from './support/take_turns.ts';
import { this_tree, type Tree } from './support/tree.ts';

const connections = 16;
const run_ms = 2000;
const captures_kept = 60;
const simple = { type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 10 };
const units: readonly (readonly [keyof LoadResult, Better])[] = [
  ['req_per_s', 'more'],
  ['p99_ms', 'less'],
];

/** The cases, with the least rate wanted, in parts of the bare Fastify's. */
const cases = [
  { name: 'get', goal: 0.5 },
  { name: 'list', goal: 0 },
  { name: 'create simple', goal: 0 },
] as const;

type Requests = Readonly<Record<(typeof cases)[number]['name'], LoadRequest>>;

/** What the API answers a second, beside a Fastify that gives the same bytes and does nothing for them. */
export async function* benchmark(against: Tree | undefined): AsyncGenerator<Figure> {
  const ours = await serve(this_tree);
  try {
    yield* against === undefined ? besideBare(ours.requests) : besideTree(ours.requests, against);
  } finally {
    await ours.close();
  }
}

async function* besideBare(ours: Requests): AsyncGenerator<Figure> {
  const bare = await startBare();
  try {
    for (const { name, goal } of cases) {
      await bare.answerLike(ours[name]);
      const results = await turns(ours[name], { ...ours[name], url: bare.url });
      for (const [unit, better] of units) {
        const lists = listsOf(results, unit);
        const wanted = unit === 'req_per_s' ? goal : 0;
        yield compared({ bench: 'api', case: name, unit, better, ...lists, peer: 'bare fastify', goal: wanted });
      }
    }
  } finally {
    await bare.end();
  }
}

async function* besideTree(ours: Requests, against: Tree): AsyncGenerator<Figure> {
  const theirs = await serve(against);
  try {
    for (const { name } of cases) {
      const results = await turns(ours[name], theirs.requests[name]);
      for (const [unit, better] of units) {
        yield comparedTrees({ bench: 'api', case: name, unit, better, turns: listsOf(results, unit), against });
      }
    }
  } finally {
    await theirs.close();
  }
}

type Results = Readonly<Record<'ours' | 'theirs', readonly LoadResult[]>>;

async function turns(ours: LoadRequest, theirs: LoadRequest): Promise<Results> {
  for (const one of [ours, theirs]) await load(one, connections, run_ms / 4);
  return await takeTurns([ours, theirs], async (one) => await load(one, connections, run_ms));
}

function listsOf({ ours, theirs }: Results, unit: keyof LoadResult): Readonly<Record<'ours' | 'theirs', number[]>> {
  return { ours: ours.map((one) => one[unit]), theirs: theirs.map((one) => one[unit]) };
}

/** Starts a tree's edgetap with some captures. */
async function serve(tree: Tree): Promise<{ readonly requests: Requests; close(): Promise<void> }> {
  const pair = await createNamespacePair();
  let served: Served | undefined;
  const close = async (): Promise<void> => {
    await served?.remove();
    await pair.remove();
  };
  try {
    served = await startServe({ interfaces: [pair.near.name], tree });
    const account = `${served.base_url}/accounts/${served.account_id}`;
    const headers = { authorization: `Bearer ${served.token}` };
    let last = '';
    for (let made = 0; made < captures_kept; made += 1) last = (await createCapture(served, simple)).id;
    await captureBecomes(served, last);
    const json = { ...headers, 'content-type': 'application/json' };
    const requests: Requests = {
      get: { url: `${account}/pcaps/${last}`, method: 'GET', headers },
      list: { url: `${account}/pcaps`, method: 'GET', headers },
      'create simple': { url: `${account}/pcaps`, method: 'POST', headers: json, body: JSON.stringify(simple) },
    };
    return { requests, close };
  } catch (error) {
    await close();
    throw error;
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
