import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { waitFor } from './wait_for.ts';

/** What tcpdump wrote. */
export interface TcpdumpCapture {
  /** The file's link type (LINKTYPE_…). */
  readonly linktype: number;
  readonly packets: readonly TcpdumpPacket[];
  /** The whole file: a classic pcap with nanoseconds in this machine's byte order. */
  readonly file: Uint8Array;
  /** tcpdump's own closing words: "5 packets captured", "0 packets dropped by kernel" and the like. */
  readonly summary: string;
}

/** One packet of a tcpdump capture. */
export interface TcpdumpPacket {
  /** Unix nanoseconds. */
  readonly time: bigint;
  readonly original_bytes: number;
  readonly bytes: Uint8Array;
}

/** A tcpdump that is capturing. */
export interface TcpdumpPeer {
  /**
   * Ends it and reads its file, once it has taken out of its ring all that the kernel has counted for it, and at least `count` packets.
   * Ended at once, it would lose what is still in the ring, which it looks at once a second.
   */
  stop(options?: { readonly count?: number }): Promise<TcpdumpCapture>;
}

/** What to capture, and how. */
export interface TcpdumpOptions {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly filter?: string;
  /** More flags, for example `['-B', '65536']` or `['-Q', 'in']`. */
  readonly flags?: readonly string[];
}

/** What it says when it is asked by a signal. */
const account = /(\d+) packets? captured, (\d+) packets? received by filter, (\d+) packets? dropped by kernel/g;

/** Starts tcpdump as the peer that a capture is compared with; resolves when it captures. */
export async function startTcpdump(options: TcpdumpOptions): Promise<TcpdumpPeer> {
  const folder = await mkdtemp(join(tmpdir(), 'edgetap-tcpdump-'));
  const path = join(folder, 'peer.pcap');
  const prefix = options.namespace === undefined ? [] : ['ip', 'netns', 'exec', options.namespace];
  // -Z root: without it tcpdump gives up root and cannot write into the folder.
  const how = ['-n', '-U', '-s', '262144', '-B', '65536', '--time-stamp-precision=nano', '-Z', 'root'];
  const what = [
    '-i',
    options.name,
    '-w',
    path,
    ...(options.flags ?? []),
    ...(options.filter === undefined ? [] : [options.filter]),
  ];
  const [program = '', ...args] = [...prefix, 'tcpdump', ...how, ...what];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'close');
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await waitFor(() => said.includes('listening on') || child.exitCode !== null, { what: 'tcpdump listens' });
  if (child.exitCode !== null) throw new Error(`tcpdump did not start: ${said}`);
  return {
    async stop({ count } = {}) {
      const hasAll = async (): Promise<boolean> => {
        const asked = said.length;
        child.kill('SIGUSR1');
        const answer = await waitFor(() => [...said.slice(asked).matchAll(account)].at(-1), { what: 'its account' });
        const [captured = 0, received = 0, dropped = 0] = answer.slice(1).map(Number);
        // On loopback the kernel counts each twice.
        const came = options.name === 'lo' ? received / 2 : received;
        return captured + dropped >= came && captured >= (count ?? 0);
      };
      await waitFor(hasAll, { what: `tcpdump has ${count ?? 'all'} packets`, every_ms: 50 });
      child.kill('SIGINT');
      await ended;
      const file = new Uint8Array(await readFile(path));
      await rm(folder, { recursive: true });
      return { ...readPcap(file), file, summary: said };
    },
  };
}

function readPcap(file: Uint8Array): { linktype: number; packets: TcpdumpPacket[] } {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (view.getUint32(0, true) !== 0xa1b23c4d) throw new Error('not a little-endian nanosecond pcap');
  const packets: TcpdumpPacket[] = [];
  for (let at = 24; at < file.length; ) {
    const captured_bytes = view.getUint32(at + 8, true);
    packets.push({
      time: BigInt(view.getUint32(at, true)) * 1_000_000_000n + BigInt(view.getUint32(at + 4, true)),
      original_bytes: view.getUint32(at + 12, true),
      bytes: file.slice(at + 16, at + 16 + captured_bytes),
    });
    at += 16 + captured_bytes;
  }
  return { linktype: view.getUint32(20, true) & 0xffff, packets };
}
