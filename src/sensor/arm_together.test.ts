import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { type CaptureEngine, createCaptureEngine } from '../capture/capture_engine.ts';
import { Spool } from '../capture/spool.ts';
import { createFilterCompiler, type FilterCompiler } from '../libpcap/compiler_pool.ts';
import { readHostClock } from '../libpcap/host_clock.ts';
import { listInterfaces } from '../libpcap/interfaces.ts';
import type { Assignment, PartReport } from '../wire/bus_fields.ts';
import { Outbox } from './outbox.ts';
import { plainAssignment } from './test_assignment.ts';
import { createWork, type Work } from './work.ts';

const skip = withoutRoot('running parts');
const capture_id = 'c'.repeat(32);
const monotonic = (): bigint => process.hrtime.bigint();
const wall = (): bigint => readHostClock().wall;

let pairs: NamespacePair[] = [];
let directory: string;
let engine: CaptureEngine;
let compiler: FilterCompiler;
let work: Work;
let reports: PartReport[];
/** What keeps the ring of an interface from being seen as made. */
let held: Map<string, PromiseWithResolvers<void>>;
/** Resolves when the parts have waited long enough for each other. */
let impatient: PromiseWithResolvers<void>;

beforeAll(async () => {
  if (skip) return;
  compiler = createFilterCompiler();
  while (pairs.length < 3) pairs.push(await createNamespacePair());
});
afterAll(async () => {
  await compiler?.close();
  for (const pair of pairs) await pair.remove();
});
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-together-'));
  const { spool, recovered, strays } = await Spool.open(directory, 1e9);
  engine = await createCaptureEngine({ spool, workers_max: 4, workers_warm: 1, ring_bytes: 4 << 20 });
  [reports, held, impatient] = [[], new Map(), Promise.withResolvers()];
  const outbox = new Outbox(() => setImmediate(tellControl), monotonic);
  const tellControl = (): void => {
    for (const report of outbox.pending()) {
      reports.push(report);
      outbox.commit(report.capture_id, report.interface, report.sequence);
    }
  };
  const holding: CaptureEngine = {
    ...engine,
    open: (of, snaplen_bytes, among) => {
      const ring = engine.open(of, snaplen_bytes, among);
      return {
        ...ring,
        linktype: async () => {
          await held.get(of.name)?.promise;
          return await ring.linktype();
        },
      };
    },
  };
  work = await createWork({
    spool,
    recovered,
    strays,
    outbox,
    engine: holding,
    compiler,
    sender: { send: async ({ told }) => await told() },
    clock: {
      now: wall,
      monotonic,
      sleep: async (_ms, signal) => {
        signal.addEventListener('abort', () => impatient.resolve());
        await impatient.promise;
      },
    },
    random: () => 0,
    findInterface: (name) => listInterfaces().find((port) => port.name === name),
    warn: () => undefined,
    crash: (error) => {
      throw error;
    },
  });
});
afterEach(async () => {
  for (const one of held.values()) one.resolve();
  impatient.resolve();
  await work.stop('shutdown');
  await work.settled();
  await engine.close('shutdown');
  rmSync(directory, { recursive: true, force: true });
});

const order = (change: Partial<Assignment> = {}): Assignment => plainAssignment(capture_id, wall(), change);
const names = (): readonly string[] => pairs.map(({ near }) => near.name);
const armed = (id = capture_id): readonly PartReport[] =>
  reports.filter((one) => one.capture_id === id && one.phase === 'armed');
const allArmed = async (id: string, ports: readonly string[]): Promise<void> => {
  const isThere = (): boolean => ports.every((name) => armed(id).some((one) => one.interface === name));
  await waitFor(isThere, { what: `${ports.join(', ')} to be armed` });
};

/** Resolves when the first interface is as far as it comes by itself: another capture of it, that was begun when it had its file, is armed. */
async function firstHasWaited(with_it: readonly Assignment[]): Promise<void> {
  const [first = ''] = names();
  await waitFor(() => existsSync(join(directory, capture_id, `${first}.pcap`)), { what: 'its file' });
  const other = order({ capture_id: 'd'.repeat(32), interfaces: [first] });
  work.reconcile([...with_it, other], []);
  await allArmed(other.capture_id, [first]);
}

describe.skipIf(skip)('the interfaces of one capture', () => {
  test('arm when the slowest of them can, all of them', async () => {
    const slow = Promise.withResolvers<void>();
    held.set(names()[2] ?? '', slow);
    const all = order({ interfaces: [...names()] });
    work.reconcile([all], []);
    await firstHasWaited([all]);
    expect(armed()).toEqual([]);
    const opened = wall();
    slow.resolve();
    await allArmed(capture_id, names());
    const times = armed().map(({ armed_at = 0n }) => armed_at);
    expect(times.filter((time) => time < opened)).toEqual([]);
  });

  test('do not wait for one that is not there', async () => {
    const [first = '', second = ''] = names();
    work.reconcile([order({ interfaces: [first, 'et-nowhere', second] })], []);
    await allArmed(capture_id, [first, second]);
    expect(reports.find((one) => one.interface === 'et-nowhere')).toMatchObject({
      phase: 'failed',
      fault: { name: 'interface_unknown' },
    });
  });

  test('do not wait for ever for one that hangs, which arms later', async () => {
    const [first = '', second = '', third = ''] = names();
    const hanging = Promise.withResolvers<void>();
    held.set(third, hanging);
    const all = order({ interfaces: [first, second, third] });
    work.reconcile([all], []);
    await firstHasWaited([all]);
    impatient.resolve();
    await allArmed(capture_id, [first, second]);
    expect(armed().some((one) => one.interface === third)).toBe(false);
    hanging.resolve();
    await allArmed(capture_id, names());
  });

  test('that come to a running capture wait for none that runs, and one that is stopped meanwhile captures nothing', async () => {
    const [first = '', second = '', third = ''] = names();
    const slow = Promise.withResolvers<void>();
    held.set(third, slow);
    work.reconcile([order({ interfaces: [first] })], []);
    await allArmed(capture_id, [first]);
    const more = order({ interfaces: [first, second, third] });
    work.reconcile([more], []);
    await waitFor(() => existsSync(join(directory, capture_id, `${second}.pcap`)), { what: 'its file' });
    work.reconcile([{ ...more, stop: 'stopped' }], []);
    slow.resolve();
    const isOver = (): boolean =>
      [first, second, third].every((name) => reports.some((one) => one.interface === name && one.phase === 'ended'));
    await waitFor(isOver, { what: 'all to end' });
    expect(reports.filter((one) => one.phase === 'ended').map((one) => one.stop_reason)).toEqual(
      expect.not.arrayContaining(['error']),
    );
  });
});
