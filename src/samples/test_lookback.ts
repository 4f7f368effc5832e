import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { waitFor } from '../../test/support/wait_for.ts';
import type { Fault } from '../model/errors/fault.ts';
import { systemClock } from './clock.ts';
import type { LookbackAnswer, LookbackQuery } from './lookback.ts';
import { openSampleStore } from './open_sample_store.ts';
import type { SampleStore, SampleStoreOptions } from './sample_store.ts';
import { numberOf } from './test_frames.ts';
import { packetsOf, type TestPacket } from './test_packets.ts';
import { takeAll } from './test_programs.ts';

/** A look-back over the last ten minutes, up to now: the clock of `now` is cut to milliseconds. */
export function recent(more: Partial<LookbackQuery> = {}): LookbackQuery {
  const to = systemClock.now() + 1_000_000n;
  return {
    programs: takeAll,
    formula: { kind: 'any' },
    from: to - 600_000_000_000n,
    to,
    packet_limit: 10_000,
    ...more,
  };
}

/** All packets of an answer, interface by interface. */
export function packetsIn(answer: LookbackAnswer): TestPacket[] {
  return answer.chunks.flatMap(({ records }) => packetsOf(records));
}

/** The numbers of the frames in an answer; see `numberedFrame`. */
export function numbersIn(answer: LookbackAnswer): number[] {
  return packetsIn(answer).map(({ bytes }) => numberOf(bytes));
}

/** Was the watermark of an interface still within the window? */
export function isLate(answer: LookbackAnswer): boolean {
  return answer.coverage.some(({ gaps }) => gaps.some(({ reason }) => reason === 'not_visible_yet'));
}

/** Asks until the answer covers all of the window up to now. */
export async function settled(store: SampleStore, query: LookbackQuery = recent()): Promise<LookbackAnswer> {
  const ask = async (): Promise<LookbackAnswer | undefined> => {
    const answer = await store.query(query);
    return isLate(answer) ? undefined : answer;
  };
  return waitFor(ask, { what: 'the watermark has passed the window' });
}

/** A store of a test, and what it reported. */
export interface TestStore {
  readonly store: SampleStore;
  readonly directory: string;
  readonly faults: readonly Fault[];
}

/** Opens stores that are closed, and whose directories are removed, after each test of a file. */
export function testStores(): (options?: Partial<SampleStoreOptions>) => Promise<TestStore> {
  const opened: TestStore[] = [];
  afterEach(async () => {
    for (const { store, directory } of opened.splice(0)) {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    }
  });
  return async (options = {}) => {
    const faults: Fault[] = [];
    const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'edgetap-samples-'));
    const report = (fault: Fault): void => void faults.push(fault);
    const store = await openSampleStore({ byte_budget: 1e9, clock: systemClock, report, ...options, directory });
    opened.push({ store, directory, faults });
    return { store, directory, faults };
  };
}
