import { ftruncateSync, writevSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { loadLibpcap } from '../libpcap/binding.ts';
import { readHostClock } from '../libpcap/host_clock.ts';
import { headerLinktype, linktypeOf } from '../libpcap/linktype_of.ts';
import type { LiveHandle } from '../libpcap/live_handle.ts';
import { openLive } from '../libpcap/open_live.ts';
import { keepBytes, rejectOutgoing } from '../libpcap/program_prefix.ts';
import { Waiter } from '../libpcap/waiter.ts';
import { FaultError, fault, raise } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { CaptureControl } from './capture_control.ts';
import { CaptureRun } from './capture_run.ts';
import { PartFile } from './part_file.ts';
import type { RecordTime } from './record_sorter.ts';
import { SpoolBudget } from './spool_budget.ts';
import type { FromWorker, OpenOptions, ToWorker, WorkerData } from './worker_messages.ts';

// A thread that captures one interface at a time, for as long as the process lives. It waits for messages only between
// captures; during one, everything goes through the control.

type Arm = Extract<ToWorker, { kind: 'arm' }>;

const data = workerData as WorkerData;
const control = new CaptureControl(data.control);
const budget = new SpoolBudget(data.budget.limit_bytes, data.budget.shared);

/** The monotonic clock: the same in all threads. */
const now = (): number => Number(process.hrtime.bigint());

function send(message: FromWorker): void {
  parentPort?.postMessage(message, []);
}

/** Runs one request; what it throws is answered as faults. */
function answering(work: () => void): void {
  try {
    work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const faults = error instanceof FaultError ? error.faults : ([fault('capture_worker_failed', { reason })] as const);
    send({ kind: 'failed', faults });
  }
}

function recordTime(time: TimeNs): RecordTime {
  return { seconds: Number(time / 1_000_000_000n), nanos: Number(time % 1_000_000_000n) };
}

function probe(options: OpenOptions): void {
  const handle = openLive(options);
  try {
    send({ kind: 'probed', linktype: linktypeOf(handle) });
  } finally {
    handle.close();
  }
}

/** What is open and not armed yet: deaf. */
let pending: { readonly handle: LiveHandle; readonly options: OpenOptions } | undefined;

function open(options: OpenOptions): void {
  const handle = openLive(options);
  try {
    send({ kind: 'opened', linktype: linktypeOf(handle) });
    pending = { handle, options };
  } catch (error) {
    handle.close();
    throw error;
  }
}

function close(): void {
  pending?.handle.close();
  pending = undefined;
}

function arm(request: Arm, waiter: Waiter): void {
  try {
    if (pending === undefined) throw new Error('it has nothing open');
    capture(request, pending.options, pending.handle, waiter);
  } finally {
    close();
  }
}

function handle(message: ToWorker, waiter: Waiter): void {
  switch (message.kind) {
    case 'probe':
      return probe(message.open);
    case 'open':
      return open(message.open);
    case 'arm':
      return arm(message, waiter);
    case 'close':
      return close();
  }
}

function capture(request: Arm, options: OpenOptions, handle: LiveHandle, waiter: Waiter): void {
  const { snaplen_bytes, block_timeout_ms } = options;
  const file = new PartFile(
    {
      write: (pieces, position) => writevSync(request.descriptor, pieces, position),
      truncate: (length) => ftruncateSync(request.descriptor, length),
    },
    budget,
  );
  const { limits } = request;
  const run = new CaptureRun({ handle, file, control, waiter, limits, snaplen_bytes, block_timeout_ms, now });
  try {
    const linktype = headerLinktype(run.fileHeader);
    if (linktype !== request.program.linktype) {
      const { name } = options.interface;
      raise('interface_changed', { interface: name, linktype, expected: request.program.linktype });
    }
    file.begin(run.fileHeader);
    if (file.fault !== undefined) throw new FaultError([file.fault]);
    control.publishWritten(0n, 0n, file.length);
    // libpcap leaves out the outgoing copies on loopback, too, but only after the kernel has counted them.
    const seen = options.interface.loopback ? rejectOutgoing(request.program) : request.program;
    handle.attachFilter(keepBytes(seen, snaplen_bytes).instructions);
    handle.start();
    control.deadline_ns = now() + request.time_limit_ms * 1e6;
    // After the bind, by the clock that stamps packets: whatever is stamped from then on comes.
    const { wall, offset } = readHostClock();
    if (request.leave_out_earlier) run.leaveOutBefore(recordTime(wall));
    send({ kind: 'armed', linktype, armed_at: wall, clock_offset: offset });
    send({ kind: 'ended', end: run.run() });
  } finally {
    run.close();
  }
}

answering(() => {
  loadLibpcap();
  const waiter = new Waiter();
  parentPort?.on('message', (message: ToWorker) => {
    answering(() => handle(message, waiter));
    if (pending === undefined) send({ kind: 'idle' });
  });
  send({ kind: 'ready', wake_descriptor: waiter.wakeDescriptor });
});
