import { type ChildProcess, type SpawnOptions, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

import { enterNamespace } from './enter_namespace.ts';
import { if_nametoindex } from './libc.ts';
import { quietLink } from './quiet_link.ts';
import { ignoreGone, sweepTestLinks, testLinkName } from './test_link_name.ts';

const run = promisify(execFile);

/** One end of the cable. */
export interface NamespaceSide {
  /** The interface's name. */
  readonly name: string;
  readonly ifindex: number;
  /** The network namespace's name (`ip netns`); undefined is the one that this process is in. */
  readonly namespace: string | undefined;
  /** Its Ethernet address, `02:…`, lower case. */
  readonly mac: string;
}

/** What the pair should be like. */
export interface NamespacePairOptions {
  /** Where the near side is: in this process's own namespace, so that code under test can capture it, or in one of its own. */
  readonly inside?: 'root' | 'namespace';
  /** Of both sides, in bytes; 1500 by default, 9000 for jumbo frames. */
  readonly mtu?: number;
  /** IPv4 addresses without a prefix length; both are then put into one /30, and no ARP is needed between them. */
  readonly ipv4?: { readonly near: string; readonly far: string };
}

/** Two hosts on one cable: a veth pair, `near` (where captures are taken) and `far` (where traffic comes from). */
export interface NamespacePair {
  readonly near: NamespaceSide;
  readonly far: NamespaceSide;
  /** Runs a program to its end in a side's namespace; rejects when it fails. Output is text. */
  exec(side: 'near' | 'far', command: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }>;
  /** Starts a program in a side's namespace. Its pid is the program's own; ending it is the caller's part. */
  spawn(side: 'near' | 'far', command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Takes the cable and the namespaces away. Safe to call twice. */
  remove(): Promise<void>;
}

/**
 * Makes two hosts joined by a cable. The link is silent: no ARP, no IPv6, no router solicitation; a packet is on it only
 * when a test sends one. Needs root.
 */
export async function createNamespacePair(options: NamespacePairOptions = {}): Promise<NamespacePair> {
  await sweepTestLinks();
  const name = testLinkName();
  const far = { link: `${name}b`, namespace: `${name}b` };
  const near = { link: `${name}a`, namespace: options.inside === 'namespace' ? `${name}a` : undefined };
  const sides = [near, far];
  const remove = async (): Promise<void> => {
    // The cable first: a namespace's own removal takes its links away only some time later.
    await run('ip', [...into(near.namespace), 'link', 'del', near.link]).catch(ignoreGone);
    for (const { namespace } of sides) {
      if (namespace !== undefined && existsSync(`/run/netns/${namespace}`))
        await run('ip', ['netns', 'del', namespace]);
    }
  };
  try {
    for (const { namespace } of sides) if (namespace !== undefined) await run('ip', ['netns', 'add', namespace]);
    const end = (side: Place): string[] => [
      side.link,
      ...(side.namespace === undefined ? [] : ['netns', side.namespace]),
    ];
    const quiet = ['arp', 'off'];
    await run('ip', ['link', 'add', ...end(near), ...quiet, 'type', 'veth', 'peer', 'name', ...end(far), ...quiet]);
    for (const { link, namespace } of sides) {
      quietLink(link, namespace);
      const mac = macOf(link);
      await run('ip', [
        ...into(namespace),
        'link',
        'set',
        link,
        'address',
        mac,
        'mtu',
        String(options.mtu ?? 1500),
        'up',
      ]);
    }
    if (options.ipv4 !== undefined) {
      await addAddress(near, options.ipv4.near, { ip: options.ipv4.far, mac: macOf(far.link) });
      await addAddress(far, options.ipv4.far, { ip: options.ipv4.near, mac: macOf(near.link) });
    }
  } catch (error) {
    await remove();
    throw error;
  }
  const described = { near: describe(near), far: describe(far) };
  const inSide = (side: 'near' | 'far', command: string, args: readonly string[]): [string, string[]] => {
    const { namespace } = described[side];
    return namespace === undefined ? [command, [...args]] : ['ip', ['netns', 'exec', namespace, command, ...args]];
  };
  return {
    ...described,
    exec: (side, command, args) => run(...inSide(side, command, args), { maxBuffer: 256 << 20 }),
    spawn: (side, command, args, spawnOptions = {}) => spawn(...inSide(side, command, args), spawnOptions),
    remove,
  };
}

interface Place {
  readonly link: string;
  readonly namespace: string | undefined;
}

function into(namespace: string | undefined): string[] {
  return namespace === undefined ? [] : ['-n', namespace];
}

/** A locally administered address made of the name, so that it is the same in every message about it. */
function macOf(link: string): string {
  let hash = 0;
  for (const char of link) hash = Math.imul(hash, 31) + char.charCodeAt(0);
  const hex = (hash >>> 0).toString(16).padStart(8, '0');
  return `02:ed:${hex.match(/../g)?.join(':') ?? ''}`;
}

async function addAddress(side: Place, ip: string, peer: { readonly ip: string; readonly mac: string }): Promise<void> {
  await run('ip', [...into(side.namespace), 'address', 'add', `${ip}/30`, 'dev', side.link]);
  const entry = [peer.ip, 'lladdr', peer.mac, 'nud', 'permanent', 'dev', side.link];
  await run('ip', [...into(side.namespace), 'neighbour', 'replace', ...entry]);
}

function describe({ link, namespace }: Place): NamespaceSide {
  const ifindex = enterNamespace(namespace, () => if_nametoindex(link));
  return { name: link, ifindex, namespace, mac: macOf(link) };
}
