import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { buildPcap, parsePcap } from '../../test/support/packet_samples.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { type CaptureEngine, createCaptureEngine } from '../capture/capture_engine.ts';
import { Spool } from '../capture/spool.ts';
import { createFilterCompiler, type FilterCompiler } from '../libpcap/compiler_pool.ts';
import { readHostClock } from '../libpcap/host_clock.ts';
import { listInterfaces } from '../libpcap/interfaces.ts';
import type { FaultName } from '../model/errors/catalogue.ts';
import { type Fault, FaultError, fault, raise } from '../model/errors/fault.ts';
import { fromJsonText } from '../model/json_text.ts';
import type { Assignment, PartReport } from '../wire/bus_fields.ts';
import { Outbox } from './outbox.ts';
import { type PartRunner, runPart } from './part_runner.ts';
import { partPaths } from './part_shelf.ts';
import type { PartState } from './part_state.ts';
import type { PartShipment } from './send_part.ts';
import { plainAssignment } from './test_assignment.ts';

const skip = withoutRoot('running parts');
const capture_id = 'c'.repeat(32);
const second = 1_000_000_000n;

let pair: NamespacePair;
let directory: string;
let spool: Spool;
let engine: CaptureEngine;
let compiler: FilterCompiler;
let outbox: Outbox;
let reports: PartReport[];
let warned: Fault[];
let sent: PartShipment[];
/** How the next shipments end; without, well. */
let sending: ((shipment: PartShipment) => Promise<void>)[];
let pauses: number[];
/** Is control there to commit reports? */
let committing: boolean;

beforeAll(async () => {
  if (skip) return;
  pair = await createNamespacePair();
  compiler = createFilterCompiler();
});
afterAll(async () => {
  await compiler?.close();
  await pair?.remove();
});
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-part-'));
  ({ spool } = await Spool.open(directory, 1e9));
  engine = await createCaptureEngine({ spool, workers_max: 2, workers_warm: 1, ring_bytes: 8 << 20 });
  [reports, warned, sent, sending, pauses] = [[], [], [], [], []];
  committing = true;
  set_ns = 0n;
  outbox = new Outbox(() => setImmediate(tellControl), monotonic);
});
afterEach(async () => {
  await engine.close('shutdown');
  rmSync(directory, { recursive: true, force: true });
});

function tellControl(): void {
  for (const report of outbox.pending()) {
    reports.push(report);
    if (committing) outbox.commit(report.capture_id, report.interface, report.sequence);
  }
}

/** How far the wall clock was set. */
let set_ns: bigint;
const now = (): bigint => BigInt(Date.now()) * 1_000_000n + set_ns;
const monotonic = (): bigint => process.hrtime.bigint();

function assignment(change: Partial<Assignment> = {}): Assignment {
  return plainAssignment(capture_id, now(), { interfaces: [pair.near.name], ...change });
}

interface Begun {
  readonly order?: Assignment;
  readonly name?: string;
  readonly left?: PartState;
  /** In the place of the engine. */
  readonly through?: CaptureEngine;
}

const crashes: unknown[] = [];
function begin({ order = assignment(), name = pair.near.name, left, through = engine }: Begun = {}): PartRunner {
  const deps = {
    spool,
    engine: through,
    compiler,
    outbox,
    sender: {
      send: async (shipment: PartShipment): Promise<void> => {
        sent.push(shipment);
        await (sending.shift() ?? deliver)(shipment);
      },
    },
    clock: {
      now,
      monotonic,
      sleep: async (ms: number): Promise<void> => void pauses.push(ms),
    },
    random: () => 1,
    findInterface: (wanted: string) => listInterfaces().find((port) => port.name === wanted),
    warn: (one: Fault): void => void warned.push(one),
    crash: (error: unknown): void => void crashes.push(error),
  };
  return runPart(deps, order, name, left);
}
afterEach(() => expect(crashes.splice(0)).toEqual([]));

/** As a bucket that takes everything. */
async function deliver(shipment: PartShipment): Promise<void> {
  await shipment.told();
  files.push(readFileSync(shipment.path));
}
let files: Buffer[] = [];
beforeEach(() => {
  files = [];
});

