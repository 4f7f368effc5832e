import { TestWriter } from '../../src/samples/test_writer.ts';
import { createPacketMix } from './packet_mix.ts';

// A child process that fills a sample store with the packets of the mix, as the sampler would have. Arguments: the store's
// directory, the interface's name, how many packets, the full second at which they begin. Says one JSON line at the end.

const second_ns = 1_000_000_000n;
const segment_bytes = 64 << 20;
const [directory = '', name = '', total = '', begin = ''] = process.argv.slice(2);
const begin_ns = BigInt(begin) * second_ns;
const mix = createPacketMix(Number(total), Number(begin));
const bytes = new Uint8Array(1 << 20);
const view = new DataView(bytes.buffer);
const writer = new TestWriter(directory, { interface: name, linktype: 1 });

let watermark = begin_ns - 1n;
let [segments, accepted] = [0, 0];
while (mix.left > 0) {
  await writer.begin(watermark);
  let length = 0;
  while (mix.left > 0 && length < segment_bytes) {
    const before = mix.left;
    const end = mix.next(bytes, view);
    watermark = begin_ns + BigInt(mix.reached_ns);
    accepted += before - mix.left;
    writer.count(BigInt(accepted), 0n, watermark);
    writer.writeRecords(bytes.subarray(0, end), watermark);
    length += end;
  }
  await writer.seal('size', watermark);
  segments += 1;
}
const [fault] = writer.faults;
if (fault !== undefined) throw new Error(fault.message);
console.log(JSON.stringify({ segments, addresses: mix.addresses, last_ns: String(watermark) }));
