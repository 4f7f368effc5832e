import { createInterface } from 'node:readline';
import { indexFormula } from '../../src/filter/index_formula.ts';
import { joinFilter } from '../../src/filter/join_filter.ts';
import { createFilterCompiler } from '../../src/libpcap/compiler_pool.ts';
import { systemClock } from '../../src/samples/clock.ts';
import { openSampleStore } from '../../src/samples/open_sample_store.ts';

// What is measured: a sample store that fills itself, and is asked, in a process of its own, as a sensor has it. Arguments: directory,
// interface. It says `sampling`, then reads lines, each an expression, and asks for its packets until there are some: answer `found`, or
// `nothing` after a time in which they should have come.

const window_ns = 10_000_000_000n;
const patience_ms = 30_000;
const ethernet = 1;
const [directory = '', name = ''] = process.argv.slice(2);
const report = (fault: { readonly message: string }): void => console.error(fault.message);
const store = await openSampleStore({ directory, byte_budget: 1e9, clock: systemClock, report });
const compiler = createFilterCompiler();
await store.startSampling({ interface: name });
console.log('sampling');
for await (const line of createInterface({ input: process.stdin })) console.log(await find(line));
await store.close();
await compiler.close();

async function find(expression: string): Promise<string> {
  const begun = performance.now();
  const filter = joinFilter({ filter_v1: {}, expression, networks: 'all' });
  while (performance.now() - begun < patience_ms) {
    const compiled = await compiler.compile({ filter, linktype: ethernet });
    if (!compiled.ok || compiled.value.kind !== 'program') throw new Error(`${expression} cannot be compiled`);
    // The clock is cut to milliseconds.
    const to = systemClock.now() + 1_000_000n;
    const programs = new Map([[ethernet, compiled.value.program]]);
    const query = { programs, formula: indexFormula(filter), from: to - window_ns, to, packet_limit: 10 };
    if ((await store.query(query)).packets > 0) return 'found';
  }
  return 'nothing';
}
