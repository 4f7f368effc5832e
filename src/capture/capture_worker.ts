import { ftruncateSync, writevSync } from 'node:fs';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { loadLibpcap } from '../libpcap/binding.ts';
import { readHostClock } from '../libpcap/host_clock.ts';
import { headerLinktype, linktypeOf } from '../libpcap/linktype_of.ts';
import type { LiveHandle } from '../libpcap/live_handle.ts';
import { openLive } from '../libpcap/open_live.ts';
import { OwnTrafficBoard } from '../libpcap/own_traffic.ts';
import { keepBytes, leaveOutOwn, rejectOutgoing } from '../libpcap/program_prefix.ts';
import { type RingTask, RingTurns } from '../libpcap/ring_turns.ts';
import { Waiter } from '../libpcap/waiter.ts';
import { type Fault, FaultError, fault, raise } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { CaptureControl } from './capture_control.ts';
import { CaptureRun } from './capture_run.ts';
import { PartFile } from './part_file.ts';
import type { RecordTime } from './record_sorter.ts';
import { SpoolShare } from './spool_share.ts';
import { SpoolBudget } from './spool_budget.ts';
import type { FromRing, FromWorker, OpenOptions, ToRing, ToWorker, WorkerData } from './worker_messages.ts';

// A thread that captures any number of interfaces, each with a ring of its own, for as long as the process lives. While it captures it
// sleeps in poll(2) and takes its messages when it is woken; while it does not, it waits for them as any thread.

type Prepare = Extract<ToRing, { kind: 'prepare' }>;
type Arm = Extract<ToRing, { kind: 'arm' }>;

/** What is open and not armed yet: deaf. */
interface OpenRing {
  readonly handle: LiveHandle;
  readonly options: OpenOptions;
  readonly control: CaptureControl;
  prepared?: PreparedRun;
}

/** A capture that only has to begin to hear: its memory is there, its file has a header, and its filter is in force. */
interface PreparedRun {
  readonly run: CaptureRun;
  readonly linktype: number;
  /** Puts what is edgetap's own now before the ring. Throws where the kernel refuses it. */
  readonly refilter: () => void;
}

/** Closing a ring waits for the kernel, and so would the ends of the others: it is put off for so long where there are others. */
const close_delay_ms = 300;

const data = workerData as WorkerData;
const own = new OwnTrafficBoard(data.own);
const budget = new SpoolBudget(data.budget.limit_bytes, data.budget.share_percent, data.budget.shared);
const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

/** The monotonic clock: the same in all threads. */
const now = (): number => Number(process.hrtime.bigint());

function send(message: FromWorker): void {
  port?.postMessage(message, []);
}

function say(ring: number, message: FromRing): void {
  send({ kind: 'ring', ring, message });
}

function faultsOf(error: unknown): readonly [Fault, ...Fault[]] {
  if (error instanceof FaultError) return error.faults;
  return [fault('capture_worker_failed', { reason: error instanceof Error ? error.message : String(error) })];
}

function recordTime(time: TimeNs): RecordTime {
  return { seconds: Number(time / 1_000_000_000n), nanos: Number(time % 1_000_000_000n) };
}

class CaptureWorker {
  readonly #turns: RingTurns;
  readonly #open = new Map<number, OpenRing>();

  constructor(waiter: Waiter) {
    this.#turns = new RingTurns(waiter, now);
  }

  /** Takes a message, and captures from then on, as long as there is anything to capture. */
  take(first: ToWorker): void {
    this.#take(first);
    while (this.#turns.count > 0) {
      // Who wakes the thread may have sent something before.
      if (this.#turns.round()) this.#receive();
    }
  }

  #receive(): void {
    for (;;) {
      const received = receiveMessageOnPort(port as NonNullable<typeof port>);
      if (received === undefined) return;
      this.#take(received.message as ToWorker);
    }
  }

