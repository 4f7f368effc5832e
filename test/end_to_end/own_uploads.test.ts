import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPackets } from '../support/read_packets.ts';
import { proveS3Bucket, type S3Owner, startS3Owner } from '../support/s3_owner.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  stopCapture,
} from '../support/take_captures.ts';
import { startTcpdump } from '../support/tcpdump_peer.ts';

// The bucket is reached through the interface that is captured: what the sensor sends there must come back in no capture.

const full = { type: 'full', colo_name: 'lab01', time_limit: 300 };
let owner: S3Owner;
let served: Served;
let gateway_port: number;

beforeAll(async () => {
  owner = await startS3Owner();
  const { host, port } = new URL(owner.rgw.endpoint);
  gateway_port = Number(port);
  served = await startServe({ interfaces: ['lo'], env: { EDGETAP_ALLOW_ENDPOINTS: host } });
});
afterAll(async () => {
  await served?.remove();
  await owner?.stop();
});

/** A TCP segment of IPv4 on loopback. */
interface Segment {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function segmentsOf(packets: readonly Uint8Array[]): readonly Segment[] {
  return packets.flatMap((data) => {
    const packet = Buffer.from(data);
    if (packet.readUInt16BE(12) !== 0x0800 || packet[23] !== 6) return [];
    const text = packet.toString('latin1', 34 + ((packet[46] ?? 0) >> 4) * 4);
    return [{ from: packet.readUInt16BE(34), to: packet.readUInt16BE(36), text }];
  });
}

const segmentsIn = (file: Buffer): readonly Segment[] =>
  segmentsOf(readPackets([file]).packets.map(({ data }) => data));

test('what a sensor uploads into an S3 bucket is in no capture and no sample of the interface that it goes through', async () => {
  await owner.makeBucket('own');
  const { destination_conf } = await proveS3Bucket(served, owner, 'own');
  const spied = await provedFileBucket(served);
  const peer = await startTcpdump({ name: 'lo', filter: `tcp port ${gateway_port}` });
  const spying = await createCapture(served, { ...full, destination_conf: spied });
  await captureBecomes(served, spying.id, ['running']);
  const uploaded = await createCapture(served, { ...full, destination_conf });
  await captureBecomes(served, uploaded.id, ['running']);
  // Others talk to the gateway, too.
  await owner.keys('own');
  await stopCapture(served, uploaded.id);
  await captureBecomes(served, uploaded.id, ['success']);
  await stopCapture(served, spying.id);
  await captureBecomes(served, spying.id, ['success']);
  const simple = await createCapture(served, { type: 'simple', time_limit: 60, packet_limit: 10_000 });
  await captureBecomes(served, simple.id, ['success', 'complete']);

  const seen = segmentsOf((await peer.stop()).packets.map(({ bytes }) => bytes));
  const put = new RegExp(`^PUT /own/dir/pcap_${uploaded.id}\\.pcap\\?.*partNumber=`);
  const ports = new Set(seen.filter(({ to, text }) => to === gateway_port && put.test(text)).map(({ from }) => from));
  expect(ports.size).toBeGreaterThan(0);
  const files = [
    deliveredFile(spied, spying.id),
    await owner.read('own', `dir/pcap_${uploaded.id}.pcap`),
    await downloadFile(served, simple.id),
  ];
  for (const file of files) {
    const segments = segmentsIn(file);
    // Those of others are there: of the owner's hands, and of control.
    expect(segments.some(({ to }) => to === gateway_port)).toBe(true);
    const own = segments.filter(
      ({ from, to }) => (to === gateway_port && ports.has(from)) || (from === gateway_port && ports.has(to)),
    );
    expect(own).toEqual([]);
    expect(file.includes('partNumber=')).toBe(false);
  }
});
