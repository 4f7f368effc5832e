import { closeSync, mkdirSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { raise } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { TimeNs } from '../model/time.ts';
import { bootId } from './boot_id.ts';
import type { SampleSource } from './live_source.ts';
import { type LookbackCoverage, prepareLookback, type ViewedSegment } from './lookback.ts';
import { describeSealed } from './open_segments.ts';
import { openStream } from './open_stream.ts';
import { packetFileHeader } from './recover_segment.ts';
import { runSampleLoop } from './sample_loop.ts';
import type { FromSampler, SegmentOffer, ToSampler } from './sampler_messages.ts';
import { SamplerState, segmentSlots } from './sampler_state.ts';
import { encodeSegmentHeader, segment_header_bytes } from './segment_header.ts';
import { encodeSegmentMark, segment_mark_bytes } from './segment_mark.ts';
import { segmentFiles } from './segment_name.ts';
import type { Stream } from './stream.ts';
import { streamDirectory } from './stream_name.ts';
import { numberedFrame } from './test_frames.ts';
import { packetsOf, recordsOf } from './test_packets.ts';
import { takeAll } from './test_programs.ts';
import type { Window } from './window_coverage.ts';

export const ms = 1_000_000n;
export const second = 1000n * ms;

/** How a host behaves. Times in nanoseconds; what is drawn is between 0 and these. */
export interface HostManners {
  /** Between two packets, most of the time; without any, no packet ever comes. */
  readonly packet_every: bigint | undefined;
  /** Pauses between packets, now and then. */
  readonly quiet_most: bigint;
  /** So many packets come at once, now and then. */
  readonly burst_most: number;
  /** Places of the ring. */
  readonly ring_packets: number;
  /** A packet stays so long in a block of the ring before it can be read. */
  readonly hold_most: bigint;
  /** The sampler's thread does not run for so long, now and then. */
  readonly stall_most: bigint;
  /** The store takes so long to make, to hear of and to seal a segment. */
  readonly store_most: bigint;
  readonly segment_bytes: number;
  readonly segment_age_ms: number;
  /** The wall clock is moved by so much, now and then. */
  readonly slew_most: bigint;
  /** Packets kept per second, at most. */
  readonly budget_pps: number;
  /** A sleep takes so much longer than it was to: quicker to simulate. */
  readonly sleep_more: bigint;
}

/** A packet that came, and was chosen by the sampling. */
interface CamePacket {
  readonly stamp: TimeNs;
  readonly number: number;
  readonly dropped: boolean;
}

interface HostSegment extends ViewedSegment {
  readonly packets: { readonly fd: number };
}

interface Task {
  readonly at: bigint;
  readonly run: () => void;
}

/** What kills the sampler's process. */
class Killed extends Error {}

/**
 * A host without a kernel: clocks, an interface with a ring, and a store that does what the real one does with a sampler's messages, late as
 * that may be. The sampler's loop, its writer and files, recovery and the answers are the real ones. All that happens comes from `draw`.
 */
export class SampledHost {
  readonly came: CamePacket[] = [];
  /** While nobody listened on the interface. */
  readonly down: Window[] = [];
  /** What befell it: losses, and the stalls around them. */
  readonly trouble: Window[] = [];
  /** Time of which nothing is known any more since the sampler was killed: its marks are ten seconds apart while nothing comes. */
  readonly killed: Window[] = [];
  readonly stream: Stream;
  /** From when on something is sampled, as far as it is still kept. */
  kept_from: TimeNs | undefined;
  time = 1000n * second;
  readonly #manners: HostManners;
  readonly #draw: (below: number) => number;
  readonly #events: readonly { readonly at: bigint; readonly kind: HostEvent }[];
  readonly #query: (host: SampledHost) => void;
  #offset = 1_800_000_000n * second;
  #slewed = 0n;
  #tasks: Task[] = [];
  #next_packet: bigint;
  #ring: { readonly stamp: TimeNs; readonly number: number; readonly ready: bigint }[] = [];
  #listening = false;
  #counts = { accepted: 0n, dropped: 0n };
  #dropped_since: TimeNs | undefined;
  #rate = 1;
  #state = new SamplerState();
  #open: (HostSegment | undefined)[] = [];
  #inbox: ToSampler[] = [];
  #generation = 0;
  #wanted = false;
  #busy = false;
  #away_until = 0n;
  #failing = false;
  #dead = false;
  #events_done = 0;
  #deaf_since: TimeNs;

  /** `query` is called at moments of any kind, also in the middle of the sampler's work. */
  constructor(
    root: string,
    manners: HostManners,
    draw: (below: number) => number,
    events: readonly { readonly at: bigint; readonly kind: HostEvent }[],
    query: (host: SampledHost) => void,
  ) {
    const name = { interface: 'eth0', linktype: 1 };
    const directory = join(root, streamDirectory(name));
    mkdirSync(directory, { recursive: true });
    this.stream = { ...name, directory, sealed: [], next_number: 1 };
    this.#manners = manners;
    this.#draw = draw;
    this.#events = events;
    this.#query = query;
    this.#next_packet = this.time + this.#upTo(second);
    this.#deaf_since = this.wall - 1000n * second;
  }

  /** The wall clock. */
  get wall(): TimeNs {
    return this.time + this.#offset;
  }

  /** What a look-back can count on now. */
  get watermark(): TimeNs | undefined {
    return this.#state.phase === 'sampling' ? this.#state.watermark : undefined;
  }

  /** Runs a process that samples until it is told to stop, or killed, by an event; then opens what it left. */
  async process(): Promise<void> {
    this.#state = new SamplerState();
    this.#state.budget_pps = this.#manners.budget_pps;
    [this.#inbox, this.#tasks, this.#open, this.#busy, this.#generation] = [[], [], [], false, 0];
    const order = {
      interface: 'eth0',
      rate: 1,
      ring_bytes: 1,
      promiscuous: true,
      first: true,
      memories: 1,
      state: this.#state.buffer,
    };
    try {
      runSampleLoop({ ...order, segment_age_ms: this.#manners.segment_age_ms }, this.#ports());
      while (this.#tasks.length > 0) this.#pass(ms);
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      this.#dead = false;
      this.killed.push({
        from: this.wall - 10n * second - this.#manners.sleep_more - this.#manners.store_most,
        to: this.wall,
      });
    }
    for (const segment of this.#open) if (segment !== undefined) this.#close(segment);
    this.#open = [];
    const clock = { now: () => this.wall, monotonic: () => this.time, sleep: () => Promise.resolve() };
    const { directory } = this.stream;
    const found = await openStream({ stream: this.stream, directory, clock, boot: bootId(), report: () => undefined });
    this.stream.sealed.splice(0, this.stream.sealed.length, ...found.sealed);
    this.stream.next_number = found.next_number;
    this.time += this.#upTo(20n * second);
  }

  /** What the answer to a look-back says of the window now, by the real code. */
  coverage({ from, to }: Window): LookbackCoverage {
    const open = this.#open.flatMap((one) => one ?? []);
    const samplers = [{ interface: 'eth0', state: this.#state, open }];
    const view = { streams: [this.stream], samplers, now: this.wall + second, growing: new Map<string, never>() };
    const prepared = prepareLookback(
      { programs: takeAll, formula: { kind: 'any' }, from, to, packet_limit: 10_000 },
      view,
    );
    try {
      const [one] = prepared.coverage({ damage: [], unjudged: [] }, () => 0);
      if (one === undefined) throw new Error('nothing is said of the interface');
      return one;
    } finally {
      prepared.close();
    }
  }

  /** The numbers of all packets on the disk. */
  stored(): ReadonlySet<number> {
    const numbers = new Set<number>();
    const files = [
      ...this.stream.sealed.map(({ number, length }) => ({ path: segmentFiles(number).sealed, length })),
      // Nothing is published of one that is only offered. That one is taken the store may hear later than somebody looks back.
      ...this.#open.flatMap((one) =>
        one === undefined
          ? []
          : [{ path: segmentFiles(one.number).open, length: this.#state.content(one.slot).length }],
      ),
    ];
    for (const { path, length } of files) {
      const bytes = new Uint8Array(readFileSync(join(this.stream.directory, path)).subarray(24, Math.max(24, length)));
      for (const { bytes: frame } of packetsOf(bytes))
        numbers.add(new DataView(frame.buffer, frame.byteOffset).getUint32(42));
    }
    return numbers;
  }

  #ports(): Parameters<typeof runSampleLoop>[1] {
    return {
      waiter: { wait: (descriptor, timeout_ms) => this.#wait(descriptor, timeout_ms) },
      now: () => {
        this.#interleave();
        return (this.wall / ms) * ms;
      },
      monotonic: () => {
        this.#interleave();
        return this.time;
      },
      send: (message) => this.#hear(message),
      waited: () => undefined,
      receive: () => {
        this.#pass(1000n);
        return this.#inbox.shift();
      },
      open: (order) => this.#openInterface(order.rate),
    };
  }

  #openInterface(rate: number): SampleSource {
    if (this.time < this.#away_until) raise('interface_unknown', { interface: 'eth0' });
    [this.#ring, this.#counts, this.#rate, this.#failing] = [[], { accepted: 0n, dropped: 0n }, rate, false];
    this.#pass(1000n);
    this.#listening = true;
    this.down.push({ from: this.#deaf_since, to: this.wall });
    let read = 0n;
    let bytes: Uint8Array = new Uint8Array(0);
    return {
      linktype: 1,
      descriptor: 7,
      get bytes() {
        return bytes;
      },
      get view() {
        return new DataView(bytes.buffer, bytes.byteOffset);
      },
      get read() {
        return read;
      },
      drain: () => {
        this.#pass(5000n);
        const [ready, most] = [this.#ring.filter((one) => one.ready <= this.time), 1 + this.#draw(400)];
        const taken = ready.slice(0, most);
        this.#ring = this.#ring.filter((one) => !taken.includes(one));
        bytes = recordsOf(
          taken.map(({ stamp, number }) => ({ time: stamp, original: 60, bytes: numberedFrame(number) })),
        );
        read += BigInt(taken.length);
        if (this.#failing) raise('capture_read_failed', { interface: 'eth0', reason: 'the network is down' });
        return taken.length === ready.length;
      },
      currentName: () => 'eth0',
      statistics: () => {
        this.#pass(2000n);
        if (this.#dropped_since !== undefined) this.trouble.push({ from: this.#dropped_since, to: this.wall });
        this.#dropped_since = undefined;
        return { ...this.#counts };
      },
      prepareRate: (next) => ({
        stamp: () => this.wall,
        swap: () => {
          const before = this.wall;
          this.#pass(50_000n);
          this.#rate = next;
          return { before, since: this.wall };
        },
      }),
      rejectAll: () => {
        this.#pass(1000n);
        this.#stopListening();
      },
      close: () => this.#stopListening(),
    };
  }

  #stopListening(): void {
    if (this.#listening) this.#deaf_since = this.wall;
    this.#listening = false;
  }

  #wait(descriptor: number, timeout_ms: number): void {
    let slept = BigInt(timeout_ms) * ms;
    const coming = this.#manners.packet_every === undefined ? undefined : this.#next_packet;
    const first = this.#ring[0]?.ready ?? coming;
    if (descriptor >= 0 && first !== undefined && first < this.time + slept)
      slept = first > this.time ? first - this.time : 0n;
    else slept += this.#upTo(this.#manners.sleep_more);
    this.#pass(slept + 1000n);
    if (this.#draw(50) === 0) {
      const from = this.wall;
      this.#pass(this.#upTo(this.#manners.stall_most));
      if (this.#dropped_since !== undefined)
        this.#dropped_since = from < this.#dropped_since ? from : this.#dropped_since;
    }
    if (this.#manners.slew_most > 0n && this.#draw(200) === 0) this.#slew();
  }

  /** The wall clock is moved, but never far from where it was. */
  #slew(): void {
    const wanted = this.#upTo(2n * this.#manners.slew_most) - this.#manners.slew_most;
    this.#offset += wanted - this.#slewed;
    this.#slewed = wanted;
  }

  #interleave(): void {
    if (this.#draw(400) === 0) this.#query(this);
  }

  /** Time goes by: packets come, the store does what it has to, and things happen. */
  #pass(length: bigint): void {
    if (this.#dead) throw new Killed();
    const until = this.time + length;
    for (;;) {
      const task = this.#tasks.reduce<Task | undefined>(
        (first, one) => (first === undefined || one.at < first.at ? one : first),
        undefined,
      );
      const event = this.#events[this.#events_done];
      const next = [
        until,
        task?.at,
        event?.at,
        this.#manners.packet_every === undefined ? undefined : this.#next_packet,
      ]
        .filter((at) => at !== undefined)
        .reduce((first, at) => (at < first ? at : first));
      if (next > this.time) this.time = next;
      if (task !== undefined && task.at <= this.time) {
        this.#tasks.splice(this.#tasks.indexOf(task), 1);
        task.run();
      } else if (event !== undefined && event.at <= this.time) {
        this.#events_done += 1;
        this.#happen(event.kind);
      } else if (this.#manners.packet_every !== undefined && this.#next_packet <= this.time) this.#packets();
      else return;
    }
  }

  #happen(kind: HostEvent): void {
    switch (kind) {
      case 'query':
        return this.#query(this);
      case 'stop':
        return this.#state.stop();
      case 'kill':
        return this.#die();
      case 'away':
        this.#failing = true;
        this.#away_until = this.time + this.#upTo(10n * second);
        return this.#stopListening();
      case 'evict':
        return this.#evict();
    }
  }

  /** Its files are closed, and nothing that the sampler still tries does anything. */
  #die(): never {
    this.#dead = true;
    this.#stopListening();
    for (const segment of this.#open) if (segment !== undefined) this.#close(segment);
    throw new Killed();
  }

  #packets(): void {
    const burst = this.#manners.burst_most > 0 && this.#draw(30) === 0 ? this.#draw(this.#manners.burst_most) : 1;
    for (let count = 0; count < burst; count += 1) this.#packet();
    const pause = this.#draw(50) === 0 ? this.#manners.quiet_most : 2n * (this.#manners.packet_every ?? 0n);
    this.#next_packet = this.time + 1000n + this.#upTo(pause);
  }

  #packet(): void {
    if (!this.#listening || (this.#rate > 1 && this.#draw(this.#rate) > 0)) return;
    const number = this.came.length;
    const dropped = this.#ring.length >= this.#manners.ring_packets;
    // It was stamped a moment before it enters the ring.
    const stamp = this.wall - this.#upTo(ms);
    this.came.push({ stamp, number, dropped });
    this.#counts = { accepted: this.#counts.accepted + 1n, dropped: this.#counts.dropped + (dropped ? 1n : 0n) };
    if (dropped) this.#dropped_since ??= stamp;
    else {
      const ready = this.time + this.#upTo(this.#manners.hold_most);
      // They leave the ring in the order in which they came into it.
      const before = this.#ring.at(-1)?.ready ?? 0n;
      this.#ring.push({ stamp, number, ready: ready > before ? ready : before });
    }
  }

  /** A message of the sampler's reaches the store after a while. */
  #hear(message: FromSampler): void {
    if (this.#dead) throw new Killed();
    const after = this.#tasks.length === 0 ? this.time : this.time + 1n;
    this.#later(after - this.time + this.#upTo(this.#manners.store_most / 8n), () => this.#heed(message));
  }

  #later(delay: bigint, run: () => void): void {
    this.#tasks.push({ at: this.time + delay, run });
  }

  #heed(message: FromSampler): void {
    if (message.kind === 'opened') {
      [this.#generation, this.#wanted] = [message.generation, true];
      this.#offer();
    } else if (message.kind === 'taken') {
      const segment = this.#open[message.slot];
      if (segment !== undefined) segment.phase = 'taken';
      this.#wanted = true;
      this.#offer();
    } else if (message.kind === 'finished') {
      const segment = this.#open[message.slot];
      if (segment === undefined) throw new Error(`slot ${message.slot} has no segment`);
      [segment.phase, segment.seal] = ['finished', message.seal];
      this.#later(this.#upTo(this.#manners.store_most), () => this.#seal(segment, message));
    } else if (message.kind === 'unused') {
      const segment = this.#open[message.slot];
      if (segment !== undefined) this.#discard(segment);
    } else if (message.kind === 'full') this.#inbox.push({ kind: 'room', made: false });
  }

  /** Makes a segment's files, as `makeSegment` does. */
  #offer(): void {
    if (!this.#wanted || this.#busy) return;
    this.#busy = true;
    this.#later(this.#upTo(this.#manners.store_most), () => {
      this.#busy = false;
      const slot = Array.from({ length: segmentSlots }, (_, index) => index).find(
        (one) => this.#open[one] === undefined,
      );
      if (slot === undefined) return;
      this.#wanted = false;
      const segment = this.#make(slot);
      this.#open[slot] = segment;
      const offer: SegmentOffer = {
        kind: 'segment',
        generation: this.#generation,
        slot,
        packets_descriptor: segment.packets.fd,
        header_descriptor: segment.header.fd,
        limit_bytes: this.#manners.segment_bytes,
      };
      this.#inbox.push(offer);
    });
  }

  #make(slot: number): HostSegment {
    const number = this.stream.next_number++;
    const { directory } = this.stream;
    const files = segmentFiles(number);
    const [header, packets] = [files.header, files.open].map((name) => openSync(join(directory, name), 'wx+'));
    if (header === undefined || packets === undefined) throw new Error('two files were to be made');
    const fixed = encodeSegmentHeader({
      interface: 'eth0',
      linktype: 1,
      snaplen_bytes: limits.sample_snaplen_bytes,
      rate: this.#rate,
      number,
      made: this.wall,
      made_monotonic: this.time,
      boot: bootId(),
      index_version: 0,
    });
    writeSync(header, fixed);
    writeSync(packets, packetFileHeader(1));
    return { stream: this.stream, number, slot, phase: 'offered', header: { fd: header }, packets: { fd: packets } };
  }

  /** Seals a segment, as `sealSegment` does. */
  #seal(segment: HostSegment, { start, seal }: FromSampler & { readonly kind: 'finished' }): void {
    const { number, header } = segment;
    const { directory } = this.stream;
    const files = segmentFiles(number);
    const before = readFileSync(join(directory, files.header));
    const marks = Math.floor((before.length - segment_header_bytes) / segment_mark_bytes);
    const last = Buffer.concat([...(marks === 0 ? [start] : []), seal].map(encodeSegmentMark));
    writeSync(header.fd, last, 0, last.length, segment_header_bytes + marks * segment_mark_bytes);
    renameSync(join(directory, files.open), join(directory, files.sealed));
    const described = describeSealed(number, readFileSync(join(directory, files.header)), start, seal);
    const place = this.stream.sealed.findLastIndex((one) => one.number < number);
    this.stream.sealed.splice(place + 1, 0, described);
    this.#close(segment);
    this.#offer();
  }

  #discard(segment: HostSegment): void {
    this.#close(segment);
    const files = segmentFiles(segment.number);
    for (const name of [files.open, files.header]) unlinkSync(join(this.stream.directory, name));
  }

  #close({ slot, header, packets }: HostSegment): void {
    this.#open[slot] = undefined;
    this.#state.vacate(slot);
    closeSync(header.fd);
    closeSync(packets.fd);
  }

  /** The oldest segment goes. */
  #evict(): void {
    const gone = this.stream.sealed.length > 1 ? this.stream.sealed.shift() : undefined;
    if (gone === undefined) return;
    this.kept_from = gone.cover.to;
    const files = segmentFiles(gone.number);
    for (const name of [files.sealed, files.header]) unlinkSync(join(this.stream.directory, name));
  }

  #upTo(most: bigint): bigint {
    return most <= 0n ? 0n : (most * BigInt(this.#draw(1_000_001))) / 1_000_000n;
  }
}

/** What happens to a host. `away`: its interface cannot be read for a while; `kill`: of the sensor's process. */
export type HostEvent = 'query' | 'stop' | 'kill' | 'away' | 'evict';
