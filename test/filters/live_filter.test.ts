import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkExpression } from '../../src/filter/check_expression.ts';
import { joinFilter } from '../../src/filter/join_filter.ts';
import { BatchMemory } from '../../src/libpcap/batch_memory.ts';
import { createFilterCompiler, type FilterCompiler } from '../../src/libpcap/compiler_pool.ts';
import { linktypeOf } from '../../src/libpcap/linktype_of.ts';
import type { LiveHandle } from '../../src/libpcap/live_handle.ts';
import { openMatcher } from '../../src/libpcap/match_records.ts';
import { openLive } from '../../src/libpcap/open_live.ts';
import type { Program } from '../../src/libpcap/program.ts';
import { keepBytes, rejectOutgoing, sampleOneIn } from '../../src/libpcap/program_prefix.ts';
import type { FilterV1 } from '../../src/model/filter_v1.ts';
import type { Scope } from '../../src/model/scope.ts';
import { enterNamespace } from '../support/enter_namespace.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { openFrameSender, replayFrames } from '../support/replay_frames.ts';
import { createTunDevice, type TunDevice } from '../support/tun_device.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';
import { hiddenFrame } from './hidden_frame.ts';
import { randomArithmetic } from './random_arithmetic.ts';
import { randomExpression } from './random_expression.ts';
import { filterV1 } from './random_filter.ts';
import { frameBytes, packetsOf, wholeFrame } from './random_frame.ts';
import { soak, times } from '../support/soak.ts';

interface Port {
  readonly name: string;
  readonly ifindex: number;
  readonly namespace?: string | undefined;
}

function open(port: Port): LiveHandle {
  return enterNamespace(port.namespace, () =>
    openLive({
      interface: { name: port.name, ifindex: port.ifindex },
      snaplen_bytes: 262_144,
      ring_bytes: 4 << 20,
      block_timeout_ms: 10,
      promiscuous: true,
    }),
  );
}

/** What came, and how many packets the kernel counts as let through by the filter. */
interface Captured {
  readonly records: Uint8Array;
  readonly accepted: bigint;
}

/**
 * Captures what `traffic` causes, with a program before the socket, until at least `wanted` packets have come and then
 * nothing more for a while.
 */
async function capture(
  port: Port,
  program: Program,
  traffic: () => void | Promise<void>,
  wanted: number,
): Promise<Captured> {
  const handle = open(port);
  const memory = new BatchMemory(handle, { fill_bytes: 8 << 20, snaplen_bytes: 4096 });
  try {
    handle.attachFilter(program.instructions);
    handle.start();
    let over = false;
    const sending = Promise.resolve(traffic()).finally(() => {
      over = true;
    });
    let count = 0;
    let idle = 0;
    await waitFor(
      () => {
        idle += 1;
        for (let more = memory.append(); more > 0; more = memory.append()) {
          count += more;
          idle = 0;
        }
        // Short of what is wanted it waits for long, and the caller sees what is missing.
        return over && idle > (count >= wanted ? 4 : 200);
      },
      { what: 'the traffic is over', every_ms: 10 },
    );
    await sending;
    return { records: memory.bytes(0, memory.length).slice(), accepted: handle.statistics().accepted };
  } finally {
    memory.close();
    handle.close();
  }
}

/** The packets without their times. */
function contents(records: Uint8Array): readonly (readonly [string, number])[] {
  return packetsOf(records).map((packet) => [Buffer.from(packet.bytes).toString('hex'), packet.wire_length]);
}

interface Asked {
  readonly filter_v1?: FilterV1;
  readonly expression?: string;
  readonly networks?: Scope['networks'];
}

/** What asks for tags, or for the bytes and lengths that are other ones while the kernel keeps a tag beside the packet. */
const tagExpressions = [
  'vlan and vlan and ip',
  'not ether proto 0x8100 or (vlan and vlan and ip)',
  'not (vlan 100 and ip)',
  'vlan 1 or vlan 100',
  'vlan and (tcp or udp)',
  'vlan and pppoes',
  'vlan and mpls',
  'ether[12:2] = 0x8100',
  'ether[12:2] = 0x88a8 or ether[16:2] = 0x0800',
  'ether[14:2] & 0xfff = 100',
  'len > 90',
  'less 82',
  'ether[ether[12] & 15:2] != 0',
];

