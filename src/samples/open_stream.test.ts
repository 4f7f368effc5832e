import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Fault } from '../model/errors/fault.ts';
import { bootId } from './boot_id.ts';
import { type SampleClock, systemClock } from './clock.ts';
import { type OpenedStream, openStream } from './open_stream.ts';
import { segmentFiles } from './segment_name.ts';
import { crowd_begin, crowdedPacket, packetsOf, recordsOf, runs, type TestPacket } from './test_packets.ts';
import { TestWriter } from './test_writer.ts';

const name = { interface: 'eth0', linktype: 1 };
const packets = fc.sample(fc.array(crowdedPacket, { minLength: 9, maxLength: 9 }), { numRuns: 1, seed: 7 })[0] ?? [];
const [least, greatest] = [extreme(packets, -1), extreme(packets, 1)];
const end = crowd_begin + 1000n;

let root = '';
let directory = '';
const faults: Fault[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-recover-'));
  directory = join(root, 'eth0@1');
  faults.length = 0;
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function extreme(list: readonly TestPacket[], sign: 1 | -1): bigint {
  return list.reduce((best, { time }) => ((time - best) * BigInt(sign) > 0n ? time : best), list[0]?.time ?? 0n);
}

function open(clock: SampleClock = systemClock, boot = bootId()): Promise<OpenedStream> {
  return openStream({ stream: name, directory, clock, boot, report: (fault) => faults.push(fault) });
}

function path(kind: keyof ReturnType<typeof segmentFiles>, number = 1): string {
  return join(directory, segmentFiles(number)[kind]);
}

function content(number = 1, length?: number): TestPacket[] {
  return packetsOf(new Uint8Array(readFileSync(path('sealed', number)).subarray(24, length)));
}

/** Segment 1 sealed, or left open as by a process that died. */
async function written(how: 'sealed' | 'open', list: readonly TestPacket[] = packets, rate = 4): Promise<void> {
  const writer = new TestWriter(root, name, rate);
  await writer.begin(crowd_begin - 100n);
  writer.write(list, end);
  if (how === 'sealed') {
    await writer.seal('age', end);
    writer.index(1);
  }
  if (how === 'open') await writer.abandon();
}

function flip(file: string, byte: number): void {
  const bytes = readFileSync(file);
  bytes[byte] = (bytes[byte] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}

const whole = {
  number: 1,
  records: 9,
  length: 24 + recordsOf(packets).length,
  least,
  greatest,
};

describe('a segment that was sealed', () => {
  test('is taken as it is, and its packets are not read', async () => {
    await written('sealed');
    // Damage in the packets stays unseen at start: it is found by whoever reads them.
    flip(path('sealed'), 24 + 8 + 3);
    const { sealed, next_number, foreign } = await open();
    const rates = [{ from: crowd_begin - 100n, to: end, rate: 4 }];
    const cover = { from: crowd_begin - 100n, to: end, rates, losses: [], reason: 'age' };
    expect(sealed).toMatchObject([{ ...whole, cover }]);
    expect(sealed[0]?.disk_bytes).toBe(whole.length + readFileSync(path('header')).length);
    expect({ next_number, foreign, faults }).toEqual({ next_number: 2, foreign: [], faults: [] });
  });

  test('and is shorter than its seal says, gives its whole records', async () => {
    await written('sealed');
    const kept = recordsOf(packets.slice(0, 6)).length + 24;
    truncateSync(path('sealed'), kept + 15);
    const { sealed } = await open();
    const left = packets.slice(0, 6);
    const times = { least: extreme(left, -1), greatest: extreme(left, 1) };
    // No mark says that all up to some later moment is among the first six.
    const cover = { to: end, damaged_from: crowd_begin - 100n, reason: 'age' };
    expect(sealed).toMatchObject([{ number: 1, length: kept, records: 6, ...times, cover }]);
    expect(faults.map((one) => one.name)).toEqual(['segment_length']);
    expect(faults[0]?.message).toContain(
      `${kept + 15} bytes and should have ${whole.length}: the first ${kept} are used`,
    );
  });

  test('and has more than its seal says, gives what was sealed', async () => {
    await written('sealed');
    writeFileSync(path('sealed'), Buffer.concat([readFileSync(path('sealed')), recordsOf(packets)]));
    const { sealed } = await open();
    expect(sealed).toMatchObject([whole]);
    expect(faults.map((one) => one.name)).toEqual(['segment_length']);
  });

  test.each([
    ['is missing', () => unlinkSync(path('header'))],
    ['is empty', () => truncateSync(path('header'), 0)],
    ['is cut in the fixed part', () => truncateSync(path('header'), 95)],
    ['has a flipped bit in the fixed part', () => flip(path('header'), 20)],
    ['has a flipped bit in its start mark', () => flip(path('header'), 96 + 20)],
    ['is that of another segment', () => copyFileSync(join(root, 'other.seg'), path('header'))],
  ])('and whose header %s, keeps its packets, and the rate is not known; said once', async (_, damage) => {
    const other = new TestWriter(root, { interface: 'eth1', linktype: 1 });
    await other.begin(0n);
    await other.seal('age', 1n);
    copyFileSync(join(root, 'eth1@1', '0000000001.seg'), join(root, 'other.seg'));
    await written('sealed');
    damage();
    const { sealed } = await open();
    const cover = { from: least - 1n, to: greatest, damaged_from: least - 1n, rates: [], reason: 'rebuilt' };
    expect(sealed).toMatchObject([{ ...whole, cover }]);
    expect(faults.map((one) => one.name)).toEqual(['segment_header_invalid']);
    expect(content()).toEqual(packets);
    faults.length = 0;
    expect((await open()).sealed).toMatchObject([{ ...whole, cover }]);
    expect(faults).toEqual([]);
  });

  test('and whose seal mark is damaged, keeps what is known before it', async () => {
    await written('sealed');
    const { length } = readFileSync(path('header'));
    flip(path('header'), length - 50);
    const { sealed } = await open();
    // No progress mark came between start and seal: from the start on the rate may have changed.
    const cover = { from: crowd_begin - 100n, to: greatest, rates: [], reason: 'rebuilt' };
    expect(sealed).toMatchObject([{ ...whole, cover }]);
    expect(faults.map((one) => one.name)).toEqual(['segment_header_invalid']);
  });

  test('by a newer edgetap is left alone, and its number is not used again', async () => {
    await written('sealed');
    const bytes = readFileSync(path('header'));
    bytes.writeUInt16LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 92)), 92);
    writeFileSync(path('header'), bytes);
    const { sealed, next_number, foreign } = await open();
    expect({ sealed, next_number, foreign }).toEqual({ sealed: [], next_number: 2, foreign: ['0000000001.pcap'] });
    expect(faults.map((one) => one.name)).toEqual(['segment_newer']);
    expect(readFileSync(path('header'))).toEqual(bytes);
  });
});

