import { accept, accept_bytes, encodeInstructions } from '../libpcap/program.ts';
import { systemClock } from './clock.ts';
import { openSampleStore } from './open_sample_store.ts';
import { numberOf } from './test_frames.ts';
import { packetsOf } from './test_packets.ts';

// The process that a test kills: samples an interface into a directory, and says again and again which packet can be found,
// or, with a budget, how the rate changes.
const [, , directory = '', interface_name = '', budget_pps] = process.argv;
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
const store = await openSampleStore({
  directory,
  byte_budget: 1e9,
  segment_bytes: 256 << 10,
  ...(budget_pps === undefined ? {} : { budget_pps: Number(budget_pps) }),
  clock: systemClock,
  report: ({ name, message }) => say({ name, message }),
});
await store.startSampling({ interface: interface_name, ring_bytes: 64 << 20 });
say({ ready: true });
const programs = new Map([[1, { linktype: 1, instructions: encodeInstructions([accept(accept_bytes)]) }]]);
if (budget_pps !== undefined) {
  for (let said = 1; ; await systemClock.sleep(0)) {
    const rate = store.status().interfaces[0]?.sampling?.rate ?? said;
    if (rate !== said) say({ rate: (said = rate) });
  }
}
for (;;) {
  const to = systemClock.now();
  const { chunks } = await store.query({
    programs,
    from: to - 60_000_000_000n,
    to,
    formula: { kind: 'any' },
    packet_limit: 1,
  });
  const newest = packetsOf(chunks[0]?.records ?? new Uint8Array(0))[0];
  if (newest !== undefined) {
    say({ visible: numberOf(newest.bytes), dropped: Number(store.status().interfaces[0]?.sampling?.dropped) });
  }
}