/** As a bucket that loses its upload, or refuses. */
function refuse(name: FaultName): (shipment: PartShipment) => Promise<void> {
  return async () => {
    throw new FaultError([fault(name, { destination: 'b', key: 'k', reason: 'r' })]);
  };
}

/** As a bucket that never answers, until it is given up. */
async function hang({ signal }: PartShipment): Promise<void> {
  signal.throwIfAborted();
  await new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

function stateOnDisk(): PartState {
  return fromJsonText(readFileSync(partPaths(directory, capture_id, pair.near.name).state, 'utf8')) as PartState;
}

async function armed(runner: PartRunner): Promise<void> {
  await waitFor(() => reports.some((report) => report.phase === 'armed'), { what: 'an armed part' });
  runner.progress();
}

const frame = Buffer.alloc(100, 1);

describe.skipIf(skip)('a part', () => {
  test('is written down before it is told, captures, and is delivered while it grows', async () => {
    const before: unknown[] = [];
    outbox = new Outbox(() => {
      before.push(stateOnDisk().phase);
      setImmediate(tellControl);
    }, monotonic);
    const runner = begin();
    await armed(runner);
    expect(before[0]).toBe('armed');
    expect(sent).toMatchObject([
      { attempt: 0, growing: { part: { linktype: 1 } }, path: spool.path(capture_id, pair.near.name) },
    ]);
    replayFrames(pair.far, [frame, frame, frame]);
    await runner.stop('stopped');
    await runner.settled;
    expect(reports.at(-1)).toMatchObject({
      phase: 'ended',
      packets: 3n,
      bytes: 300n,
      dropped: 0n,
      stop_reason: 'stopped',
    });
    expect(files.map((file) => parsePcap(file).packets.length)).toEqual([3]);
    expect(stateOnDisk()).toMatchObject({ phase: 'delivered', packets: 3n });
    expect(spool.budget.used_bytes).toBe(0);
    await runner.forget();
    expect(readdirSync(directory)).toEqual([]);
    expect(outbox.pending()).toEqual([]);
  });

  test('tells when it armed, and by which clock; one that looks back has nothing from before that', async () => {
    const flood = setInterval(() => replayFrames(pair.far, [frame, frame, frame]), 1);
    const runner = begin({ order: assignment({ lookback: true, packet_limit: 50 }) });
    await runner.settled;
    clearInterval(flood);
    const { armed_at = 0n, clock_offset } = reports.at(-1) ?? {};
    expect(stateOnDisk()).toMatchObject({ armed_at, clock_offset });
    const { packets } = parsePcap(files[0] ?? Buffer.alloc(0));
    expect(packets).toHaveLength(50);
    expect(packets.filter(({ time }) => time < armed_at)).toEqual([]);
    const moved = readHostClock().offset - (clock_offset ?? 0n);
    expect(moved < 0n ? -moved : moved).toBeLessThan(10_000_000n);
  });

  test('that is stopped before it begins is an empty file', async () => {
    const runner = begin({ order: assignment({ stop: 'packet_limit' }) });
    await runner.settled;
    expect(reports.at(-1)).toMatchObject({ phase: 'ended', packets: 0n, stop_reason: 'packet_limit' });
    expect(parsePcap(files[0] ?? Buffer.alloc(0)).packets).toEqual([]);
  });

  test('that is stopped while it arms ends as soon as it has', async () => {
    const runner = begin();
    const stopped = runner.stop('shutdown');
    replayFrames(pair.far, [frame]);
    await stopped;
    await runner.settled;
    expect(reports.at(-1)).toMatchObject({ phase: 'ended', stop_reason: 'shutdown' });
    expect(files).toHaveLength(1);
  });

  test.each([0, 1, 3, 8, 20, 60])('that is forgotten after %i ms leaves nothing, and its worker', async (wait_ms) => {
    sending = [hang];
    const runner = begin();
    if (wait_ms > 0) await new Promise((resolve) => setTimeout(resolve, wait_ms));
    await runner.forget();
    expect(readdirSync(directory)).toEqual([]);
    expect(outbox.pending()).toEqual([]);
    expect(spool.budget.used_bytes).toBe(0);
    // As many as there are places for workers.
    const again = [begin(), begin({ order: assignment({ capture_id: 'd'.repeat(32) }) })];
    await waitFor(
      () => new Set(reports.filter((one) => one.phase === 'armed').map((one) => one.capture_id)).size === 2,
      {
        what: 'two parts',
      },
    );
    for (const one of again) await one.forget();
  });

  test('whose deadline has passed by the time it arms ends at once', async () => {
    const runner = begin({ order: assignment({ deadline: now() - second }) });
    await runner.settled;
    expect(reports.at(-1)).toMatchObject({ phase: 'ended', stop_reason: 'time_limit' });
  });

  test('takes an earlier deadline and a stop that come later', async () => {
    const [one, other] = [begin(), begin({ order: assignment({ capture_id: 'd'.repeat(32) }) })];
    await waitFor(() => reports.filter((report) => report.phase === 'armed').length >= 2, { what: 'two parts' });
    one.update(assignment({ deadline: now() + second / 10n }));
    other.update(assignment({ capture_id: 'd'.repeat(32), stop: 'byte_limit' }));
    await Promise.all([one.settled, other.settled]);
    const ends = reports.filter((report) => report.phase === 'ended');
    expect(new Set(ends.map((report) => report.stop_reason))).toEqual(new Set(['time_limit', 'byte_limit']));
  });

  describe.each([20n, 3600n, 90_000n, -20n, -3600n, -90_000n])('where the wall clock is set by %d s', (step_s) => {
    const ids = ['c', 'd'].map((digit) => digit.repeat(32));
    /** What control says: as it counts, whatever the sensor's clock shows. */
    const said = (capture_id: string, began: bigint, limit_ns: bigint): Assignment => {
      const left_ns = began + limit_ns - monotonic();
      return assignment({ capture_id, remaining: { arm_ns: 0n, capture_ns: left_ns, deliver_ns: left_ns + second } });
    };

    test('no change of the orders ends it early or late', async () => {
      const limit_ns = second / 2n;
      const began = monotonic();
      const runners = ids.map((id) => begin({ order: said(id, began, limit_ns) }));
      await waitFor(() => new Set(reports.map((one) => one.capture_id)).size === ids.length, { what: 'both parts' });
      for (const [index, runner] of runners.entries()) {
        set_ns += step_s * second;
        runner.update(said(ids[index] ?? '', began, limit_ns));
      }
      await Promise.all(runners.map(async (runner) => await runner.settled));
      expect(monotonic() - began).toBeGreaterThanOrEqual(limit_ns);
      for (const id of ids) {
        const end = reports.findLast((one) => one.capture_id === id);
        expect(end).toMatchObject({ phase: 'ended', stop_reason: 'time_limit' });
        expect(end?.armed_ago_ns).toBeGreaterThan(0n);
      }
    });

    test('nor does the same deadline of a control that does not know what remains', async () => {
      const order = assignment({ deadline: now() + 60n * second });
      const runner = begin({ order });
      await armed(runner);
      set_ns += step_s * second;
      runner.update({ ...order, interfaces: [...order.interfaces, 'eth9'] });
      replayFrames(pair.far, [frame, frame, frame]);
      await waitFor(() => (runner.progress(), (outbox.pending().at(-1) ?? reports.at(-1))?.packets === 3n), {
        what: 'packets after it',
      });
      await runner.stop('stopped');
      await runner.settled;
      expect(reports.at(-1)).toMatchObject({ stop_reason: 'stopped', packets: 3n });
    });
  });

  test('of an interface that is not there fails, and is told until control knows', async () => {
    committing = false;
    const runner = begin({ name: 'nowhere0' });
    await waitFor(() => reports.length > 0, { what: 'a report' });
    expect(reports[0]).toMatchObject({ phase: 'failed', fault: { name: 'interface_unknown' } });
    let settled = false;
    void runner.settled.then(() => (settled = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([settled, outbox.pending().length]).toEqual([false, 1]);
    committing = true;
    tellControl();
    await runner.settled;
    await runner.forget();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('of an interface that is taken away ends with that reason, and all that it has', async () => {
    const other = await createNamespacePair();
    try {
      const runner = begin({ order: assignment({ interfaces: [other.near.name] }), name: other.near.name });
      await armed(runner);
      replayFrames(other.far, [frame, frame]);
      await waitFor(() => (runner.progress(), tellControl(), reports.at(-1)?.packets === 2n), { what: 'two packets' });
      execFileSync('ip', ['link', 'del', other.near.name]);
      await runner.settled;
      expect(reports.at(-1)).toMatchObject({
        phase: 'ended',
        packets: 2n,
        stop_reason: 'interface_removed',
        fault: {
          name: 'interface_removed',
          message: fault('interface_removed', { interface: other.near.name }).message,
        },
      });
      expect(parsePcap(files[0] ?? Buffer.alloc(0)).packets).toHaveLength(2);
    } finally {
      await other.remove();
    }
  });

  test('whose filter no packet of the interface can match is excluded', async () => {
    const text = 'wlan type mgt';
    const runner = begin({
      order: assignment({ filter: { expression_text: text, any_tags_text: text, own_tags_text: '' } }),
    });
    await runner.settled;
    expect(reports.at(-1)).toMatchObject({ phase: 'excluded', fault: { name: 'linktype_excluded' } });
    expect(sent).toEqual([]);
  });

  test('that cannot be written down does not begin, and ends no process', async () => {
    writeFileSync(join(directory, capture_id), 'a file where its directory is to be');
    const runner = begin();
    await runner.settled;
    expect(reports.at(-1)).toMatchObject({ phase: 'failed', fault: { name: 'spool_write_failed' } });
    await runner.forget();
  });

  test('whose state cannot be written down once it is armed gives its worker back', async () => {
    const inTheWay: CaptureEngine = {
      ...engine,
      open: (of, snaplen_bytes) => {
        const ring = engine.open(of, snaplen_bytes);
        return {
          ...ring,
          arm: async (request) => {
            const part = await ring.arm(request);
            // From here on a directory is in the way of the new state.
            mkdirSync(`${partPaths(directory, capture_id, pair.near.name).state}.new`);
            return part;
          },
        };
      },
    };
    const runner = begin({ through: inTheWay });
    await runner.settled;
    expect(reports.map((report) => report.phase)).toEqual(['failed']);
    const others = ['d', 'e'].map((digit) => begin({ order: assignment({ capture_id: digit.repeat(32) }) }));
    await waitFor(
      () => new Set(reports.filter((one) => one.phase === 'armed').map((one) => one.capture_id)).size === 2,
      {
        what: 'two parts',
      },
    );
    for (const one of others) await one.forget();
  });
});

/** The engine, with what becomes of rings told in order; `onArm` runs before one is armed. */
function watched(told: string[], onArm: () => void = () => undefined): CaptureEngine {
  return {
    ...engine,
    open: (of, snaplen_bytes) => {
      told.push('open');
      const ring = engine.open(of, snaplen_bytes);
      return {
        linktype: async () => await ring.linktype(),
        arm: async (request) => {
          onArm();
          told.push('arm');
          return await ring.arm(request);
        },
        giveUp: () => {
          told.push('give up');
          ring.giveUp();
        },
      };
    },
  };
}
/** Every worker is there: as many parts as there are places can begin. */
async function bothPlacesFree(): Promise<void> {
  const others = ['d', 'e'].map((digit) => begin({ order: assignment({ capture_id: digit.repeat(32) }) }));
  const begun = (): Set<string> => new Set(reports.filter((one) => one.phase === 'armed').map((one) => one.capture_id));
  await waitFor(() => begun().has('d'.repeat(32)) && begun().has('e'.repeat(32)), { what: 'two parts' });
  for (const one of others) await one.forget();
}

describe.skipIf(skip)('the ring that a part opens ahead', () => {
  test('is armed once the state is on the disk, not before', async () => {
    const [told, phases]: [string[], string[]] = [[], []];
    const runner = begin({ through: watched(told, () => void phases.push(stateOnDisk().phase)) });
    // Heard by nobody: nothing is on the disk yet.
    replayFrames(pair.far, [frame]);
    await armed(runner);
    expect(phases).toEqual(['arming']);
    await runner.stop('stopped');
    await runner.settled;
    expect(told).toEqual(['open', 'arm', 'give up']);
    expect(reports.at(-1)).toMatchObject({ phase: 'ended', packets: 0n });
    await bothPlacesFree();
  });

  test('is given up where the state cannot be written', async () => {
    const told: string[] = [];
    writeFileSync(join(directory, capture_id), 'a file where its directory is to be');
    const runner = begin({ through: watched(told) });
    await runner.settled;
    expect(reports.at(-1)).toMatchObject({ phase: 'failed', fault: { name: 'spool_write_failed' } });
    expect(told).toEqual(['open', 'give up']);
    await bothPlacesFree();
  });

  test.each([
    ['does not compile', 'tcp port nowhere-at-all', 'failed'],
    ['no packet of the interface can match', 'wlan type mgt', 'excluded'],
  ])('is given up where the filter %s', async (_what, text, phase) => {
    const told: string[] = [];
    const filter = { expression_text: text, any_tags_text: text, own_tags_text: '' };
    const runner = begin({ order: assignment({ filter }), through: watched(told) });
    await runner.settled;
    expect(reports.at(-1)).toMatchObject({ phase });
    expect(told).toEqual(['open', 'give up']);
    await bothPlacesFree();
  });

  test('is not opened for a part that is stopped before it begins', async () => {
    const told: string[] = [];
    const runner = begin({ order: assignment({ stop: 'stopped' }), through: watched(told) });
    await runner.settled;
    expect(told).toEqual([]);
  });
});

describe.skipIf(skip)('delivery', () => {
  const left = (change: Partial<PartState> = {}): PartState => ({
    layout: 1,
    assignment: assignment(),
    interface: pair.near.name,
    phase: 'ended',
    stop_reason: 'time_limit',
    packets: 3n,
    attempt: 0,
    ...change,
  });
  const times = [5n, 3n, 4n].map((time) => 1_700_000_000_000_000_000n + time);
  const write = (): void => {
    mkdirSync(join(directory, capture_id), { recursive: true });
    const packets = times.map((time) => ({ time, original: 9, data: new Uint8Array(9) }));
    writeFileSync(spool.path(capture_id, pair.near.name), buildPcap(packets));
  };

  test.each(['upload_gone', 'bucket_checksum'] as const)(
    '%s: all of it is sent again, with a new number',
    async (name) => {
      write();
      sending = [refuse(name), refuse(name)];
      const runner = begin({ left: left() });
      await runner.settled;
      expect(sent.map((shipment) => shipment.attempt)).toEqual([0, 1, 2]);
      expect(new Set(sent.map((shipment) => shipment.journal_path)).size).toBe(3);
      expect(pauses).toEqual([200, 400]);
      expect(stateOnDisk()).toMatchObject({ phase: 'delivered', attempt: 2 });
    },
  );

  test("it is tried again until control says that the capture's time is over: what was left on the disk says nothing", async () => {
    write();
    sending = Array.from({ length: 3 }, () => refuse('upload_gone'));
    const runner = begin({ left: { ...left(), assignment: assignment({ deliver_before: 0n }) } });
    await runner.settled;
    expect(sent).toHaveLength(4);
    expect(sent.at(-1)?.deliverUntil()).toBeGreaterThan(2n ** 62n);
    expect(stateOnDisk().phase).toBe('delivered');
  });

  test('it is tried again as often as it takes, until the capture is over', async () => {
    write();
    sending = Array.from({ length: 20 }, () => refuse('upload_gone'));
    sending.push(async () => {
      runner.update(assignment({ deliver_before: now() - second }));
      raise('upload_gone', { destination: 'b', key: 'k' });
    });
    const runner = begin({ left: left() });
    await runner.settled;
    expect(sent).toHaveLength(21);
    expect(Math.max(...pauses)).toBe(30_000);
    expect(reports.at(-1)).toMatchObject({ phase: 'failed', fault: { name: 'upload_gone' } });
  });

  test('a bucket that loses the upload while the part is capturing gets all of it again', async () => {
    sending = [refuse('upload_gone')];
    const runner = begin();
    await armed(runner);
    await waitFor(() => sent.length === 2, { what: 'a second upload' });
    expect(sent[1]).toMatchObject({ attempt: 1, growing: { part: { linktype: 1 } } });
    replayFrames(pair.far, [frame]);
    await runner.stop('stopped');
    await runner.settled;
    expect(parsePcap(files[0] ?? Buffer.alloc(0)).packets).toHaveLength(1);
  });

  test('what can only fail waits for the end of the capture', async () => {
    sending = [refuse('journal_invalid')];
    const runner = begin();
    await armed(runner);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(reports.every((report) => report.phase === 'armed')).toBe(true);
    await runner.stop('stopped');
    await runner.settled;
    expect(reports.at(-1)).toMatchObject({ phase: 'failed', fault: { name: 'journal_invalid' } });
  });

  test('a part that is out of order is put in order and sent as another', async () => {
    write();
    const runner = begin({ left: left({ unordered: true }) });
    await runner.settled;
    expect(sent.map(({ attempt, path }) => [attempt, path.endsWith('.sorted')])).toEqual([[1, true]]);
    expect(parsePcap(files[0] ?? Buffer.alloc(0)).packets.map(({ time }) => time)).toEqual(
      [3n, 4n, 5n].map((time) => 1_700_000_000_000_000_000n + time),
    );
    expect(existsSync(sent[0]?.path ?? '')).toBe(false);
  });

  test('one that was put in order already is not again', async () => {
    write();
    writeFileSync(partPaths(directory, capture_id, pair.near.name).copy('sorted'), buildPcap([]));
    const runner = begin({ left: left({ unordered: true, sorted: true, attempt: 1 }) });
    await runner.settled;
    expect(parsePcap(files[0] ?? Buffer.alloc(1)).packets).toEqual([]);
  });

  test('a file that cannot be put in order for want of room waits for it', async () => {
    write();
    const sorted = partPaths(directory, capture_id, pair.near.name).copy('sorted');
    mkdirSync(`${sorted}.run-0`);
    const runner = begin({ left: left({ unordered: true }) });
    await waitFor(() => warned.some((one) => one.name === 'spool_write_failed'), { what: 'trouble' });
    rmSync(`${sorted}.run-0`, { recursive: true, force: true });
    await runner.settled;
    expect(files).toHaveLength(1);
  });

  test('trouble is told beside why the part ended early, and taken back', async () => {
    write();
    const crashed = fault('sensor_crashed', { packets: 3 });
    const trouble = fault('bucket_unreachable', { destination: 'b', reason: 'down' });
    const told: (string | undefined)[] = [];
    sending = [
      async (shipment) => {
        shipment.trouble(trouble);
        shipment.trouble(trouble);
        tellControl();
        told.push(reports.at(-1)?.fault?.message);
        await shipment.told();
        told.push(reports.at(-1)?.fault?.message);
      },
    ];
    const runner = begin({ left: left({ stop_reason: 'crashed', fault: crashed }) });
    await runner.settled;
    expect(told).toEqual([`${crashed.message} ${trouble.message}`, crashed.message]);
    expect(warned.filter((one) => one.name === 'bucket_unreachable')).toHaveLength(1);
  });

  test('what was delivered by an earlier process is not sent again', async () => {
    write();
    const runner = begin({ left: left({ phase: 'delivered' }) });
    await runner.settled;
    expect([sent, reports]).toEqual([[], []]);
    await runner.forget();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a part that is forgotten on its way is given up', async () => {
    write();
    sending = [hang];
    const runner = begin({ left: left() });
    await waitFor(() => sent.length === 1, { what: 'a shipment' });
    await runner.forget();
    await runner.settled;
    expect(sent[0]?.signal.aborted).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
    expect(warned).toEqual([]);
  });
});
