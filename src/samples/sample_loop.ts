import { type Fault, fault, FaultError, raise } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { go_on, type Rest, type RingTask, runAlone } from '../libpcap/ring_turns.ts';
import type { Waiter } from '../libpcap/waiter.ts';
import { adaptRate, fresh_rate_state } from './adapt_rate.ts';
import type { SampleSource } from './live_source.ts';
import type { FromSampler, SamplerOrder, ToSampler } from './sampler_messages.ts';
import { SamplerState } from './sampler_state.ts';
import { SegmentSink } from './segment_sink.ts';
import { joinTime } from './split_time.ts';
import { Watermark } from './watermark.ts';

/** What a loop runs on. */
export interface SampleLoopPorts {
  /** Where it cannot go on without an answer of the store, its whole thread waits. */
  readonly waiter: Pick<Waiter, 'wait'>;
  /** Unix time in nanoseconds, at most a millisecond behind the clock that stamps packets and never ahead of it. */
  now(): TimeNs;
  monotonic(): bigint;
  send(message: FromSampler): void;
  /** Opens the interface; throws what keeps it from that. */
  open(order: SamplerOrder): SampleSource;
  /** The next message of the store; undefined where none is there. Never waits. */
  receive(): ToSampler | undefined;
  /** Its thread has waited for the store's answer: a wake that came meanwhile may have been another one's. */
  waited(): void;
}

const ms = 1_000_000n;
/** A packet is in the ring, and in its count, at the latest so long after it was stamped. */
const watermark_lag_ns = 100n * ms;
/** Packets that the kernel has counted and does not hand over after so long never come. */
const level_patience_ns = 2000n * ms;
const idle_wait_ms = 50;
/** So long after a packet somebody may wait for the watermark to pass it: it is looked at as often as while packets come. */
const lively_ns = 200n * ms;
/** While packets come, the ring is looked at when about so many of them have gathered: each look costs as much as hundreds of packets. */
const look_packets = 1024;
/** But not less often than this, and not more often than every millisecond. */
const nap_most_ms = 10;
/** What is still in the ring at the end is given up after so long. */
const end_patience_ns = 500n * ms;
const settle_ns = 2n * ms;
const adapt_interval_ns = 200n * ms;
/** How often it is looked whether the interface has its name still: what comes after it lost it is another name's. */
const name_interval_ns = 10n * ms;
const room_wait_ns = 300n * ms;
const reopen_first_ms = 100;
/** An interface that is away may be back at any moment. */
const reopen_most_ms = 500;
/** What else keeps it from being opened takes its time to pass, and each try costs the machine that is short of something. */
const retry_most_ms = 8000;
/** Where the first try of all meets one of these, whoever began it is to know at once: somebody has to do something. */
const refusing: readonly string[] = ['capture_denied', 'libpcap_missing'];
/** Different words for an interface that is not there under its name; one that is just going away is read in vain first. */
const away: readonly string[] = ['interface_unknown', 'interface_removed', 'interface_renamed', 'capture_read_failed'];

/** `sampleLoop` in a thread of its own. */
export function runSampleLoop(order: SamplerOrder, ports: SampleLoopPorts): void {
  runAlone(sampleLoop(order, ports), ports.waiter);
}

/**
 * Samples one interface until the store says stop; see `SamplerOrder`. Everything that it has to say goes through `send`. Shares its thread
 * with others: it rests where it waits for packets.
 */
export function* sampleLoop(order: SamplerOrder, ports: SampleLoopPorts): RingTask<void> {
  const state = new SamplerState(order.state);
  const loop = new SampleLoop(order, ports, state);
  let wait_ms = reopen_first_ms;
  for (let first = order.first; !state.stopping; first = false) {
    const source = openSource({ ...order, rate: loop.rate }, ports);
    let most_ms = reopen_most_ms;
    if (!('name' in source)) {
      wait_ms = reopen_first_ms;
      yield* loop.sample(source);
    } else if (first && refusing.includes(source.name)) {
      state.phase = 'ended';
      return ports.send({ kind: 'ended', fault: source });
    } else {
      if (!away.includes(source.name)) most_ms = retry_most_ms;
      loop.interrupted(source);
    }
    if (!state.stopping) yield* loop.pause(Math.min(wait_ms, most_ms));
    wait_ms = Math.min(2 * wait_ms, most_ms);
  }
  state.phase = 'ended';
  ports.send({ kind: 'ended' });
}

