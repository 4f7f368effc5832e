import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { ReplayFrom } from './replay_frames.ts';

/** What a flood's process is told. */
export interface FloodOrder {
  readonly from: ReplayFrom;
  readonly frames: readonly Uint8Array[];
  /** Rest after each time that all were sent; 0 = as fast as it goes. */
  readonly pause_ms: number;
}

/** A process that sends all the time. */
export interface Flood {
  /** Ends it, and gives the number of frames that it has sent. */
  stop(): Promise<number>;
}

/**
 * Sends frames out of an interface, in order, over and over, in a process of its own; at full speed unless it is to rest.
 * Resolves when it sends.
 */
export async function startFlood(from: ReplayFrom, frames: readonly Uint8Array[], pause_ms = 0): Promise<Flood> {
  const child = fork(new URL('./flood_child.ts', import.meta.url), { serialization: 'advanced' });
  const order: FloodOrder = { from: { name: from.name, namespace: from.namespace }, frames, pause_ms };
  const gone = once(child, 'exit');
  const sending = once(child, 'message');
  child.send(order);
  await Promise.race([sending, gone.then(() => Promise.reject(new Error('the flood did not begin')))]);
  return {
    stop: async () => {
      const said = once(child, 'message');
      child.send('stop');
      const [sent] = (await Promise.race([
        said,
        gone.then(() => Promise.reject(new Error('the flood has ended by itself'))),
      ])) as [number];
      child.disconnect();
      await gone;
      return sent;
    },
  };
}
