import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { indexFormula } from '../src/filter/index_formula.ts';
import { joinFilter } from '../src/filter/join_filter.ts';
import { createFilterCompiler, type FilterCompiler } from '../src/libpcap/compiler_pool.ts';
import { systemClock } from '../src/samples/clock.ts';
import { openSampleStore } from '../src/samples/open_sample_store.ts';
import type { SampleStore } from '../src/samples/sample_store.ts';
import { numberedFrame } from '../src/samples/test_frames.ts';
import { startFlood } from '../test/support/flood.ts';
import { createNamespacePair, type NamespacePair } from '../test/support/namespace_pair.ts';
import { type FrameSender, openFrameSender } from '../test/support/replay_frames.ts';
import { startServe } from '../test/support/serve.ts';
import { askEdgetap } from './support/ask_edgetap.ts';
import { alone, type Figure } from './support/figure.ts';
import { percentile } from './support/percentile.ts';

const probes = { module: 300, api: 200 };
const pause_max_ms = 100;
const goal_ms = 1000;
/** A probe that is not found by then never will be. */
const patience_ms = 30_000;
const window_ns = 10_000_000_000n;
const ethernet = 1;
/** A probe's UDP destination port is its own. */
let next_port = 20_000;

/** Asks once for what a filter takes; gives the number of packets. */
type Ask = (expression: string) => Promise<number>;

/** How long after a packet was sent a look-back finds it, at random moments: on a link without other traffic, and on a busy one. */
export async function* benchmark(): AsyncGenerator<Figure> {
  const pair = await createNamespacePair();
  const sender = openFrameSender(pair.far);
  try {
    yield* byModule(pair, sender);
    yield* byApi(pair, sender);
  } finally {
    sender.close();
    await pair.remove();
  }
}

async function* byModule(pair: NamespacePair, sender: FrameSender): AsyncGenerator<Figure> {
  const directory = await mkdtemp(join(tmpdir(), 'edgetap-bench-'));
  const report = (fault: { readonly message: string }): void => console.error(fault.message);
  const store = await openSampleStore({ directory, byte_budget: 1e9, clock: systemClock, report });
  const compiler = createFilterCompiler();
  try {
    await store.startSampling({ interface: pair.near.name });
    const ask = askModule(store, compiler);
    yield figure('arrival to findable', await findAll(probes.module, ask, sender));
    // About 100,000 packets a second: 200 of them, and a rest of 2 ms.
    const others = Array.from({ length: 200 }, (_, index) => numberedFrame(index, 242));
    const flood = await startFlood(pair.far, others, 2);
    try {
      yield figure('arrival to findable, busy link', await findAll(probes.module, ask, sender));
    } finally {
      await flood.stop();
    }
  } finally {
    await store.close();
    await compiler.close();
    await rm(directory, { recursive: true });
  }
}

async function* byApi(pair: NamespacePair, sender: FrameSender): AsyncGenerator<Figure> {
  const served = await startServe({ interfaces: [pair.near.name] });
  try {
    const ask: Ask = async (filter_expression) => {
      const body = { type: 'simple', system: 'magic-transit', time_limit: 10, packet_limit: 10, filter_expression };
      const { bytes } = await askEdgetap(served, body);
      return bytes.length > 24 ? 1 : 0;
    };
    yield figure('arrival to findable, by the API', await findAll(probes.api, ask, sender));
  } finally {
    await served.stop();
    await served.remove();
  }
}

function askModule(store: SampleStore, compiler: FilterCompiler): Ask {
  return async (expression) => {
    const filter = joinFilter({ filter_v1: {}, expression, networks: 'all' });
    const compiled = await compiler.compile({ filter, linktype: ethernet });
    if (!compiled.ok || compiled.value.kind !== 'program') throw new Error(`${expression} cannot be compiled`);
    // The clock is cut to milliseconds.
    const to = systemClock.now() + 1_000_000n;
    const programs = new Map([[ethernet, compiled.value.program]]);
    return (await store.query({ programs, formula: indexFormula(filter), from: to - window_ns, to, packet_limit: 10 }))
      .packets;
  };
}

/** Sends so many probes, one after the other, and asks for each until it is found; gives the times in milliseconds. */
async function findAll(count: number, ask: Ask, sender: FrameSender): Promise<number[]> {
  const times: number[] = [];
  for (let probe = 0; probe < count; probe += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * pause_max_ms));
    const port = next_port;
    next_port += 1;
    const frame = numberedFrame(probe);
    new DataView(frame.buffer).setUint16(36, port);
    const sent = performance.now();
    sender.send([frame]);
    while ((await ask(`udp dst port ${port}`)) === 0) {
      if (performance.now() - sent > patience_ms) throw new Error(`probe ${probe} is not found`);
    }
    times.push(performance.now() - sent);
  }
  return times;
}

function figure(name: string, times: readonly number[]): Figure {
  const ours = percentile(times, 0.99);
  return alone({ bench: 'fresh', case: name, unit: 'p99_ms', better: 'less', ours, goal: goal_ms });
}
