import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type NamespacePair, createNamespacePair } from './namespace_pair.ts';
import { startTcpdump } from './tcpdump_peer.ts';

describe.each(['root', 'namespace'] as const)('near side in %s', (inside) => {
  let pair: NamespacePair;
  beforeAll(async () => {
    pair = await createNamespacePair({ inside, mtu: 9000, ipv4: { near: '10.213.0.1', far: '10.213.0.2' } });
  });
  afterAll(() => pair.remove());

  test('both ends exist where they say they are', async () => {
    for (const side of ['near', 'far'] as const) {
      const { stdout } = await pair.exec(side, 'ip', ['-j', 'link', 'show', 'dev', pair[side].name]);
      const [link] = JSON.parse(stdout) as Record<string, unknown>[];
      expect(link).toMatchObject({ ifindex: pair[side].ifindex, mtu: 9000, address: pair[side].mac });
      expect(link?.['flags']).toEqual(expect.arrayContaining(['UP', 'LOWER_UP', 'NOARP']));
      expect(pair[side].name.length).toBeLessThanOrEqual(15);
    }
    expect(existsSync(`/sys/class/net/${pair.near.name}`)).toBe(inside === 'root');
    expect(existsSync(`/sys/class/net/${pair.far.name}`)).toBe(false);
  });

  test('the link is silent until a test sends, and then has only that', async () => {
    const peer = await startTcpdump(pair.near);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const child = pair.spawn('far', 'bash', ['-c', 'echo hello > /dev/udp/10.213.0.1/9999'], { stdio: 'ignore' });
    expect(await once(child, 'exit')).toEqual([0, null]);
    const { packets } = await peer.stop({ count: 2 });
    // The datagram and the answer that nobody listens there.
    expect(packets.map(({ bytes }) => bytes[23])).toEqual([17, 1]);
  });
});

test('two pairs have nothing in common, and removal leaves nothing', async () => {
  const [one, two] = await Promise.all([createNamespacePair(), createNamespacePair()]);
  const names = [one, two].flatMap(({ near, far }) => [near.name, far.name]);
  expect(new Set(names).size).toBe(4);
  await Promise.all([one.remove(), two.remove()]);
  for (const name of names)
    expect(existsSync(`/sys/class/net/${name}`) || existsSync(`/run/netns/${name}`)).toBe(false);
  await one.remove();
});

test('a program that fails says how', async () => {
  const pair = await createNamespacePair();
  try {
    await expect(pair.exec('far', 'sh', ['-c', 'echo broken >&2; exit 3'])).rejects.toThrow('broken');
  } finally {
    await pair.remove();
  }
});
