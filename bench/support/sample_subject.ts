import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/samples/clock.ts';
import { openSampleStore } from '../../src/samples/open_sample_store.ts';
import { untilIndexed } from './indexed.ts';

// What is measured: a sample store that fills itself, in a process of its own, as a sensor has it. Arguments: a directory that is
// this process's alone, interface. It reads lines: `start RATE` (answer: `sampling`), `stop` (answer: one JSON line).
// The cost is that of everything: capturing, writing, sealing, and the indexes of all that was written.

const [directory = '', name = ''] = process.argv.slice(2);
const open = async (): ReturnType<typeof openSampleStore> => {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  return await openSampleStore({
    directory,
    byte_budget: 16e9,
    clock: systemClock,
    report: (fault) => console.error(fault.message),
  });
};

let store = await open();
let before = process.cpuUsage();
for await (const line of createInterface({ input: process.stdin })) {
  const [command, rate] = line.split(' ');
  if (command === 'start') {
    before = process.cpuUsage();
    await store.startSampling({ interface: name, rate: Number(rate) });
    console.log('sampling');
  } else {
    await settled();
    const sampled = store.status().interfaces.find((one) => one.interface === name)?.sampling;
    if (sampled === undefined) throw new Error(`${name} is not sampled`);
    await store.stopSampling(name);
    await untilIndexed(segments());
    const { user, system } = process.cpuUsage(before);
    const { packets, accepted, dropped, lost } = sampled;
    console.log(
      JSON.stringify({
        written: Number(packets),
        accepted: Number(accepted),
        lost: Number(dropped + lost),
        cpu_s: (user + system) / 1e6,
      }),
    );
    await store.close();
    store = await open();
  }
}
await store.close();
rmSync(directory, { recursive: true });

/** Waits until nothing more comes out of the ring. */
async function settled(): Promise<void> {
  let [seen, since] = [-1n, performance.now()];
  while (performance.now() - since < 500) {
    const now = store.status().interfaces.reduce((sum, { sampling }) => sum + (sampling?.accepted ?? 0n), 0n);
    if (now !== seen) [seen, since] = [now, performance.now()];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function segments(): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.pcap') && !path.includes('.open-'))
    .map((path) => join(directory, path));
}
