import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { createNamespacePair } from './namespace_pair.ts';
import { startTcpdump } from './tcpdump_peer.ts';
import { createTunDevice } from './tun_device.ts';

const header = [0x45, 0, 0, 30, 0, 1, 0, 0, 64, 17, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2];
const datagram = [0x13, 0x88, 0x13, 0x89, 0, 10, 0, 0, 104, 105];
const ipv4 = Uint8Array.of(...header, ...datagram);
const ipv6 = Uint8Array.from([0x60, 0, 0, 0, 0, 0, 59, 64, ...new Uint8Array(32).fill(0xfd)]);

test.each([
  { kind: 'raw IP', options: {}, linktype: 101, arphrd: '65534', header_bytes: 0 },
  { kind: 'cooked, as PPP', options: { arphrd: 512 }, linktype: 113, arphrd: '512', header_bytes: 16 },
])('packets written come out of the interface: $kind', async ({ options, linktype, arphrd, header_bytes }) => {
  const tun = await createTunDevice(options);
  try {
    expect(readFileSync(`/sys/class/net/${tun.name}/type`, 'utf8').trim()).toBe(arphrd);
    expect(readFileSync(`/sys/class/net/${tun.name}/ifindex`, 'utf8').trim()).toBe(String(tun.ifindex));
    const peer = await startTcpdump(tun);
    tun.write(ipv4);
    tun.write(ipv6);
    const capture = await peer.stop({ count: 2 });
    expect(capture.linktype).toBe(linktype);
    expect(capture.packets.map(({ bytes }) => bytes.subarray(header_bytes))).toEqual([ipv4, ipv6]);
  } finally {
    tun.close();
  }
  expect(existsSync(`/sys/class/net/${tun.name}`)).toBe(false);
});

test('it can live in a namespace, and only there', async () => {
  const pair = await createNamespacePair();
  const tun = await createTunDevice({ namespace: pair.far.name, mtu: 1400 });
  try {
    expect(existsSync(`/sys/class/net/${tun.name}`)).toBe(false);
    const { stdout } = await pair.exec('far', 'ip', ['-j', 'link', 'show', 'dev', tun.name]);
    expect(JSON.parse(stdout)).toMatchObject([{ ifindex: tun.ifindex, mtu: 1400 }]);
  } finally {
    tun.close();
    await pair.remove();
  }
});

test('what is not IP is refused', async () => {
  const tun = await createTunDevice();
  expect(() => tun.write(Uint8Array.of(0x10, 0, 0))).toThrow('EINVAL');
  tun.close();
});
