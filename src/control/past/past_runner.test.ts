import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildPcap, parsePcap, type SamplePacket } from '../../../test/support/packet_samples.ts';
import type { ControlBus } from '../../bus/bus.ts';
import { captureById } from '../../db/captures.ts';
import { partsOf } from '../../db/parts.ts';
import type { FullSpec } from '../../model/capture.ts';
import { faultNamed, raise } from '../../model/errors/fault.ts';
import type { PartPast } from '../../model/past.ts';
import type { CaptureRecord } from '../../model/record.ts';
import { machineTimes } from '../../plan/machine_times.ts';
import type { InterfaceCoverage, LookbackReply, LookbackRequest } from '../../wire/control_messages.ts';
import type { CaptureJobs } from '../captures/capture_jobs.ts';
import { startDesk, type TestDesk } from '../test_desk.ts';
import { createPastRunner } from './past_runner.ts';

const second = 1_000_000_000n;
const busy = faultNamed({ name: 'lookback_failed', code: 1606, message: 'The samples cannot be read.' });

/** What a sensor answers to each question, in turn; the last one again and again. */
type Script = (request: LookbackRequest) => readonly LookbackReply[];

let desk: TestDesk;
let asked: { sensor: string; request: LookbackRequest }[];
let scripts: Script[];
let pasts: CaptureJobs;

/** The bus, with a sensor at its other end that does what it is told to. */
const bus: ControlBus = {
  serve: () => undefined,
  nudge: () => undefined,
  async *lookback(sensor, request) {
    asked.push({ sensor, request });
    const script = scripts.length > 1 ? scripts.shift() : scripts[0];
    if (script === undefined) return raise('bus_closed', { peer: sensor });
    yield* script(request);
  },
  estimate: () => raise('bus_closed', { peer: 'nobody is asked' }),
  close: async () => undefined,
};

function startPasts(): CaptureJobs {
  return createPastRunner({ ...desk.jobs, bus, times: machineTimes });
}

beforeEach(async () => {
  [asked, scripts] = [[], []];
  desk = await startDesk();
  pasts = startPasts();
});
afterEach(async () => {
  await pasts.close();
  await desk.close();
});

const packet = (time: bigint, number: number): SamplePacket => ({
  time,
  original: 400,
  data: new Uint8Array(160).fill(number),
});

function coverageOf(request: LookbackRequest, change: Partial<InterfaceCoverage> = {}): InterfaceCoverage {
  const { interface: name = '', from, to } = request;
  const rates = [{ from, to, rate: 4 }];
  return { interface: name, linktype: 1, watermark: to + 1n, gaps: [], dropped: 0n, rates, ...change };
}

/** Answers with these packets, of the interface that is asked for. */
const answers =
  (packets: (request: LookbackRequest) => readonly SamplePacket[], change: Partial<InterfaceCoverage> = {}): Script =>
  (request) => [
    {
      kind: 'records',
      interface: request.interface ?? '',
      linktype: change.linktype ?? 1,
      records: new Uint8Array(buildPcap(packets(request)).subarray(24)),
    },
    // An older sensor says all that it has.
    { kind: 'records', interface: 'other', linktype: 1, records: new Uint8Array(3) },
    {
      kind: 'end',
      coverage: [coverageOf(request, change), coverageOf({ ...request, interface: 'other' })],
      clock_offset: 5n * second,
    },
  ];

/** Two packets, at both ends of the window. */
const bothEnds = ({ from, to }: LookbackRequest): readonly SamplePacket[] => [packet(from + 1n, 1), packet(to, 2)];

async function storeArmed(
  parts = 1,
  spec: Partial<FullSpec> = {},
): Promise<{ readonly record: CaptureRecord; readonly armed_at: bigint }> {
  const record = await desk.store(parts, { delivery: 'staged' }, { lookback_s: 600, ...spec });
  const armed_at = desk.now();
  for (let ordinal = 0; ordinal < parts; ordinal += 1) await tell(record, ordinal, 1, { phase: 'armed', armed_at });
  return { record, armed_at };
}

