import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { joinFilter } from '../../src/filter/join_filter.ts';
import {
  accept,
  accept_bytes,
  decodeInstructions,
  encodeInstructions,
  type Program,
} from '../../src/libpcap/program.ts';
import { createRecordMemory, openRecordFilter } from '../../src/libpcap/record_filter.ts';
import { programHere } from '../../test/filters/compile_here.ts';
import { record_bytes } from './record_file.ts';

// What is measured: filters over stored packets, in a process of its own. Argument: a file of records of one size. It reads
// lines: `scan EXPRESSION` (answer: one JSON line, hits and CPU time of a filter not seen before over all records, written to nowhere),
// `ready EXPRESSION` (answer: one JSON line, the time from a program to what it says of a first packet).

const file_header_bytes = 24;
/** As much as stays in a processor's own cache. */
const chunk_bytes = Math.floor((1 << 18) / record_bytes) * record_bytes;
const [path = ''] = process.argv.slice(2);
const memory = createRecordMemory(chunk_bytes);
let programs_made = 0;

for await (const line of createInterface({ input: process.stdin })) {
  const [command = ''] = line.split(' ', 1);
  const expression = line.slice(command.length + 1);
  const program = programHere(joinFilter({ filter_v1: {}, expression, networks: 'all' }));
  if (program === undefined) throw new Error(`no packet can match ${expression}`);
  console.log(JSON.stringify(command === 'ready' ? timeToReady(unseen(program)) : scanFile(unseen(program))));
}

function timeToReady(program: Program): { readonly ms: number } {
  const started = performance.now();
  openRecordFilter(program, memory).matches(0, record_bytes, record_bytes);
  return { ms: performance.now() - started };
}

function scanFile(program: Program): { readonly hits: number; readonly cpu_s: number } {
  const before = process.cpuUsage();
  const filter = openRecordFilter(program, memory);
  const file = openSync(path, 'r');
  const nowhere = openSync('/dev/null', 'w');
  let [hits, position] = [0, file_header_bytes];
  for (;;) {
    const got = readSync(file, memory.bytes, 0, chunk_bytes, position);
    if (got === 0) break;
    position += got;
    const kept_end = filter.filter(0, got);
    if (kept_end > 0) writeSync(nowhere, memory.bytes, 0, kept_end);
    hits += kept_end / record_bytes;
  }
  closeSync(file);
  closeSync(nowhere);
  const { user, system } = process.cpuUsage(before);
  return { hits, cpu_s: (user + system) / 1e6 };
}

/** The same program with another number for "yes": the engine keeps the code of a module that it has seen. */
function unseen(program: Program): Program {
  programs_made += 1;
  const other = accept(accept_bytes - programs_made);
  const instructions = decodeInstructions(program.instructions).map((one) =>
    one.code === other.code && one.k === accept_bytes ? other : one,
  );
  return { ...program, instructions: encodeInstructions(instructions) };
}
