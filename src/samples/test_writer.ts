import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { bootId } from './boot_id.ts';
import { systemClock } from './clock.ts';
import { type OpenSegment, OpenSegments } from './open_segments.ts';
import type { IndexFormula } from '../filter/index_formula.ts';
import { segmentLabel } from './segment_label.ts';
import type { FromIndexer } from './index_messages.ts';
import { IndexQueue } from './index_queue.ts';
import type { FromSampler } from './sampler_messages.ts';
import type { GrowingIndex } from './scan_job.ts';
import { SamplerState } from './sampler_state.ts';
import type { SealReason } from './segment_mark.ts';
import { SegmentSink } from './segment_sink.ts';
import type { Stream } from './stream.ts';
import { streamDirectory } from './stream_name.ts';
import { recordsOf, type TestPacket } from './test_packets.ts';

/** Writes a stream as a sampler does, with the real writer, but packets that a test has made. */
export class TestWriter {
  readonly stream: Stream;
  readonly state: SamplerState = new SamplerState();
  readonly faults: Fault[] = [];
  readonly sent: FromSampler[] = [];
  readonly interface: string;
  readonly rate: number;
  readonly #segments: OpenSegments;
  readonly #sink: SegmentSink;
  #segment: OpenSegment | undefined;

  constructor(root: string, name: { readonly interface: string; readonly linktype: number }, rate = 1) {
    const directory = join(root, streamDirectory(name));
    mkdirSync(directory, { recursive: true });
    this.stream = { ...name, directory, sealed: [], next_number: 1 };
    this.interface = name.interface;
    this.rate = rate;
    this.#segments = new OpenSegments({
      clock: systemClock,
      boot: bootId(),
      rate: () => rate,
      report: (fault) => this.faults.push(fault),
      makeRoom: () => Promise.resolve(0),
      sealed: (stream, segment) => stream.sealed.push(segment),
      lost: () => undefined,
      vacated: (slot) => this.state.vacate(slot),
    });
    this.#sink = new SegmentSink({
      state: this.state,
      rate,
      segment_age_ns: 2n ** 60n,
      monotonic: () => systemClock.monotonic(),
      send: (message) => this.sent.push(message),
      makeRoom: () => false,
    });
  }

  /** The segments that are not sealed. */
  get open(): readonly OpenSegment[] {
    return this.#segments.all;
  }

  /** Begins a segment that covers what comes after `watermark`. */
  async begin(watermark: TimeNs): Promise<OpenSegment> {
    const segment = await this.#segments.make(this.stream);
    if (segment === undefined) throw new Error('all slots are taken');
    this.#sink.offer({
      kind: 'segment',
      generation: 1,
      slot: segment.slot,
      packets_descriptor: segment.packets.fd,
      header_descriptor: segment.header.fd,
      limit_bytes: 2 ** 40,
    });
    this.#sink.begin(watermark);
    segment.phase = 'taken';
    this.#segment = segment;
    return segment;
  }

  /** Appends packets and publishes that all up to `watermark` are there. */
  write(packets: readonly TestPacket[], watermark: TimeNs): void {
    this.writeRecords(recordsOf(packets), watermark);
  }

  /** The same for packets that are pcap records already. */
  writeRecords(bytes: Uint8Array, watermark: TimeNs): void {
    this.#sink.write(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), watermark);
    this.#sink.publish(watermark);
  }

  /** What the kernel is to have counted by `now`. */
  count(accepted: bigint, dropped: bigint, now: TimeNs): void {
    this.#sink.countKernel(accepted, dropped, now);
  }

  /** Ends the segment and seals it. */
  async seal(reason: SealReason, watermark: TimeNs): Promise<void> {
    this.#sink.finish(reason, watermark);
    const finished = this.sent.findLast((message) => message.kind === 'finished');
    if (this.#segment === undefined || finished === undefined) throw new Error('there is nothing to seal');
    await this.#segments.seal(this.#segment, finished.start, finished.seal, finished.sum);
    this.#segment = undefined;
  }

  /** Gives a sealed segment its index. */
  index(number: number): void {
    const segment = this.stream.sealed.find((one) => one.number === number);
    if (segment === undefined || segment.records === 0) return;
    const { directory, linktype } = this.stream;
    let written: FromIndexer | undefined;
    const queue = new IndexQueue({ seed: () => number, send: (message) => (written = message) });
    const of = { key: 1, directory, number, linktype };
    queue.take({ kind: 'seal', segment: of, length: segment.length });
    while (queue.work());
    if (written?.kind !== 'indexed') throw new Error(`segment ${number} was not indexed: ${JSON.stringify(written)}`);
    segment.index_bytes = written.bytes;
  }

  /** What the indexer says of the segments that grow. */
  growing(formula: IndexFormula, inner?: IndexFormula): ReadonlyMap<string, GrowingIndex> {
    const { directory, linktype } = this.stream;
    const known = new Map<string, GrowingIndex>();
    for (const { number, slot } of this.open) {
      const queue = new IndexQueue({
        seed: () => number,
        send: (message) => {
          const [answer] = message.kind === 'answer' ? message.growing : [];
          if (answer !== undefined) known.set(segmentLabel(this.stream, number), answer[1]);
        },
      });
      queue.take({ kind: 'follow', segment: { key: 1, directory, number, linktype }, state: this.state.buffer, slot });
      while (queue.work());
      queue.take({ kind: 'ask', id: 1, formula, ...(inner === undefined ? {} : { inner }) });
      queue.take({ kind: 'forget', key: 1 });
    }
    return known;
  }

  /** Lets go of the files of a segment that is open, as a process does that dies. */
  async abandon(): Promise<void> {
    for (const { packets, header } of this.open) {
      await packets.close();
      await header.close();
    }
  }
}