async function tell(
  { id }: CaptureRecord,
  ordinal: number,
  sequence: number,
  news: {
    readonly phase: 'armed' | 'ended';
    readonly armed_at: bigint;
    readonly armed_ago_ns?: bigint;
    readonly packets?: bigint;
  },
): Promise<void> {
  const report = { capture_id: id, interface: `eth${ordinal & 1}`, sequence, clock_offset: 5n * second, ...news };
  await desk.say({ kind: 'report', reports: [report] }, `s${ordinal >> 1}`);
}

async function pastOf({ id }: CaptureRecord, ordinal = 0): Promise<PartPast | undefined> {
  return (await partsOf(desk.db, id))[ordinal]?.past;
}

async function untilPast(record: CaptureRecord, ordinal = 0): Promise<PartPast> {
  await expect.poll(async () => await pastOf(record, ordinal)).toBeDefined();
  return (await pastOf(record, ordinal)) ?? { streams: [] };
}

const staged = (): string[] => readdirSync(join(desk.folder, 'staging'));

/** The sensor sends its one part, and the capture is converted. */
async function deliver(record: CaptureRecord, armed_at: bigint, present: readonly SamplePacket[]): Promise<Buffer> {
  const bytes = buildPcap(present);
  const md5 = createHash('md5').update(bytes);
  const piece = { number: 1, length_bytes: bytes.length, md5_base64: md5.copy().digest('base64') };
  const of = { capture_id: record.id, interface: 'eth0', attempt: 0 };
  const signed = await desk.say({ kind: 'sign', ...of, piece });
  if (signed.kind !== 'signed') throw new Error(JSON.stringify(signed));
  const { etag } = await desk.put(signed, bytes);
  await tell(record, 0, 2, { phase: 'ended', armed_at, packets: BigInt(present.length) });
  const pieces = [{ number: 1, length_bytes: bytes.length, md5: md5.digest('hex'), etag }];
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  await desk.say({ kind: 'uploaded', ...of, pieces, size_bytes: BigInt(bytes.length), sha256 });
  desk.conversions.begin(record.id);
  const ended = async (): Promise<unknown> => (await captureById(desk.db, record.id))?.ended_at;
  await expect.poll(ended).toBeDefined();
  return readFileSync(join(desk.folder, 'bucket', `pcap_${record.id}.${record.spec.format}`));
}