describe('a segment that cannot be read', () => {
  test.each([
    ['packet file', 'sealed'],
    ['header file', 'header'],
  ] as const)('since its %s is none, is told and left alone, and the others are there', async (_, kind) => {
    await written('sealed');
    const bytes = readFileSync(path(kind));
    for (const number of [2, 3])
      for (const one of ['sealed', 'header'] as const) copyFileSync(path(one), path(one, number));
    rmSync(path(kind, 2));
    mkdirSync(path(kind, 2));
    const { sealed, next_number } = await open();
    expect(sealed.map(({ number }) => number)).toContain(1);
    expect(sealed.map(({ number }) => number)).not.toContain(2);
    expect(next_number).toBe(4);
    const told = faults.filter((one) => one.name === 'segment_unreadable').map(({ message }) => message);
    expect(told).toEqual([expect.stringMatching(/eth0@1\/0000000002\.pcap cannot be read.*EISDIR/)]);
    rmSync(path(kind, 2), { recursive: true });
    writeFileSync(path(kind, 2), bytes);
    expect((await open()).sealed.map(({ number }) => number)).toContain(2);
  });
});

describe('a segment that a crash left open', () => {
  test('is cut after its last whole record wherever it tore, and sealed', async () => {
    const all = recordsOf(packets);
    await fc.assert(
      fc.asyncProperty(fc.nat(all.length), fc.constantFrom('cut', 'zeros', 'noise'), async (kept, tail) => {
        rmSync(directory, { recursive: true, force: true });
        faults.length = 0;
        await written('open');
        const torn = Buffer.alloc(tail === 'cut' ? 0 : 100, tail === 'zeros' ? 0 : 0xa5);
        const before = readFileSync(path('open')).subarray(0, 24 + kept);
        writeFileSync(path('open'), Buffer.concat([before, torn]));
        const survivors = packets.filter((_, index) => recordsOf(packets.slice(0, index + 1)).length <= kept);
        // Zeros or noise behind half a record are taken for its rest where they are enough.
        const exact = tail === 'cut' || kept === recordsOf(survivors).length;
        const { sealed } = await open();
        const [segment] = sealed;
        if (segment === undefined) throw new Error('no segment');
        if (exact) expect(content()).toEqual(survivors);
        expect(content().slice(0, survivors.length)).toEqual(survivors);
        const length = 24 + recordsOf(content()).length;
        expect(segment).toMatchObject({ number: 1, length, records: content().length });
        const cover = { from: crowd_begin - 100n, reason: 'crash' };
        expect(segment.cover).toMatchObject(cover);
        const cut_bytes = before.length + torn.length - length;
        expect(faults.map((one) => one.message)).toEqual(
          cut_bytes > 0 ? [expect.stringContaining(`${cut_bytes} bytes were cut off after ${length}`)] : [],
        );
        expect(readdirSync(directory).sort()).toEqual(['0000000001.pcap', '0000000001.seg']);
        faults.length = 0;
        expect((await open()).sealed).toEqual(sealed);
        expect(faults).toEqual([]);
      }),
      runs(60),
    );
  });

  test('keeps its rate, and covers up to its last packet or last mark', async () => {
    await written('open');
    const { sealed } = await open();
    const cover = { from: crowd_begin - 100n, to: greatest, losses: [], reason: 'crash' };
    expect(sealed).toMatchObject([
      { ...whole, cover: { ...cover, rates: [{ from: cover.from, to: greatest, rate: 4 }] } },
    ]);
  });

  test('does not trust the rate behind its last mark where the machine went down', async () => {
    await written('open');
    const { sealed } = await open(systemClock, new Uint8Array(16).fill(9));
    expect(sealed).toMatchObject([{ ...whole, cover: { to: greatest, rates: [], reason: 'crash' } }]);
    // And so it stays.
    expect((await open()).sealed).toMatchObject([{ cover: { to: greatest, rates: [], reason: 'crash' } }]);
    expect(faults).toEqual([]);
  });

  test('without packets but with a start says that there was nothing', async () => {
    await written('open', []);
    const { sealed } = await open();
    expect(sealed).toMatchObject([{ number: 1, length: 24, records: 0, cover: { reason: 'crash' } }]);
    expect(sealed[0]).not.toHaveProperty('least');
  });

  test('made ahead of time, or never whole, is removed', async () => {
    await written('sealed');
    for (const number of [2, 3]) copyFileSync(path('header'), path('header', number));
    truncateSync(path('header', 2), 96);
    writeFileSync(path('open', 2), readFileSync(path('sealed')).subarray(0, 24));
    writeFileSync(path('open', 3), readFileSync(path('sealed')).subarray(0, 23));
    const { sealed, next_number } = await open();
    expect(sealed.map(({ number }) => number)).toEqual([1]);
    expect(next_number).toBe(4);
    expect(readdirSync(directory).sort()).toEqual(['0000000001.idx', '0000000001.pcap', '0000000001.seg']);
  });

  test('and whose header is damaged, keeps its packets', async () => {
    await written('open');
    flip(path('header'), 0);
    const { sealed } = await open();
    expect(sealed).toMatchObject([{ ...whole, cover: { rates: [], reason: 'rebuilt' } }]);
    expect(content()).toEqual(packets);
    expect(faults.map((one) => one.name)).toEqual(['segment_header_invalid']);
  });
});

