import { createInterface } from 'node:readline';
import { createFilterCompiler } from '../../src/libpcap/compiler_pool.ts';
import { joinFilter } from '../../src/filter/join_filter.ts';
import { peakMemory } from './peak_memory.ts';
import { basename } from 'node:path';
import { parseStreamDirectory } from '../../src/samples/stream_name.ts';
import { openWholeStore } from './whole_store.ts';

// What is measured: the query module in a process of its own. Argument: the directory of a
// stream of Ethernet. It reads lines, each
// an expression, and answers each with one JSON line; the time goes from the expression to the last packet. `memory` asks for the
// most memory that it has had.

const ethernet = 1;
const [directory = ''] = process.argv.slice(2);
const name = parseStreamDirectory(basename(directory));
if (name === undefined) throw new Error(`${directory} is no stream`);
const queryWholeStore = await openWholeStore(directory, name);
const compiler = createFilterCompiler();
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'memory') {
    console.log(JSON.stringify({ memory_MB: peakMemory(process.pid) }));
    continue;
  }
  const begun = performance.now();
  const filter = joinFilter({ filter_v1: {}, expression: line, networks: 'all' });
  const compiled = await compiler.compile({ filter, linktype: ethernet });
  if (!compiled.ok || compiled.value.kind !== 'program') throw new Error(`${line} cannot be compiled`);
  const answer = queryWholeStore(filter, compiled.value.program);
  console.log(JSON.stringify({ ...answer, ms: performance.now() - begun }));
}
await compiler.close();