describe('a past', () => {
  test('is asked for in the window before the arming, once, and merged before the present', async () => {
    const { record, armed_at } = await storeArmed(1, { packet_limit: 1, filter_expression: 'udp' });
    expect(desk.followed).toContain('past');
    scripts = [answers(bothEnds)];
    pasts.begin(record.id);
    const past = await untilPast(record);
    expect(past.streams).toMatchObject([{ linktype: 1, packets: 2n, bytes: 320n, dropped: 0n, sample_rate: 4 }]);
    expect(past.streams[0]?.truncated).toBe(false);
    expect(past).not.toHaveProperty('coverage');
    expect(asked.map(({ sensor, request: { filter, ...rest } }) => [sensor, filter.any_tags_text, rest])).toEqual([
      [
        's0',
        '(udp)',
        {
          kind: 'lookback',
          account: record.account_id,
          version: 1,
          from: armed_at - 600n * second - 1n,
          to: armed_at - 1n,
          packet_limit: 10_000,
          interface: 'eth0',
        },
      ],
    ]);
    const [key = ''] = staged();
    expect(key).toBe(past.streams[0]?.key);
    const present = [packet(armed_at, 3), packet(armed_at + 5n, 4)];
    const file = parsePcap(await deliver(record, armed_at, present));
    expect(file.packets.map(({ data }) => data[0])).toEqual([1, 2, 3]);
    const done = await captureById(desk.db, record.id);
    expect(done).toMatchObject({ status: 'success', packets_captured: 1n, packets_past: 2n });
    await desk.delivery.discard(record.id);
    expect(staged()).toEqual([]);
  });

  test('of a part that began later than the first reaches as far back as that of the first', async () => {
    const record = await desk.store(2, { delivery: 'staged' }, { lookback_s: 600 });
    const armed_at = desk.now();
    await tell(record, 0, 1, { phase: 'armed', armed_at: armed_at - 3n * second, armed_ago_ns: 3n * second });
    await tell(record, 1, 1, { phase: 'armed', armed_at, armed_ago_ns: 0n });
    scripts = [answers(bothEnds)];
    pasts.begin(record.id);
    await untilPast(record, 1);
    expect(asked.map(({ request: { interface: name, from, to } }) => [name, from, to])).toEqual([
      ['eth0', armed_at - 603n * second - 1n, armed_at - 3n * second - 1n],
      ['eth1', armed_at - 603n * second - 1n, armed_at - 1n],
    ]);
  });

  test('a control that dies after the arming loses nothing: the next one fetches it', async () => {
    const { record, armed_at } = await storeArmed();
    // The sensor does not answer the first.
    pasts.begin(record.id);
    await expect.poll(() => asked.length).toBeGreaterThan(2);
    await pasts.close();
    expect(await pastOf(record)).toBeUndefined();
    desk = await startDesk(desk, 'another');
    pasts = startPasts();
    await desk.keeper.tick();
    expect(desk.followed).toContain('past');
    scripts = [answers(bothEnds)];
    pasts.begin(record.id);
    await untilPast(record);
    const file = parsePcap(await deliver(record, armed_at, [packet(armed_at, 3)]));
    expect(file.packets.map(({ data }) => data[0])).toEqual([1, 2, 3]);
  });

  test('is what the sensors are told to leave out, and only with a look-back', async () => {
    const told = async (): Promise<unknown[]> => {
      const work = await desk.say({ kind: 'desired' });
      return work.kind === 'work' ? work.assignments.map(({ lookback }) => lookback) : [];
    };
    await desk.store(1, {}, { lookback_s: 1 });
    await desk.store(1);
    expect(await told()).toEqual([true, undefined]);
  });

  test('fetched twice, as by a control that died before it could commit, is the same object', async () => {
    const { record } = await storeArmed(1);
    scripts = [answers(bothEnds)];
    let refused = 0;
    const refusing = {
      ...desk.keeper,
      take: async (...args: Parameters<TestDesk['keeper']['take']>) => {
        if (refused++ === 0) return raise('database_failed', { reason: 'it is gone' });
        return await desk.keeper.take(...args);
      },
    };
    pasts = createPastRunner({ ...desk.jobs, keeper: () => refusing, bus, times: machineTimes });
    pasts.begin(record.id);
    await untilPast(record);
    expect(asked).toHaveLength(2);
    expect(staged()).toHaveLength(1);
  });

  test('every interface has its own, and its own end', async () => {
    const record = await desk.store(4, {}, { lookback_s: 1 });
    const ends = new Map<string, bigint>();
    for (let ordinal = 0; ordinal < 4; ordinal += 1) {
      desk.pass(0.001 * ordinal);
      const armed_at = desk.now();
      ends.set(`s${ordinal >> 1} eth${ordinal & 1}`, armed_at - 1n);
      await tell(record, ordinal, 1, { phase: 'armed', armed_at });
    }
    scripts = [answers(({ to, interface: name = '' }) => [packet(to, Number(name.at(-1)))])];
    pasts.begin(record.id);
    for (let ordinal = 0; ordinal < 4; ordinal += 1) await untilPast(record, ordinal);
    const found = asked.map(({ sensor, request }) => [`${sensor} ${request.interface}`, request.to] as const);
    expect(new Map(found)).toEqual(ends);
    expect(new Set(staged()).size).toBe(4);
  });

  test('without a match there is nothing to stage, and the interface is there all the same', async () => {
    const { record, armed_at } = await storeArmed(1, { format: 'pcapng' });
    scripts = [(request) => [{ kind: 'end', coverage: [coverageOf(request)] }]];
    pasts.begin(record.id);
    expect((await untilPast(record)).streams).toMatchObject([{ linktype: 1, packets: 0n, bytes: 0n }]);
    expect(staged()).toEqual([]);
    const file = await deliver(record, armed_at, [packet(armed_at, 3)]);
    expect(file.toString('latin1')).toContain('samples, 1 in 4 kept, first 160 bytes');
    expect(file.toString('latin1')).toContain('full capture');
  });

  test('10,000 packets say that there may be older ones', async () => {
    const { record } = await storeArmed();
    scripts = [
      answers(({ to }) => Array.from({ length: 10_000 }, (_, index) => packet(to - 9999n + BigInt(index), 1))),
    ];
    pasts.begin(record.id);
    expect((await untilPast(record)).streams).toMatchObject([{ packets: 10_000n, truncated: true }]);
  });
});