describe('what is not the store’s', () => {
  test('is left alone where it has the name of what would be removed', async () => {
    await written('sealed');
    const names = ['0000000007.idx', '.new-0000000008.seg'];
    for (const one of names) mkdirSync(join(directory, one));
    const { sealed, foreign } = await open();
    expect(sealed).toMatchObject([whole]);
    expect([...foreign].sort()).toEqual([...names].sort());
  });

  test('is left alone and named', async () => {
    await written('sealed');
    const notes = ['notes.txt', '0000000009.pcapng', '.hidden'];
    for (const file of notes) writeFileSync(join(directory, file), 'mine');
    writeFileSync(path('sealed', 5), 'not a capture file at all, but named like one');
    writeFileSync(path('open', 6), Buffer.alloc(30, 1));
    const { sealed, next_number, foreign } = await open();
    expect(sealed.map(({ number }) => number)).toEqual([1]);
    expect([...foreign].sort()).toEqual([...notes, '0000000005.pcap', '.open-0000000006.pcap'].sort());
    expect(next_number).toBe(7);
    for (const file of notes) expect(readFileSync(join(directory, file), 'utf8')).toBe('mine');
    expect(existsSync(path('sealed', 5)) && existsSync(path('open', 6))).toBe(true);
  });

  test('a packet file of another link type is not taken for ours', async () => {
    await written('sealed');
    renameSync(directory, join(root, 'other'));
    const raw = new TestWriter(root, { interface: 'eth0', linktype: 101 });
    await raw.begin(0n);
    await raw.seal('age', 1n);
    renameSync(join(root, 'eth0@101'), directory);
    expect(await open()).toMatchObject({ sealed: [], foreign: ['0000000001.pcap'] });
  });

  test('headers and indexes without packets are removed, and half-written headers', async () => {
    await written('sealed');
    for (const file of [path('header', 2), path('index', 2), path('index', 3), path('new_header')])
      writeFileSync(file, 'x');
    writeFileSync(path('index'), 'an index of the next version');
    await open();
    expect(readdirSync(directory).sort()).toEqual(['0000000001.idx', '0000000001.pcap', '0000000001.seg']);
    expect(faults).toEqual([]);
  });
});

describe('the age of a segment', () => {
  const hour = 3_600_000_000_000n;
  const later = (monotonic: bigint, now: bigint): SampleClock => ({
    ...systemClock,
    monotonic: () => monotonic,
    now: () => now,
  });

  test('is monotonic within a boot, whatever the clock says', async () => {
    await written('sealed');
    const sealed_at = systemClock.monotonic();
    const [segment] = (await open(later(sealed_at + hour, end + 1000n * hour))).sealed;
    const age = sealed_at + hour - (segment?.sealed_monotonic ?? 0n);
    expect(age).toBeGreaterThanOrEqual(hour);
    expect(age).toBeLessThan(hour + 60_000_000_000n);
  });

  test.each([
    ['is that of the wall clock after another boot', 5n * hour, 5n * hour],
    ['is not below zero after a boot with a clock that is behind', -5n * hour, 0n],
  ])('%s', async (_, passed, age) => {
    await written('sealed');
    const [segment] = (await open(later(7n, end + passed), new Uint8Array(16).fill(9))).sealed;
    expect(segment?.sealed_monotonic).toBe(7n - age);
  });
});
