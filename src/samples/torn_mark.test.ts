import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withoutRoot } from '../../test/support/without_root.ts';
import { bootId } from './boot_id.ts';
import { systemClock } from './clock.ts';
import { OpenSegments } from './open_segments.ts';
import { SamplerState } from './sampler_state.ts';
import { readSegmentMarks, type SegmentMark } from './segment_mark.ts';
import { SegmentWriter } from './segment_writer.ts';
import type { Stream } from './stream.ts';

const second = 1_000_000_000n;
const nothing = { packets: 0n, accepted: 0n, dropped: 0n, lost: 0n };
/** So many marks fit wholly into the first 4 KiB of a header file; the next begins there and ends behind. */
const marks_of_first_page = Math.floor(4096 / 96) - 1;

function progress(writer: SegmentWriter, number: number): void {
  writer.progress(BigInt(number) * second, 10n * BigInt(number) * second, nothing);
}

describe.skipIf(withoutRoot('a full disk'))('on a disk that takes half a mark', () => {
  let disk = '';
  let stream: Stream;
  let segments: OpenSegments;
  beforeEach(async () => {
    disk = mkdtempSync(join(tmpdir(), 'edgetap-torn-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    stream = { interface: 'eth0', linktype: 1, directory: join(disk, 'eth0@1'), sealed: [], next_number: 1 };
    await mkdir(stream.directory);
    segments = new OpenSegments({
      clock: { ...systemClock, sleep: () => Promise.resolve() },
      boot: bootId(),
      rate: () => 1,
      report: (fault) => expect(fault).toBeUndefined(),
      makeRoom: () => {
        rmSync(join(disk, 'ballast'));
        return Promise.resolve(1);
      },
      sealed: () => undefined,
      lost: () => undefined,
      vacated: () => undefined,
    });
  });
  afterEach(() => {
    execFileSync('umount', [disk]);
    rmdirSync(disk);
  });

  function fill(): void {
    expect(() => writeFileSync(join(disk, 'ballast'), Buffer.alloc(2 << 20))).toThrow('ENOSPC');
  }

  /** A segment whose header file ends in a page that has no room for a whole mark; the disk is full. */
  async function begin(): Promise<{ finish: () => Promise<(SegmentMark | 'damaged')[]>; writer: SegmentWriter }> {
    const segment = await segments.make(stream);
    if (segment === undefined) throw new Error('no segment');
    const offer = {
      kind: 'segment' as const,
      generation: 1,
      slot: segment.slot,
      packets_descriptor: segment.packets.fd,
      header_descriptor: segment.header.fd,
      limit_bytes: 1e9,
    };
    const state = new SamplerState();
    const start = { offer, rate: 1, changes: [], watermark: second, monotonic: 0n, before: nothing };
    const writer = new SegmentWriter(state, start);
    writer.begin();
    for (let mark = 1; mark < marks_of_first_page; mark++) progress(writer, mark);
    fill();
    return {
      writer,
      finish: async () => {
        const seal = writer.mark('seal', 500n * second, 0n, nothing, 'size');
        await segments.seal(segment, writer.start_mark, seal);
        const { marks, torn_bytes } = readSegmentMarks(readFileSync(join(stream.directory, '0000000001.seg')), 96);
        expect(torn_bytes).toBe(0);
        return [...marks];
      },
    };
  }

  test('a progress mark is written again when there is room', async () => {
    const { writer, finish } = await begin();
    progress(writer, 100);
    rmSync(join(disk, 'ballast'));
    progress(writer, 200);
    const marks = await finish();
    expect(marks).toHaveLength(marks_of_first_page + 2);
    expect(marks.slice(-2)).toMatchObject([
      { kind: 'progress', watermark: 200n * second },
      { kind: 'seal', watermark: 500n * second },
    ]);
  });

  test('a rate that cannot be announced is not changed; one that has changed is said as soon as there is room', async () => {
    const { writer, finish } = await begin();
    expect(writer.announce(290n * second, 100n * second, 0n, nothing)).toBe(false);
    writer.change({ since: 300n * second, rate: 8 }, 2500n, 101n * second, 0n, nothing);
    rmSync(join(disk, 'ballast'));
    progress(writer, 310);
    expect(writer.announce(320n * second, 311n * second, 0n, nothing)).toBe(true);
    writer.change({ since: 321n * second, rate: 4 }, 70_000_000n, 312n * second, 0n, nothing);
    expect((await finish()).slice(marks_of_first_page)).toMatchObject([
      { kind: 'rate', watermark: 101n * second, rate: 8, rate_since: 300n * second, rate_unknown_us: 3 },
      { kind: 'progress', watermark: 310n * second, rate: 8 },
      { kind: 'rate', rate: 0, rate_since: 320n * second },
      { kind: 'rate', rate: 4, rate_since: 321n * second },
      { kind: 'seal', rate: 4, rate_since: 321n * second },
    ]);
  });

  test('a seal is whole before the segment is sealed', async () => {
    const { finish } = await begin();
    const marks = await finish();
    expect(marks).toHaveLength(marks_of_first_page + 1);
    expect(marks.at(-1)).toMatchObject({ kind: 'seal', watermark: 500n * second });
  });
});
