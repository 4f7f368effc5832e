import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { type FrameSender, openFrameSender } from '../../test/support/replay_frames.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import type { Fault } from '../model/errors/fault.ts';
import { systemClock } from './clock.ts';
import { openSampleStore } from './open_sample_store.ts';
import { numberedFrame, numberOf } from './test_frames.ts';
import { recent } from './test_lookback.ts';
import { NumberedLoad } from './test_numbered_load.ts';
import { isBetweenRates } from './test_rates.ts';
import { packetsOf, runs } from './test_packets.ts';

const rounds = runs(6).numRuns;
const child_path = fileURLToPath(new URL('./test_crash_child.ts', import.meta.url));

describe.skipIf(withoutRoot('killing a sampler'))('a sampler that is killed', () => {
  let pair: NamespacePair;
  let sender: FrameSender;
  let directory = '';
  let sent = 0;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'edgetap-crash-'));
    pair = await createNamespacePair();
    sender = openFrameSender(pair.far);
  });
  afterAll(async () => {
    sender.close();
    await pair.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  const folder = (): string => join(directory, `${pair.near.name}@1`);

  function sealedSizes(): Map<string, number> {
    const names = readdirSync(folder()).filter((name) => /^[0-9]+\.pcap$/.test(name));
    return new Map(names.map((name) => [name, statSync(join(folder(), name)).size]));
  }

  /** The numbers of all packets on the disk, in the order of the stream. */
  function stored(): number[] {
    const files = [...sealedSizes().keys()].sort();
    return files.flatMap((name) => {
      const bytes = new Uint8Array(readFileSync(join(folder(), name)));
      return packetsOf(bytes.subarray(24)).map((packet) => numberOf(packet.bytes));
    });
  }

  /** Lets a child sample at speed and kills it so long after it has said something; returns what it said. */
  async function killAfter(
    word: 'ready' | 'visible',
    ms: number,
  ): Promise<{ said: Record<string, unknown>[]; sealed: Map<string, number> }> {
    const child = spawn(process.execPath, [child_path, directory, pair.near.name], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    for (let until: number | undefined; until === undefined || performance.now() < until; ) {
      if (until === undefined && text.includes(word)) until = performance.now() + ms;
      if (child.exitCode !== null) throw new Error(`the child ended: ${text}`);
      sender.send(Array.from({ length: 500 }, () => numberedFrame(sent++)));
      await systemClock.sleep(4);
    }
    const sealed = sealedSizes();
    child.kill('SIGKILL');
    await ended;
    const lines = text.split('\n').slice(0, -1);
    return { said: lines.map((line) => JSON.parse(line) as Record<string, unknown>), sealed };
  }

  test(`loses no sealed segment and no packet that could be found, ${rounds} times`, {
    timeout: 100_000 * rounds,
  }, async () => {
    let checked = 0;
    for (let round = 0; round < rounds; round++) {
      const before = round === 0 ? [] : stored();
      const { said, sealed } = await killAfter(round % 2 === 0 ? 'ready' : 'visible', 30 + Math.random() * 900);
      const visible = Number(said.findLast((line) => 'visible' in line)?.['visible'] ?? -1);
      expect(said.filter((line) => Number(line['dropped']) > 0)).toEqual([]);
      const faults: Fault[] = [];
      const report = (fault: Fault): void => void faults.push(fault);
      const store = await openSampleStore({ directory, byte_budget: 1e9, clock: systemClock, report });
      const status = store.status();
      await store.close();
      expect(faults.map(({ name }) => name).filter((name) => name !== 'segment_cut')).toEqual([]);
      for (const [name, size] of sealed) expect([name, sealedSizes().get(name)]).toEqual([name, size]);
      expect(readdirSync(folder()).filter((name) => name.startsWith('.'))).toEqual([]);
      const after = stored();
      expect(after.slice(0, before.length)).toEqual(before);
      const fresh = after.slice(before.length);
      // All from the first that was sampled on, without a hole, and at least up to the last that could be found.
      const first = fresh[0] ?? sent;
      expect(fresh).toEqual(Array.from({ length: fresh.length }, (_, index) => first + index));
      if (visible >= first) {
        expect(fresh.at(-1)).toBeGreaterThanOrEqual(visible);
        checked++;
      }
      expect(status.segments).toBe(sealedSizes().size);
    }
    expect(checked).toBeGreaterThan(0);
  });

  test('that has just changed its rate has said so: each packet has the rate at which it was kept', {
    timeout: 100_000 * rounds,
  }, async () => {
    let changed = 0;
    for (let round = 0; round < rounds; round++) {
      const own = mkdtempSync(join(directory, 'rates-'));
      const child = spawn(process.execPath, [child_path, own, pair.near.name, '1000'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(child, 'close');
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (more: string) => {
        text += more;
      });
      const said = (what: string, count = 1): boolean => text.split(what).length > count;
      await waitFor(() => said('ready'), { what: 'the child to sample', every_ms: 1 });
      const begun = systemClock.now();
      const load = new NumberedLoad(pair.far);
      try {
        load.pps = 800;
        await waitFor(() => load.sent > 400, { what: '400 to be sent', every_ms: 1 });
        load.pps = 16_000;
        await waitFor(() => said('"rate"'), { what: 'the rate to rise', every_ms: 1 });
        if (round % 2 === 1) {
          load.pps = 100;
          await waitFor(() => said('"rate":1}'), { what: 'the rate to fall', every_ms: 1 });
        }
        await systemClock.sleep(Math.random() * 100);
        child.kill('SIGKILL');
        await ended;
      } finally {
        load.close();
      }
      const faults: Fault[] = [];
      const report = (fault: Fault): void => void faults.push(fault);
      const store = await openSampleStore({ directory: own, byte_budget: 1e9, clock: systemClock, report });
      const answer = await store.query(recent());
      await store.close();
      expect(faults.filter(({ name }) => name !== 'segment_cut')).toEqual([]);
      const rates = answer.coverage.flatMap((one) => one.rates);
      const kept = answer.chunks.flatMap(({ records }) => packetsOf(records)).filter(({ time }) => time >= begun);
      let [estimated, variance] = [0, 0];
      const unknown: bigint[] = [];
      for (const { time } of kept) {
        const rate = rates.find(({ from, to }) => time > from && time <= to)?.rate;
        if (rate === undefined) unknown.push(time);
        else [estimated, variance] = [estimated + rate, variance + rate * (rate - 1)];
      }
      // All up to the last one that was written did pass: nothing else was sent.
      const passed = numberOf(kept.at(-1)?.bytes ?? new Uint8Array(60)) + 1;
      expect(kept.length).toBeGreaterThan(400);
      // A change takes a tenth of a millisecond, more where the thread loses the processor just then: only what came meanwhile has no rate.
      expect(unknown.filter((time) => !isBetweenRates(rates, time))).toEqual([]);
      // Nine rounds in ten thousand million are farther off than that.
      expect(Math.abs(estimated - passed)).toBeLessThanOrEqual(6 * Math.sqrt(variance) + 32 * (unknown.length + 1));
      changed += new Set(rates.map(({ rate }) => rate)).size - 1;
    }
    expect(changed).toBeGreaterThan(0);
  });
});