describe('samples that do not reach up to the arming yet', () => {
  const behind = (request: LookbackRequest): Partial<InterfaceCoverage> => ({
    watermark: request.to - 5n,
    gaps: [{ from: request.to - 5n, to: request.to, reason: 'not_visible_yet' }],
  });

  test('are asked for again until they do', async () => {
    const { record } = await storeArmed();
    const late: Script = (request) => answers(() => [], behind(request))(request);
    scripts = [late, late, late, answers(bothEnds)];
    pasts.begin(record.id);
    const past = await untilPast(record);
    expect(asked).toHaveLength(4);
    expect(past).not.toHaveProperty('coverage');
    expect(past.streams[0]?.packets).toBe(2n);
  });

  test('are taken as they are in the end, and it is said what is missing', async () => {
    const { record } = await storeArmed();
    scripts = [(request) => answers(bothEnds, behind(request))(request)];
    pasts.begin(record.id);
    const past = await untilPast(record);
    // Each time the sensor itself has waited 2 s.
    expect(asked).toHaveLength(5);
    expect(past.coverage).toMatch(/^no samples from .*: not visible yet when asked$/);
    expect(past.streams[0]?.packets).toBe(2n);
  });

  test('make the capture partial, which says what is missing between past and future', async () => {
    const { record, armed_at } = await storeArmed();
    scripts = [(request) => answers(bothEnds, behind(request))(request)];
    pasts.begin(record.id);
    expect(await untilPast(record)).toMatchObject({
      covered: 'part',
      missing: expect.stringMatching(/^no samples/u) as string,
    });
    await deliver(record, armed_at, [packet(armed_at, 3)]);
    const done = await captureById(desk.db, record.id);
    expect(done?.status).toBe('complete');
    expect(done?.error_message).toMatch(
      /^s0\/eth0, before it began: no samples from .* to .*: not visible yet when asked/u,
    );
  });

  test('or were lost, likewise: a bound is told as one', async () => {
    const { record, armed_at } = await storeArmed();
    scripts = [answers(bothEnds, { dropped: 421n, dropped_is_upper_bound: true })];
    pasts.begin(record.id);
    const { streams } = await untilPast(record);
    expect(streams).toMatchObject([{ dropped: 421n, dropped_is_upper_bound: true }]);
    await deliver(record, armed_at, [packet(armed_at, 3)]);
    expect(await captureById(desk.db, record.id)).toMatchObject({
      status: 'complete',
      error_message: 's0/eth0, before it began: at most 421 samples were lost, matching or not',
    });
  });

  test('because its interface is away are taken sooner', async () => {
    const { record } = await storeArmed();
    scripts = [
      (request) => {
        const { watermark: _, ...coverage } = coverageOf(request);
        const gaps = [{ from: request.to - 5n, to: request.to, reason: 'interface_away' }];
        return [{ kind: 'end', coverage: [{ ...coverage, gaps }] }];
      },
    ];
    pasts.begin(record.id);
    expect((await untilPast(record)).coverage).toContain('interface away');
    expect(asked).toHaveLength(10);
  });
});