function openSource(order: SamplerOrder, ports: SampleLoopPorts): SampleSource | Fault {
  try {
    return ports.open(order);
  } catch (error) {
    return faultOf(error, order.interface);
  }
}

class SampleLoop {
  readonly #order: SamplerOrder;
  readonly #ports: SampleLoopPorts;
  readonly #state: SamplerState;
  readonly #sink: SegmentSink;
  /** What keeps it from sampling, or did so last. */
  #interruptedBy: string | undefined;
  #generation = 0;
  #room: boolean | undefined;
  #watermark: Watermark;
  /** The kernel's counts of the handles before this one. */
  #earlier = { accepted: 0n, dropped: 0n };
  #kernel = { accepted: 0n, dropped: 0n };
  /** A moment, and how many packets had been put into the ring by then: once so many were read, all until then are out of it. */
  #level: { readonly time: TimeNs; readonly packets: bigint } | undefined;
  /** When the interface was last seen to have its name, by both clocks. */
  #named = { at: 0n, time: 0n };
  /** When the ring was last found empty, and how long was slept after that. */
  #looked_at = 0n;
  #nap_ms = 1;
  /** When packets were last found in it. */
  #packets_at = -lively_ns;
  #rate_state = fresh_rate_state;
  /** When the rate was last decided, and the kernel's counts by then. */
  #decided = { at: 0n, accepted: 0n, dropped: 0n };