/** The expressions of docs/filters.md and README, and what is built like them. */
const documentedExpressions = [
  'geneve',
  'not geneve',
  'icmp or geneve',
  'udp or geneve',
  'geneve and udp',
  'geneve 11',
  'geneve and (ip or arp) and not host 10.0.0.1',
  'geneve and vlan',
  'mpls',
  'mpls and geneve',
  'mpls and ip and host 10.0.0.1',
  'mpls 16 and mpls 1024',
  'pppoes',
  'pppoes 7 and ip6',
  'pppoes and tcp port 443',
  'vlan and geneve',
  'vlan and pppoes',
  'vlan and pppoes and tcp',
  'vlan 5 and (tcp or udp)',
  'vlan and tcp or udp',
  'tcp[tcpflags] & tcp-syn != 0 and not dst net 10.9.0.0/16',
  'tcp[13] & 2 != 0',
  'ip proto \\tcp',
  'proto gre',
  'ether proto \\arp',
  'portrange 80-90',
  'host 10.0.0.1 and not tcp[13] & 2 != 0',
  'net 10.0.0.0 mask 255.0.0.0',
  'port (80 or 443)',
  'ip multicast or ether broadcast',
  'icmp6 or ip6 proto 17',
  'len > 60 and ip[2:2] > 40',
];

/** The program for stored packets or for a live capture; undefined where nothing can match. */
async function programFor(
  compiler: FilterCompiler,
  asked: Asked,
  linktype: number,
  live = false,
): Promise<Program | undefined> {
  const { filter_v1 = {}, expression, networks = 'all' } = asked;
  const filter = joinFilter({ filter_v1, expression, networks });
  const compiled = await compiler.compile({ filter, linktype, live });
  if (!compiled.ok) throw new Error(compiled.faults.map((one) => one.message).join());
  if (compiled.value.kind === 'program') return compiled.value.program;
  expect(compiled.value.reason).toBe('no packet can match it');
  return undefined;
}

/** As `programFor` for a live capture; undefined also for an expression that is refused, at all or for the link type. */
async function anyProgram(
  compiler: FilterCompiler,
  expression: string,
  linktype: number,
): Promise<Program | undefined> {
  if (!checkExpression(expression).ok) return undefined;
  const filter = joinFilter({ filter_v1: {}, expression, networks: 'all' });
  const compiled = await compiler.compile({ filter, linktype, live: true });
  return compiled.ok && compiled.value.kind === 'program' ? compiled.value.program : undefined;
}

/** What of the traffic a live filter lets through, and what the same filter finds in all of it afterwards. */
async function liveAndStored(
  compiler: FilterCompiler,
  port: Port,
  asked: Asked,
  linktype: number,
  all: Uint8Array,
  traffic: () => void,
): Promise<{ readonly live: unknown; readonly stored: unknown; readonly count: number }> {
  const [live, stored] = [
    await programFor(compiler, asked, linktype, true),
    await programFor(compiler, asked, linktype),
  ];
  if (live === undefined || stored === undefined) {
    expect(live).toBe(stored);
    return { live: [], stored: [], count: 0 };
  }
  const matcher = openMatcher(stored);
  try {
    const found = contents(matcher.match(all));
    return {
      live: contents((await capture(port, live, traffic, found.length)).records),
      stored: found,
      count: found.length,
    };
  } finally {
    matcher.close();
  }
}

