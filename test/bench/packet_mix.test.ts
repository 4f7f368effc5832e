import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createPacketMix, mixed, spacing_ns } from '../../bench/support/packet_mix.ts';
import { encodePcapHeader } from '../../src/pcap/pcap_header.ts';
import { walkRecords } from '../../src/samples/walk_records.ts';

const total = 30_000;
const begin_s = 1_769_846_400;
const directory = mkdtempSync(join(tmpdir(), 'edgetap-mix-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** All records of a mix that is made in pieces of so many bytes, and how many addresses it has had. */
function made(piece_bytes: number): { readonly records: Buffer; readonly addresses: number } {
  const mix = createPacketMix(total, begin_s);
  const pieces: Buffer[] = [];
  while (mix.left > 0) {
    const bytes = new Uint8Array(piece_bytes);
    pieces.push(Buffer.from(bytes.subarray(0, mix.next(bytes, new DataView(bytes.buffer)))));
  }
  return { records: Buffer.concat(pieces), addresses: mix.addresses };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('the mix of packets', () => {
  const { records, addresses } = made(1 << 20);
  const path = join(directory, 'mix.pcap');
  writeFileSync(path, Buffer.concat([encodePcapHeader({ linktype: 1, snaplen: 160 }), records]));
  const tcpdump = (...args: readonly string[]): string =>
    execFileSync('tcpdump', ['-n', '-r', path, ...args], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const count = (filter: string): number => Number.parseInt(tcpdump('--count', filter), 10);

  test('is the same each time, in pieces of any size', () => {
    expect(sha256(made(777).records)).toBe(sha256(records));
  });

  test('is whole records in ascending time, at the rate that it says', () => {
    const view = new DataView(records.buffer, records.byteOffset, records.length);
    const walk = walkRecords(view, 0, records.length, 160);
    expect([walk.records, walk.end]).toEqual([total, records.length]);
    expect(walk.least_s).toBe(begin_s);
    expect((walk.greatest_s - begin_s) * 1e9 + walk.greatest_ns).toBeLessThan(total * spacing_ns);
    let before = 0;
    for (let at = 0; at < records.length; at += 16 + view.getUint32(at + 8, true)) {
      const time = (view.getUint32(at, true) - begin_s) * 1e9 + view.getUint32(at + 4, true);
      expect(time).toBeGreaterThan(before);
      before = time;
    }
  });

  test('has what the cases ask for, as tcpdump counts it', () => {
    const { client, client_port, server, server_port, packets } = mixed.connection;
    const connection = `tcp and host ${client} and host ${server} and port ${client_port} and port ${server_port}`;
    expect(count('')).toBe(total);
    expect(count(`host ${mixed.rare_host}`)).toBe(mixed.rare_host_packets);
    expect(count(connection)).toBe(packets);
    const shares: Readonly<Record<string, readonly [number, number]>> = {
      [`port ${mixed.port}`]: [0.17, 0.25],
      [`net ${mixed.network}`]: [0.005, 0.02],
      [`host ${mixed.busy_host}`]: [0.01, 0.04],
      ip6: [0.04, 0.12],
      udp: [0.1, 0.4],
      'tcp[tcpflags] & tcp-syn != 0': [0.02, 0.4],
    };
    for (const [filter, [least, most]] of Object.entries(shares)) {
      expect(count(filter) / total, filter).toBeGreaterThan(least);
      expect(count(filter) / total, filter).toBeLessThan(most);
    }
  });

  test('has headers that are right, and as many addresses as it says', () => {
    const lines = tcpdump('-v', 'ip').split('\n');
    expect(lines.filter((line) => line.includes('bad cksum'))).toEqual([]);
    const seen = new Set<string>();
    const pairs = /IP6? (\S+) > (\S+):/;
    for (const line of tcpdump('-t', '-q').split('\n')) {
      const [, from = '', to = ''] = pairs.exec(line) ?? [];
      for (const end of [from, to]) {
        if (end === '') continue;
        // A port is the last part, behind a dot; ICMP has none.
        const parts = end.split('.');
        seen.add(end.includes(':') ? (parts[0] ?? '') : parts.slice(0, 4).join('.'));
      }
    }
    expect(seen.size).toBe(addresses);
  });
});
