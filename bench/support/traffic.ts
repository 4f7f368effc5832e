import { readFileSync } from 'node:fs';
import { createNamespacePair } from '../../test/support/namespace_pair.ts';
import { startLines } from './line_process.ts';

const source = '198.18.0.1';
const destination = '198.18.0.2';

/** A cable with a host at its far end that sends as fast as it can. */
export interface Traffic {
  /** The near end: to be captured. */
  readonly interface: { readonly name: string; readonly ifindex: number };
  /** Sends at least so many frames; resolves with how many arrived at the interface, and in what time. */
  send(frame_bytes: number, packets: number): Promise<{ readonly packets: number; readonly seconds: number }>;
  close(): Promise<void>;
}

/** Lays the cable. Needs root, iproute2 and ethtool. */
export async function startTraffic(): Promise<Traffic> {
  const pair = await createNamespacePair();
  try {
    const { far, near } = pair;
    await pair.exec('far', 'ip', ['address', 'add', `${source}/30`, 'dev', far.name]);
    // Nobody has this address: the near host drops what it receives at once.
    const nobody = [destination, 'lladdr', '02:00:00:00:00:99', 'nud', 'permanent', 'dev', far.name];
    await pair.exec('far', 'ip', ['neighbour', 'replace', ...nobody]);
    await pair.exec('far', 'ethtool', ['-K', far.name, 'tx-udp-segmentation', 'off', 'gso', 'off']);
    const script = new URL('traffic_sender.ts', import.meta.url).pathname;
    const sender = startLines('ip', ['netns', 'exec', far.namespace ?? '', process.execPath, script, destination]);
    const received = (): number => Number(readFileSync(`/sys/class/net/${near.name}/statistics/rx_packets`, 'latin1'));
    return {
      interface: near,
      async send(frame_bytes, packets) {
        const before = received();
        sender.tell(`${frame_bytes} ${packets}`);
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