describe.skipIf(withoutRoot('filters on live interfaces'))('live and stored packets are filtered alike', () => {
  const compiler = createFilterCompiler();
  let pair: NamespacePair;
  const tuns: TunDevice[] = [];

  beforeAll(async () => {
    pair = await createNamespacePair();
  });
  afterAll(async () => {
    await compiler.close();
    for (const tun of tuns) tun.close();
    await pair.remove();
  });

  const everything = async (port: Port, linktype: number, traffic: () => void, count: number): Promise<Uint8Array> => {
    const program = await programFor(compiler, {}, linktype, true);
    if (program === undefined) throw new Error('no program');
    return (await capture(port, program, traffic, count)).records;
  };

  test('on Ethernet, tagged or not', async () => {
    const frames = [
      ...fc.sample(wholeFrame, { numRuns: 200, seed: 7 }).map(frameBytes),
      ...fc.sample(hiddenFrame, { numRuns: 60, seed: 7 }),
    ];
    const traffic = (): void => void replayFrames(pair.far, frames);
    const all = await everything(pair.near, 1, traffic, frames.length);
    expect(contents(all).map(([bytes]) => bytes)).toEqual(frames.map((frame) => Buffer.from(frame).toString('hex')));

    const random = fc.sample(filterV1, { numRuns: times(15), seed: 11 }).map((filter_v1): Asked => ({ filter_v1 }));
    const written = [
      'tcp',
      'not tcp',
      'ip6 or arp',
      'not (udp or vlan)',
      'vlan',
      'vlan 100 and ip',
      'vlan and vlan',
      'not vlan',
      'mpls or ip[9] = 17',
      ...tagExpressions,
    ];
    let count = 0;
    for (const asked of [...random, ...written.map((expression): Asked => ({ expression }))]) {
      const { live, stored, count: found } = await liveAndStored(compiler, pair.near, asked, 1, all, traffic);
      expect(live, JSON.stringify(asked)).toEqual(stored);
      count += found;
    }
    expect(count).toBeGreaterThan(500);
  });

  test('on Ethernet, what the documentation names, within a scope or not', async () => {
    const frames = [
      ...fc.sample(wholeFrame, { numRuns: 100, seed: 5 }).map(frameBytes),
      ...fc.sample(hiddenFrame, { numRuns: 200, seed: 5 }),
    ];
    const traffic = (): void => void replayFrames(pair.far, frames);
    const all = await everything(pair.near, 1, traffic, frames.length);
    let count = 0;
    const scopes = ['all', ['10.0.0.0/8', '192.0.2.0/24', '2001:db8::/32']] as const;
    for (const [at, expression] of documentedExpressions.entries()) {
      const asked: Asked = { expression, networks: scopes[at % scopes.length] ?? 'all' };
      const { live, stored, count: found } = await liveAndStored(compiler, pair.near, asked, 1, all, traffic);
      expect(live, JSON.stringify(asked)).toEqual(stored);
      count += found;
    }
    expect(count).toBeGreaterThan(500);
  });

  test(
    'the kernel takes every program, with the prefixes before it',
    async () => {
      const tun = await createTunDevice({});
      const ppp = await createTunDevice({ arphrd: 512 });
      tuns.push(tun, ppp);
      const ports: readonly (readonly [Port, number])[] = [
        [pair.near, 1],
        [tun, 101],
        [ppp, 113],
      ];
      const generated = fc.sample(fc.oneof(randomExpression, randomArithmetic), { numRuns: times(150), seed: 23 });
      let attached = 0;
      for (const [port, linktype] of ports) {
        const handle = open(port);
        for (const expression of [...documentedExpressions, ...tagExpressions, ...generated]) {
          const program = await anyProgram(compiler, expression, linktype);
          if (program === undefined) continue;
          for (const one of [program, rejectOutgoing(sampleOneIn(keepBytes(program, 160), 7))]) {
            const length = one.instructions.length / 8;
            expect(() => handle.attachFilter(one.instructions), `${expression}: ${length} instructions`).not.toThrow();
          }
          attached += 1;
        }
        handle.close();
      }
      expect(attached).toBeGreaterThan(150 * soak);
    },
    120_000 * Math.max(1, soak),
  );

  test.each([
    ['raw IP', 101, undefined],
    ['cooked, as PPP is', 113, 512],
  ])('on %s', async (_, linktype, arphrd) => {
    const tun = await createTunDevice(arphrd === undefined ? {} : { arphrd });
    tuns.push(tun);
    const packets = fc
      .sample(wholeFrame, { numRuns: 200, seed: 13 })
      .filter((frame) => frame.body.kind === 'ipv4' || frame.body.kind === 'ipv6')
      .map((frame) => frameBytes({ ...frame, tags: [] }).subarray(14));
    const handle = open(tun);
    expect(linktypeOf(handle)).toBe(linktype);
    handle.close();

    const traffic = (): void => {
      for (const packet of packets) tun.write(packet);
    };
    const all = await everything(tun, linktype, traffic, packets.length);
    expect(packetsOf(all)).toHaveLength(packets.length);
    const random = fc.sample(filterV1, { numRuns: times(10), seed: 17 }).map((filter_v1): Asked => ({ filter_v1 }));
    const written = [
      'tcp',
      'not tcp',
      'ip6',
      'not ip6',
      'ip[9] = 17 or udp',
      'net 10.0.0.0/8 and portrange 50-100',
      'ip6[40] = 0',
      'tcp[0:2] = tcp[2:2]',
      'len > 60',
      'less 90 and ip6',
      ...(linktype === 113 ? ['link[0:2] = 0', 'link[14:2] = 0x86dd', 'link[2:2] = 512', 'link[15] = 0'] : []),
    ];
    let count = 0;
    for (const asked of [...random, ...written.map((expression): Asked => ({ expression }))]) {
      const { live, stored, count: found } = await liveAndStored(compiler, tun, asked, linktype, all, traffic);
      expect(live, JSON.stringify(asked)).toEqual(stored);
      count += found;
    }
    expect(count).toBeGreaterThan(300);
  });

  test('loopback shows each packet once', async () => {
    const namespace = pair.far.namespace;
    await pair.exec('far', 'ip', ['link', 'set', 'lo', 'up']);
    const lo: Port = { name: 'lo', ifindex: 1, namespace };
    const program = await programFor(compiler, { expression: 'ip' }, 1, true);
    if (program === undefined) throw new Error('no program');
    const bytes = frameBytes({
      tags: [],
      body: {
        kind: 'ipv4',
        source: [127, 0, 0, 1],
        destination: [127, 0, 0, 1],
        protocol: 253,
        option_words: 0,
        fragment_offset: 0,
        ports: [1, 2],
      },
    });
    const traffic = (): void => void replayFrames(lo, [bytes, bytes, bytes]);
    // libpcap itself leaves the outgoing copies out, but only after the kernel has counted and stored them.
    const count = async (one: Program): Promise<readonly [number, bigint]> => {
      const { records, accepted } = await capture(lo, one, traffic, 3);
      return [packetsOf(records).length, accepted];
    };
    expect(await count(program)).toEqual([3, 6n]);
    expect(await count(rejectOutgoing(program))).toEqual([3, 3n]);
    expect(await count(rejectOutgoing(sampleOneIn(program, 1)))).toEqual([3, 3n]);
  });

  test('1 in 10 is 1 in 10, each cut to what is kept', async () => {
    const program = await programFor(compiler, { expression: 'ip' }, 1, true);
    if (program === undefined) throw new Error('no program');
    const [frame] = fc
      .sample(wholeFrame, { numRuns: 50, seed: 3 })
      .filter((one) => one.body.kind === 'ipv4' && one.tags.length === 0);
    if (frame === undefined) throw new Error('no frame');
    const sent = 20_000;
    const traffic = async (): Promise<void> => {
      const sender = openFrameSender(pair.far);
      // In pieces: the kernel's queue between the two ends takes 1,000 frames and drops what is above.
      const piece = sender.prepare(Array.from({ length: 500 }, () => frameBytes(frame)));
      for (let done = 0; done < sent; done += 500) {
        piece.send();
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      sender.close();
    };
    const { records: sampled, accepted } = await capture(
      pair.near,
      keepBytes(sampleOneIn(program, 10), 30),
      traffic,
      sent / 20,
    );
    const packets = packetsOf(sampled);
    expect(BigInt(packets.length)).toBe(accepted);
    // Five standard deviations: wrong once in two million runs.
    expect(Math.abs(packets.length - sent / 10)).toBeLessThan(5 * Math.sqrt(sent * 0.1 * 0.9));
    expect(packets.every((one) => one.bytes.length === 30 && one.wire_length === frameBytes(frame).length)).toBe(true);
  });
});
