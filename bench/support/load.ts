import { Agent, request } from 'node:http';

/** One kind of request, sent again and again. */
export interface LoadRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What came of a load. */
export interface LoadResult {
  readonly req_per_s: number;
  readonly p99_ms: number;
}

/** Sends a request over so many connections, each as soon as the one before was answered, for so long. */
export async function load(what: LoadRequest, connections: number, duration_ms: number): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  const begun = performance.now();
  const until = begun + duration_ms;
  const one = async (): Promise<void> => {
    while (performance.now() < until) {
      const sent = performance.now();
      await send(agent, what);
      latencies.push(performance.now() - sent);
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  const seconds = (performance.now() - begun) / 1000;
  agent.destroy();
  latencies.sort((a, b) => a - b);
  return {
    req_per_s: latencies.length / seconds,
    p99_ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
  };
}

async function send(agent: Agent, { url, method, headers, body }: LoadRequest): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const sending = request(url, { agent, method, headers }, (response) => {
      response.resume();
      response.once('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${method} ${url} answered ${response.statusCode}`));
      });
    });
    sending.once('error', reject);
    sending.end(body);
  });
}
