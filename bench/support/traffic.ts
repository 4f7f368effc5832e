import { readFileSync } from 'node:fs';
import { createNamespacePair } from '../../test/support/namespace_pair.ts';
import { startLines } from './line_process.ts';

const source = '198.18.0.1';
const destination = '198.18.0.2';
/** Beyond the destination, as if that were a router: the first of many. */
const beyond = { network: '198.19.0.0/16', first: '198.19.0.0', count: 65_536 };

/** A cable with a host at its far end that sends as fast as it can. */
export interface Traffic {
  /** The near end: to be captured. */
  readonly interface: { readonly name: string; readonly ifindex: number };
  /**
   * Sends at least so many frames, at a rate (packets a second) or else as fast as it goes; resolves with how many arrived at the
   * interface, and in what time.
   */
  send(frame_bytes: number, packets: number, rate?: number): Promise<Sent>;
  close(): Promise<void>;
}

/** What was sent. */
export interface Sent {
  readonly packets: number;
  readonly seconds: number;
}

/** How to send. */
export interface TrafficOptions {
  /** To 65,536 destinations in turn, 64 at a time, and not to one. */
  readonly many?: boolean;
  /** The processor that sends; any by default. */
  readonly processor?: number;
}

/** Lays the cable. Needs root, iproute2 and ethtool. */
export async function startTraffic({ many = false, processor }: TrafficOptions = {}): Promise<Traffic> {
  const pair = await createNamespacePair();
  try {
    const { far, near } = pair;
    await pair.exec('far', 'ip', ['address', 'add', `${source}/30`, 'dev', far.name]);
    // Nobody has this address: the near host drops what it receives at once.
    const nobody = [destination, 'lladdr', '02:00:00:00:00:99', 'nud', 'permanent', 'dev', far.name];
    await pair.exec('far', 'ip', ['neighbour', 'replace', ...nobody]);
    await pair.exec('far', 'ethtool', ['-K', far.name, 'tx-udp-segmentation', 'off', 'gso', 'off']);
    await pair.exec('far', 'ip', ['route', 'add', beyond.network, 'via', destination]);
    const to = many ? [beyond.first, String(beyond.count)] : [destination];
    const script = new URL('traffic_sender.ts', import.meta.url).pathname;
    const placed = processor === undefined ? [] : ['taskset', '-c', String(processor)];
    const command = ['netns', 'exec', far.namespace ?? '', ...placed, process.execPath, script, ...to];
    const sender = startLines('ip', command);
    const received = (): number => Number(readFileSync(`/sys/class/net/${near.name}/statistics/rx_packets`, 'latin1'));
    return {
      interface: near,
      async send(frame_bytes, packets, rate = 0) {
        const before = received();
        sender.tell(`${frame_bytes} ${packets} ${rate}`);
        const { seconds } = JSON.parse(await sender.read()) as { readonly seconds: number };
        return { packets: received() - before, seconds };
      },
      async close() {
        await sender.end();
        await pair.remove();
      },
    };
  } catch (error) {
    await pair.remove();
    throw error;
  }
}
