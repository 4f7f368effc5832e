import type { Served } from '../../test/support/serve.ts';
import { HttpConnection } from './http_connection.ts';
import { percentile } from './percentile.ts';
import { unlessStopped } from './stop.ts';

/** What a tenant does all day. */
export const victim_requests = ['create', 'look-back', 'estimate', 'list', 'download'] as const;

/** Milliseconds that 95 of 100 of each kind stay below. */
export type VictimTimes = Readonly<Record<(typeof victim_requests)[number], number>>;

const retry_after_ms = 1000;
const simple = { type: 'simple', system: 'magic-transit', time_limit: 10, packet_limit: 100 };

/** Does what a tenant does, one after the other, and times it. Throws where anything of it fails. */
export async function measureVictim(served: Served, rounds: number): Promise<VictimTimes> {
  const times: Record<keyof VictimTimes, number[]> = {
    create: [],
    'look-back': [],
    estimate: [],
    list: [],
    download: [],
  };
  const account = `${new URL(served.base_url).pathname}/accounts/${served.account_id}`;
  const connection = await HttpConnection.open(served.base_url);
  const call = async (method: string, path: string, body?: unknown): Promise<Buffer> => {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const once = async (): Promise<Awaited<ReturnType<HttpConnection['ask']>>> =>
      await unlessStopped(async () => await connection.ask(method, `${account}${path}`, served.token, text));
    let answer = await once();
    // As a client does that is told to come again: the time until it gets what it wants counts.
    while (answer.status === 503 || answer.status === 429) {
      await new Promise((resolve) => setTimeout(resolve, retry_after_ms));
      answer = await once();
    }
    if (answer.status !== 200)
      throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body.toString()}`);
    return answer.body;
  };
  const timed = async <T>(kind: keyof VictimTimes, work: () => Promise<T>): Promise<T> => {
    const begun = performance.now();
    const result = await work();
    times[kind].push(performance.now() - begun);
    return result;
  };
  try {
    for (let round = 0; round < rounds; round += 1) {
      const filter_expression = `udp or port ${1 + (round % 1000)}`;
      const id = await timed('look-back', async () => {
        const created = await timed(
          'create',
          async () => await call('POST', '/pcaps', { ...simple, filter_expression }),
        );
        let { id, status } = resultOf(created);
        while (!['success', 'complete'].includes(status)) {
          if (status === 'failed') throw new Error(`the victim's look-back failed: ${created.toString()}`);
          ({ id, status } = resultOf(await call('GET', `/pcaps/${id}`)));
        }
        return id;
      });
      await timed('download', async () => await call('GET', `/pcaps/${id}/download`));
      await timed('estimate', async () => await call('POST', '/pcaps/estimate', { ...simple, filter_expression }));
      await timed('list', async () => await call('GET', '/pcaps?per_page=20'));
    }
  } finally {
    connection.close();
  }
  return Object.fromEntries(victim_requests.map((kind) => [kind, percentile(times[kind], 0.95)])) as VictimTimes;
}

function resultOf(bytes: Buffer): { readonly id: string; readonly status: string } {
  return (JSON.parse(bytes.toString()) as { readonly result: { readonly id: string; readonly status: string } }).result;
}
