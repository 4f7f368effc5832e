import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createCaptureEngine } from '../../src/capture/capture_engine.ts';
import type { Part } from '../../src/capture/part.ts';
import { Spool } from '../../src/capture/spool.ts';
import { listInterfaces } from '../../src/libpcap/interfaces.ts';
import { accept, accept_bytes, encodeInstructions } from '../../src/libpcap/program.ts';
import { idFrom } from '../../src/model/id.ts';

// What is measured: the capture engine in a process of its own, as a sensor has it. Arguments: spool directory, interface.
// It reads lines: `arm COUNT` (answer: `armed`), `stop` (answer: one JSON line).

const [directory = '', name = ''] = process.argv.slice(2);
const { spool } = await Spool.open(directory, Number.MAX_SAFE_INTEGER);
const engine = await createCaptureEngine({ spool, workers_max: 8, workers_warm: 8 });
const of = listInterfaces().find((one) => one.name === name);
if (of === undefined) throw new Error(`there is no interface ${name}`);
const linktype = await engine.probeLinktype(of);
const program = { linktype, instructions: encodeInstructions([accept(accept_bytes)]) };
let parts: { readonly capture_id: string; readonly part: Part }[] = [];
let before = process.cpuUsage();

for await (const line of createInterface({ input: process.stdin })) {
  const [command, count] = line.split(' ');
  if (command === 'arm') {
    before = process.cpuUsage();
    const ids = Array.from({ length: Number(count) }, () => idFrom(randomBytes(16)));
    const request = { part: name, interface: of, program, snaplen_bytes: 262_144, time_limit_ms: 600_000 };
    parts = await Promise.all(
      ids.map(async (capture_id) => ({ capture_id, part: await engine.arm({ capture_id, ...request }) })),
    );
    console.log('armed');
  } else {
    for (const { part } of parts) part.stop('stopped');
    const ends = await Promise.all(parts.map(async ({ part }) => await part.ended));
    // A worker gives its ring back after it has told the end.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const { user, system } = process.cpuUsage(before);
    const packets = ends.reduce((sum, end) => sum + Number(end.packets), 0);
    console.log(JSON.stringify({ packets, cpu_s: (user + system) / 1e6 }));
    await Promise.all(parts.map(async ({ capture_id }) => await spool.remove(capture_id, name)));
  }
}
await engine.close('shutdown');
