import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { soak } from '../../test/support/soak.ts';
import { seededRandom } from '../../test/support/seeded_random.ts';
import { coveredTime } from '../model/covered_time.ts';
import { type HostEvent, type HostManners, ms, SampledHost, second } from './test_sampled_host.ts';
import { runs } from './test_packets.ts';
import type { Window } from './window_coverage.ts';

const manners: fc.Arbitrary<HostManners> = fc.record({
  packet_every: fc.constantFrom(undefined, 100n * ms, 10n * ms, 3n * ms),
  quiet_most: fc.constantFrom(0n, 2n * second, 100n * second),
  burst_most: fc.constantFrom(0, 50, 600),
  ring_packets: fc.constant(1_000_000),
  hold_most: fc.constantFrom(0n, 30n * ms, 900n * ms),
  stall_most: fc.constantFrom(0n, 50n * ms, 5n * second),
  store_most: fc.constantFrom(ms, 100n * ms, 4n * second),
  segment_bytes: fc.constantFrom(2000, 60_000, 2 ** 30),
  segment_age_ms: fc.constantFrom(1000, 7000, 60_000),
  slew_most: fc.constantFrom(0n, 200n * ms),
  budget_pps: fc.constantFrom(0, 20, 1e6),
  sleep_more: fc.constantFrom(0n, 200n * ms, 3n * second),
});

/** So many moments, the later ones of a kind that ends the process. */
function moments(
  draw: (below: number) => number,
  length_s: number,
  kinds: readonly HostEvent[],
  ends: readonly HostEvent[],
): { readonly at: bigint; readonly kind: HostEvent }[] {
  const begin = 1000n * second;
  const drawn = Array.from({ length: 60 }, () => ({
    at: begin + BigInt(draw(length_s * 1000)) * ms,
    kind: kinds[draw(kinds.length)] ?? 'query',
  }));
  const end = ends.map((kind, index) => ({ at: begin + BigInt(length_s * (index + 1)) * second, kind }));
  return [...drawn, ...end].sort((a, b) => (a.at < b.at ? -1 : 1));
}

/** A window within another, of a length of any order. */
function drawWindow({ from, to }: Window, draw: (below: number) => number): Window | undefined {
  if (to - from < 2n) return undefined;
  const length = (to - from) / 2n ** BigInt(draw(20)) || 1n;
  const begin = from + ((to - from - length) * BigInt(draw(1001))) / 1000n;
  return { from: begin, to: begin + length };
}

async function withDirectory<T>(run: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'edgetap-truth-'));
  try {
    return await run(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('of a sampler that keeps up, no answer has a gap, a loss or a set clock, whatever the segments do', {
  timeout: 240_000,
}, async () => {
  let asked = 0;
  const property = fc.asyncProperty(manners, fc.integer(), async (host_manners, seed) => {
    await withDirectory(async (root) => {
      const draw = seededRandom(seed);
      const length_s = host_manners.packet_every === undefined && host_manners.sleep_more > second ? 7200 : 40;
      const clean = (host: SampledHost, until: bigint | undefined): void => {
        const begun = host.kept_from ?? (host.down[0] === undefined ? undefined : host.down[0].to + 2n * ms);
        if (begun === undefined || until === undefined) return;
        const window = drawWindow({ from: begun, to: until }, draw);
        if (window === undefined) return;
        const { gaps, dropped, clock_set, covered } = host.coverage(window);
        expect({ gaps, dropped, clock_set, covered }).toEqual({
          gaps: [],
          dropped: 0n,
          clock_set: [],
          covered: 'whole',
        });
        asked += 1;
      };
      const events = moments(draw, length_s, ['query', 'query', 'evict'], ['stop']);
      const host = new SampledHost(root, host_manners, draw, events, (of) => clean(of, of.watermark));
      await host.process();
      const end = host.stream.sealed.at(-1)?.cover.to;
      for (let count = 0; count < 100; count += 1) clean(host, end);
    });
  });
  await fc.assert(property, { ...runs(8), endOnFailure: true });
  expect(asked).toBeGreaterThan(500 * Math.min(1, soak));
});

/** Is none of a window's time in these stretches, with a margin around each? */
function isApart(window: Window, stretches: readonly Window[], margin: bigint): boolean {
  return stretches.every(({ from, to }) => window.to <= from - margin || window.from >= to + margin);
}

/** How much of a stretch is in none of the gaps. */
function untold(stretch: Window, gaps: readonly Window[]): bigint {
  return stretch.from < stretch.to ? coveredTime(stretch, gaps) : 0n;
}

test('of a sampler that loses packets, is stopped, killed or loses its interface, all that is missing is told, and nothing else', {
  timeout: 240_000,
}, async () => {
  let [lacking, clean] = [0, 0];
  const property = fc.asyncProperty(
    manners,
    fc.constantFrom(20, 300, 1_000_000),
    fc.integer(),
    async (drawn, ring_packets, seed) => {
      await withDirectory(async (root) => {
        const draw = seededRandom(seed);
        const host_manners = { ...drawn, ring_packets, slew_most: 0n };
        const check = (host: SampledHost, until: bigint | undefined): void => {
          const [first] = host.down;
          if (first === undefined || until === undefined) return;
          const window = drawWindow({ from: first.to - 5n * second, to: until }, draw);
          if (window === undefined) return;
          const { gaps, dropped, covered } = host.coverage(window);
          const inside = ({ stamp }: { readonly stamp: bigint }): boolean => stamp > window.from && stamp <= window.to;
          const stored = host.stored();
          const missing = host.came.filter((one) => inside(one) && !stored.has(one.number));
          // Counted, where it is not in a gap. What was on its way when the sampler was killed nobody has counted.
          const silent = missing.filter(
            ({ stamp }) =>
              !gaps.some(({ from, to }) => stamp > from && stamp <= to) &&
              isApart({ from: stamp, to: stamp }, host.killed, 0n),
          );
          expect(BigInt(silent.length)).toBeLessThanOrEqual(dropped);
          for (const { from, to } of host.down) {
            const within = { from: from > window.from ? from : window.from, to: to < window.to ? to : window.to };
            // The clock of the sampler counts milliseconds.
            expect(untold(within, gaps)).toBeLessThanOrEqual(2n * ms);
          }
          if (covered !== 'whole' || dropped > 0n) lacking += 1;
          // Losses are looked for between sleeps: one is told of all the time since it was looked before.
          const calm = 2n * second + 2n * (host_manners.stall_most + host_manners.sleep_more);
          if (!isApart(window, [...host.down, ...host.killed], calm) || !isApart(window, host.trouble, calm)) return;
          expect({ gaps, dropped, covered }).toEqual({ gaps: [], dropped: 0n, covered: 'whole' });
          clean += 1;
        };
        const events = moments(draw, 30, ['query', 'query', 'query', 'away'], ['kill', 'stop', 'kill', 'stop']).filter(
          ({ kind }) => kind !== 'away' || draw(8) === 0,
        );
        const host = new SampledHost(root, host_manners, draw, events, (of) => {
          // Each looks at all packets.
          if (draw(6) === 0) check(of, of.watermark);
        });
        for (let process = 0; process < 4; process += 1) {
          await host.process();
          for (let count = 0; count < 30; count += 1) check(host, host.stream.sealed.at(-1)?.cover.to);
        }
      });
    },
  );
  await fc.assert(property, { ...runs(8), endOnFailure: true });
  expect(lacking).toBeGreaterThan(20 * Math.min(1, soak));
  // A fraction of the usual runs may have none.
  if (soak >= 1) expect(clean).toBeGreaterThan(5);
});
