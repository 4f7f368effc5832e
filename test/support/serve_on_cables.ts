import { afterAll, afterEach, beforeAll } from 'vitest';
import { createNamespacePair, type NamespacePair } from './namespace_pair.ts';
import { type NumberedTraffic, startNumberedTraffic } from './numbered_traffic.ts';
import { type Served, type ServeOptions, startServe } from './serve.ts';

/** Cables with edgetap at their near ends, for the tests of a file or a group. */
export interface ServeOnCables {
  readonly pairs: readonly NamespacePair[];
  /** Of each cable, from its far end. */
  readonly traffic: readonly NumberedTraffic[];
  /** Starts edgetap on the first cable, or as `options` says; it is removed after the test. */
  readonly start: (options?: Partial<ServeOptions>) => Promise<Served>;
}

/**
 * Has cables laid before the tests of the file or group that it is called in, and taken away after them. `rate` is what comes over each of them
 * all the time.
 */
export function serveOnCables(
  count: number,
  rate?: { readonly frames_per_s: number; readonly frame_bytes: number },
): ServeOnCables {
  const pairs: NamespacePair[] = [];
  const traffic: NumberedTraffic[] = [];
  const started: Served[] = [];
  beforeAll(async () => {
    while (pairs.length < count) pairs.push(await createNamespacePair());
    if (rate !== undefined) traffic.push(...pairs.map(({ far }) => startNumberedTraffic(far, { ...rate, first: 0 })));
  });
  afterEach(async () => {
    for (const served of started.splice(0).toReversed()) await served.remove();
  });
  afterAll(async () => {
    for (const one of traffic) one.stop();
    for (const pair of pairs) await pair.remove();
  });
  return {
    pairs,
    traffic,
    start: async (options = {}) => {
      const interfaces = pairs.slice(0, 1).map(({ near }) => near.name);
      const served = await startServe({ interfaces, ...options });
      started.push(served);
      return served;
    },
  };
}