  constructor(order: SamplerOrder, ports: SampleLoopPorts, state: SamplerState) {
    this.#order = order;
    this.#ports = ports;
    this.#state = state;
    this.#watermark = this.#beginWatermark();
    this.#sink = new SegmentSink({
      state,
      rate: order.rate,
      segment_age_ns: BigInt(order.segment_age_ms) * ms,
      monotonic: () => ports.monotonic(),
      send: (message) => ports.send(message),
      makeRoom: () => this.#makeRoom(),
    });
  }

  get rate(): number {
    return this.#sink.rate;
  }

  /** Samples until the source fails or the store says stop. Closes the source. */
  *sample(source: SampleSource): RingTask<void> {
    this.#watermark = this.#beginWatermark();
    this.#level = undefined;
    this.#rate_state = fresh_rate_state;
    this.#decided = { at: this.#ports.monotonic(), ...this.#kernel };
    this.#sink.sourceOpened(this.#ports.now());
    this.#named = { at: 0n, time: this.#ports.now() };
    this.#generation += 1;
    this.#ports.send({ kind: 'opened', generation: this.#generation, linktype: source.linktype });
    try {
      while (!this.#state.stopping) {
        this.#receive();
        const before = source.read;
        yield this.#step(source) ? go_on : this.#rest(source, Number(source.read - before));
      }
      yield* this.#end(source);
      this.#sink.finish('shutdown', this.#watermark.time);
    } catch (error) {
      this.#countLast(source);
      const cause = this.#causeOf(error, source);
      if (cause.name === 'interface_renamed') this.#sink.finish('interface_renamed', this.#lastNamed());
      else this.#sink.finish('interface_away', this.#watermark.time);
      this.interrupted(cause);
    } finally {
      this.#sink.decline();
      // What is still offered for this opening comes too late.
      this.#generation += 1;
      this.#earlier = this.#kernel;
      source.close();
    }
  }

  /** Says that there is nothing to sample, and why: once, until there is again, or for another reason. */
  interrupted(cause: Fault): void {
    const why = away.includes(cause.name) ? 'away' : cause.name;
    if (this.#state.phase === 'interrupted' && this.#interruptedBy === why) return;
    this.#state.phase = 'interrupted';
    this.#interruptedBy = why;
    const params = { interface: this.#order.interface, reason: cause.message };
    this.#ports.send({ kind: 'trouble', fault: fault('sampling_interrupted', params) });
  }

  /** Waits until it is time to try again, or to stop. */
  *pause(wait_ms: number): RingTask<void> {
    const deadline = this.#ports.monotonic() + BigInt(wait_ms) * ms;
    this.#receive();
    for (let left = deadline - this.#ports.monotonic(); left > 0n && !this.#state.stopping; ) {
      yield { descriptor: -1, ms: Number(left / ms) + 1 };
      this.#receive();
      left = deadline - this.#ports.monotonic();
    }
  }

  /**
   * Sleeps until it is worth to look again. A packet wakes it only where none had come: each would otherwise, and cost as much as
   * hundreds of them.
   */
  #rest(source: SampleSource, packets: number): Rest {
    const looked = this.#looked_at;
    this.#looked_at = this.#ports.monotonic();
    if (packets === 0 || !this.#sink.open) {
      this.#nap_ms = 1;
      // Without a segment only an offer of one is worth waking up for.
      if (!this.#sink.open) return { descriptor: -1, ms: idle_wait_ms };
      const lively = this.#looked_at - this.#packets_at < lively_ns;
      return { descriptor: source.descriptor, ms: lively ? nap_most_ms : idle_wait_ms };
    }
    this.#packets_at = this.#looked_at;
    const expected_ms = (Number(this.#looked_at - looked) / 1e6) * (look_packets / packets);
    this.#nap_ms = Math.max(1, Math.min(nap_most_ms, 2 * this.#nap_ms, Math.floor(expected_ms)));
    return { descriptor: -1, ms: this.#nap_ms };
  }

  /** One round; true where more may be there at once. */
  #step(source: SampleSource): boolean {
    const [now, monotonic] = [this.#ports.now(), this.#ports.monotonic()];
    const before = this.#watermark.time;
    if (this.#watermark.stepped(now, monotonic, now - watermark_lag_ns)) {
      this.#level = undefined;
      this.#sink.finish('clock_set', before);
    }
    this.#sink.begin(this.#watermark.time);
    if (!this.#sink.open) return false;
    const gone = this.#isGone(source, now, monotonic);
    const emptied = this.#drain(source, now);
    if (monotonic - this.#decided.at >= adapt_interval_ns) this.#adapt(source, monotonic);
    // All that it has still to give came while it had the name.
    if (emptied && gone) raise('interface_removed', { interface: this.#order.interface });
    return !emptied;
  }

  /** Was the interface removed? Throws `interface_renamed` where it has another name: what it gives now is not of this one. */
  #isGone(source: SampleSource, now: TimeNs, monotonic: bigint): boolean {
    if (monotonic - this.#named.at < name_interval_ns) return false;
    const name = source.currentName();
    if (name === undefined) return true;
    if (name !== this.#order.interface) raise('interface_renamed', { interface: this.#order.interface, name });
    this.#named = { at: monotonic, time: now };
    return false;
  }

  /** Takes out what the ring has and writes it; true where that was all. */
  #drain(source: SampleSource, begun: TimeNs): boolean {
    // Before anything is taken out: a ring that has dropped packets is full, and so tells after which ones.
    const entered = this.#count(source);
    let emptied = false;
    let failure: unknown;
    try {
      emptied = source.drain();
    } catch (error) {
      failure = error;
    }
    const { bytes } = source;
    const walk = this.#sink.write(bytes, source.view, this.#watermark.time);
    // While the ring never runs empty, what has come says how far it has got.
    if (emptied) this.#reach(source, begun, entered);
    else if (walk.records > 0) {
      const came = joinTime(walk.greatest_s, walk.greatest_ns) - watermark_lag_ns;
      // What was stamped before the clock was set back is of a time that has yet to come again.
      this.#watermark.reach(came < begun ? came : begun);
    }
    this.#sink.publish(this.#watermark.time);
    if (failure instanceof Error) throw failure;
    if (walk.end !== bytes.length) {
      const lengths = { got_bytes: bytes.length, expected_bytes: walk.end };
      raise('batch_inconsistent', { interface: this.#order.interface, ...lengths });
    }
    return emptied;
  }

  /** Decides whether the rate is still the right one, and changes it where it is not. */
  #adapt(source: SampleSource, monotonic: bigint): void {
    const { budget_pps } = this.#state;
    if (budget_pps === 0 || !this.#sink.open) return;
    this.#count(source);
    const { at, accepted, dropped } = this.#decided;
    this.#decided = { at: monotonic, ...this.#kernel };
    const { rate: present } = this.#sink;
    const { state, rate } = adaptRate(this.#rate_state, {
      accepted: Number(this.#kernel.accepted - accepted),
      dropped: Number(this.#kernel.dropped - dropped),
      interval_s: Number(monotonic - at) / 1e9,
      rate: present,
      budget_pps,
    });
    this.#rate_state = state;
    if (rate === present) return;
    this.#sink.changeRate(rate, this.#watermark.time, source.prepareRate(rate));
  }

  /**
   * Nothing more can be read at the moment. Of those that had entered the ring at `begun` one may still be held back in it: by a
   * processor that is still copying it, or in a block that is not full.
   */
  #reach(source: SampleSource, begun: TimeNs, entered: bigint): void {
    const level = this.#level;
    const lagging = begun - watermark_lag_ns;
    if (source.read >= entered) {
      this.#watermark.reach(lagging);
      this.#level = undefined;
      return;
    }
    if (level !== undefined) {
      if (source.read < level.packets && begun - level.time < level_patience_ns) return;
      // What was stamped just before may have entered after its packets were counted.
      const counted = level.time - watermark_lag_ns;
      this.#watermark.reach(lagging < counted ? lagging : counted);
    }
    this.#level = { time: begun, packets: entered };
  }

  /** Asks the kernel for its counts; returns how many packets it has put into the ring. */
  #count(source: SampleSource): bigint {
    const { accepted, dropped } = source.statistics();
    this.#kernel = { accepted: this.#earlier.accepted + accepted, dropped: this.#earlier.dropped + dropped };
    // The clock may be a millisecond behind the one that stamps packets.
    this.#sink.countKernel(this.#kernel.accepted, this.#kernel.dropped, this.#ports.now() + ms);
    return accepted - dropped;
  }

  /** What cannot be read is not there under its name any more, where it has another. */
  #causeOf(error: unknown, source: SampleSource): Fault {
    const cause = faultOf(error, this.#order.interface);
    if (cause.name === 'interface_renamed') return cause;
    const name = source.currentName();
    if (name === undefined || name === this.#order.interface) return cause;
    return fault('interface_renamed', { interface: this.#order.interface, name });
  }

  /** As far as the samples are those of the name. */
  #lastNamed(): TimeNs {
    const { time } = this.#watermark;
    return time < this.#named.time ? time : this.#named.time;
  }

  /** What was dropped before the source failed belongs to it. */
  #countLast(source: SampleSource): void {
    try {
      this.#count(source);
    } catch {
      // It is closed for the reason that is told: its counts were asked for a moment ago.
    }
  }

  /** Ends without a loss: nothing more comes in, and what is in the ring comes out. */
  *#end(source: SampleSource): RingTask<void> {
    if (!this.#sink.open) return;
    source.rejectAll();
    const [closed, begun] = [this.#ports.now(), this.#ports.monotonic()];
    for (let late = 0n; this.#sink.open; late = this.#ports.monotonic() - begun) {
      // What comes after the filter was closed is not heard: however long this takes, the watermark does not pass it.
      const emptied = this.#drain(source, closed);
      // A packet that was just passing the filter may still be on its way into the ring.
      if (emptied && late >= settle_ns && source.read >= this.#count(source)) return this.#watermark.reach(closed);
      if (late >= end_patience_ns) return;
      yield emptied ? { descriptor: source.descriptor, ms: 2 } : go_on;
    }
  }

  #beginWatermark(): Watermark {
    const now = this.#ports.now();
    // `now` may be a millisecond behind: what is heard for certain begins after that.
    return new Watermark(now + ms, now, this.#ports.monotonic());
  }

  #receive(): void {
    for (let message = this.#ports.receive(); message !== undefined; message = this.#ports.receive()) {
      if (message.kind === 'room') this.#room = message.made;
      else if (message.kind === 'removed') this.#sink.removed(message.slot, this.#watermark.time);
      else if (message.generation === this.#generation) this.#sink.offer(message);
      else this.#sink.decline(message);
    }
  }

  #makeRoom(): boolean {
    this.#room = undefined;
    this.#ports.send({ kind: 'full' });
    const deadline = this.#ports.monotonic() + room_wait_ns;
    this.#receive();
    for (let left = room_wait_ns; left > 0n && this.#room === undefined; left = deadline - this.#ports.monotonic()) {
      this.#ports.waiter.wait(-1, Number(left / ms) + 1);
      this.#receive();
    }
    this.#ports.waited();
    return this.#room === true;
  }
}

function faultOf(error: unknown, interface_name: string): Fault {
  if (error instanceof FaultError) return error.faults[0];
  const reason = error instanceof Error ? error.message : String(error);
  return fault('capture_read_failed', { interface: interface_name, reason });
}