  /** Does what a ring is told; what it throws is answered as faults, and the ring is gone then. */
  #take({ ring, message }: ToWorker): void {
    try {
      switch (message.kind) {
        case 'probe':
          this.#probe(ring, message.open);
          break;
        case 'open':
          return this.#openRing(ring, message.open, new CaptureControl(message.control));
        case 'close':
          this.#close(ring);
          break;
        case 'prepare':
          return this.#prepare(ring, message);
        case 'arm':
          return this.#arm(ring, message);
      }
    } catch (error) {
      this.#close(ring);
      say(ring, { kind: 'failed', faults: faultsOf(error) });
    }
    say(ring, { kind: 'idle' });
  }

  #probe(ring: number, options: OpenOptions): void {
    const handle = openLive(options);
    try {
      say(ring, { kind: 'probed', linktype: linktypeOf(handle) });
    } finally {
      handle.close();
    }
  }

  #openRing(ring: number, options: OpenOptions, control: CaptureControl): void {
    const handle = openLive(options);
    this.#open.set(ring, { handle, options, control });
    say(ring, { kind: 'opened', linktype: linktypeOf(handle) });
  }

  #close(ring: number): void {
    const open = this.#open.get(ring);
    open?.prepared?.run.close();
    open?.handle.close();
    this.#open.delete(ring);
  }

  /** Does all of arming that takes long: the parts of a capture are then armed together. */
  #prepare(ring: number, request: Prepare): void {
    const open = this.#open.get(ring);
    if (open === undefined) throw new Error('it has nothing open');
    open.prepared = this.#prepareRun(request, open);
    say(ring, { kind: 'prepared' });
  }

  /** Begins to capture with a ring that is prepared, which is the capture's from then on. */
  #arm(ring: number, { time_limit_ms, leave_out_earlier }: Arm): void {
    const open = this.#open.get(ring);
    // What could not be prepared is gone, and that is told.
    if (open === undefined) return;
    const { handle, control, prepared } = open;
    if (prepared === undefined) throw new Error('it is not prepared');
    const { run, linktype, refilter } = prepared;
    refilter();
    handle.start();
    control.deadline_ns = now() + time_limit_ms * 1e6;
    // After the bind, by the clock that stamps packets: whatever is stamped from then on comes.
    const { wall, offset } = readHostClock();
    if (leave_out_earlier) run.leaveOutBefore(recordTime(wall));
    say(ring, { kind: 'armed', linktype, armed_at: wall, clock_offset: offset });
    this.#open.delete(ring);
    this.#turns.add(this.#capture(ring, run, handle), (error) =>
      say(ring, { kind: 'failed', faults: faultsOf(error) }),
    );
  }

  #prepareRun(request: Prepare, { handle, options, control }: OpenRing): PreparedRun {
    const { snaplen_bytes, block_timeout_ms, memories } = options;
    const file = new PartFile(
      {
        write: (pieces, position) => writevSync(request.descriptor, pieces, position),
        truncate: (length) => ftruncateSync(request.descriptor, length),
      },
      new SpoolShare(budget, request.share),
    );
    const { limits } = request;
    let left_out = -1;
    const refilter = (): void => {
      if (own.version === left_out) return;
      const { version, groups } = own.read();
      const foreign = leaveOutOwn(request.program, groups);
      // libpcap leaves out the outgoing copies on loopback, too, but only after the kernel has counted them.
      const seen = options.interface.loopback ? rejectOutgoing(foreign) : foreign;
      handle.attachFilter(keepBytes(seen, snaplen_bytes).instructions);
      left_out = version;
    };
    const of_ring = { handle, file, control, limits, snaplen_bytes, memories, block_timeout_ms };
    const refilterRunning = (): void => {
      try {
        refilter();
      } catch (error) {
        // The filter before stays, and the next second tries again.
        if (!(error instanceof FaultError)) throw error;
      }
    };
    const run = new CaptureRun({ ...of_ring, now, refilter: refilterRunning });
    try {
      const linktype = headerLinktype(run.fileHeader);
      if (linktype !== request.program.linktype) {
        const { name } = options.interface;
        raise('interface_changed', { interface: name, linktype, expected: request.program.linktype });
      }
      file.begin(run.fileHeader);
      if (file.fault !== undefined) throw new FaultError([file.fault]);
      control.publishWritten(0n, 0n, file.length);
      refilter();
      return { run, linktype, refilter };
    } catch (error) {
      run.close();
      throw error;
    }
  }

  *#capture(ring: number, run: CaptureRun, handle: LiveHandle): RingTask<void> {
    try {
      try {
        say(ring, { kind: 'ended', end: yield* run.run() });
      } catch (error) {
        say(ring, { kind: 'failed', faults: faultsOf(error) });
      } finally {
        run.close();
      }
      const until = now() + close_delay_ms * 1e6;
      while (this.#turns.count > 1 && now() < until) yield { descriptor: -1, ms: close_delay_ms };
    } finally {
      handle.close();
      say(ring, { kind: 'idle' });
    }
  }
}

try {
  loadLibpcap();
  const waiter = new Waiter();
  const worker = new CaptureWorker(waiter);
  port.on('message', (message: ToWorker) => worker.take(message));
  send({ kind: 'ready', wake_descriptor: waiter.wakeDescriptor });
} catch (error) {
  send({ kind: 'unready', faults: faultsOf(error) });
}