describe('samples that cannot be had', () => {
  test('are asked for again as long as the capture runs; half a minute after it, it is delivered without them', async () => {
    const { record, armed_at } = await storeArmed();
    scripts = [() => [{ kind: 'refused', fault: busy }]];
    pasts.begin(record.id);
    await expect.poll(() => asked.length).toBeGreaterThan(3);
    expect(await pastOf(record)).toBeUndefined();
    const delivering = deliver(record, armed_at, [packet(armed_at, 3)]);
    await expect.poll(async () => (await captureById(desk.db, record.id))?.status).toBe('conversion_pending');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await pastOf(record)).toBeUndefined();
    desk.pass(31);
    expect((await untilPast(record)).error).toBe('The samples cannot be read.');
    desk.conversions.begin(record.id);
    expect(parsePcap(await delivering).packets).toHaveLength(1);
    expect(await captureById(desk.db, record.id)).toMatchObject({
      status: 'complete',
      packets_captured: 1n,
      packets_past: 0n,
      error_message: 's0/eth0, before it began: The samples cannot be read.',
    });
    // Told once, however often it was tried.
    expect(desk.warned.filter(({ message }) => message === busy.message)).toHaveLength(1);
  });

  test('for a sensor that says what is no packet: asked again, too', async () => {
    const { record } = await storeArmed();
    const torn: Script = (request) => [
      { kind: 'records', interface: 'eth0', linktype: 1, records: new Uint8Array(20).fill(0xff) },
      { kind: 'end', coverage: [coverageOf(request)] },
    ];
    scripts = [torn, answers(bothEnds)];
    pasts.begin(record.id);
    expect((await untilPast(record)).streams[0]?.packets).toBe(2n);
    expect(asked).toHaveLength(2);
  });

  test('in one classic pcap file are left out, and that is said; pcapng takes them', async () => {
    // USB has no place in an Ethernet file.
    const usb = answers(bothEnds, { linktype: 220 });
    const classic = await storeArmed();
    await tell(classic.record, 0, 2, { phase: 'armed', armed_at: classic.armed_at });
    scripts = [usb];
    const linked = {
      capture_id: classic.record.id,
      interface: 'eth0',
      sequence: 3,
      phase: 'armed' as const,
      linktype: 1,
    };
    await desk.say({ kind: 'report', reports: [linked] });
    pasts.begin(classic.record.id);
    expect(await untilPast(classic.record)).toMatchObject({
      streams: [],
      coverage: 'samples of link type 220 cannot be in one classic pcap file',
    });
    const { record } = await storeArmed(1, { format: 'pcapng' });
    pasts.begin(record.id);
    expect((await untilPast(record)).streams).toMatchObject([{ linktype: 220, packets: 2n }]);
  });

  test('of a capture that is over are wanted no more', async () => {
    const { record } = await storeArmed();
    await desk.keeper.take([{ capture_id: record.id, events: [{ kind: 'report', at: desk.now(), news: dead }] }]);
    expect((await captureById(desk.db, record.id))?.status).toBe('failed');
    scripts = [answers(bothEnds)];
    pasts.begin(record.id);
    await pasts.close();
    expect(asked).toEqual([]);
  });
});

const dead = { sensor: 's0', interface: 'eth0', epoch: 'e1', sequence: 9, phase: 'failed', error: 'died' } as const;

test('a clock that was set in between is told', async () => {
  const { record } = await storeArmed();
  scripts = [(request) => [{ kind: 'end', coverage: [coverageOf(request)], clock_offset: 4n * second }]];
  pasts.begin(record.id);
  expect((await untilPast(record)).coverage).toMatch(/^the clock was set back by 1.000 s after the capture began/);
});
