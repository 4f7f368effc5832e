import type { InterfaceChange } from '../libpcap/interface_changes.ts';
import { type HostInterface, interfaceDrops } from '../libpcap/interfaces.ts';
import { type Fault, FaultError, fault } from '../model/errors/fault.ts';
import type { StopReason } from '../model/stop_reason.ts';
import { formatTime, type TimeNs } from '../model/time.ts';
import type { ArmRequest, Part, PartEnd, PartProgress } from './part.ts';
import type { RingSeat } from './ring_seat.ts';
import type { RecordTime } from './record_sorter.ts';
import type { RunEnd } from './run_end.ts';
import type { SpoolFile } from './spool.ts';
import type { FromRing } from './worker_messages.ts';
import type { WorkerPool } from './worker_pool.ts';

/** A file as far as the disk has confirmed it, with the packets in it. */
type Synced = Pick<PartProgress, 'packets' | 'bytes' | 'file_bytes'>;

/** A part while a worker captures it: joins the worker, its file and what is seen of the interface from outside. */
export class RunningPart implements Part {
  readonly path: string;
  readonly ended: Promise<PartEnd>;
  linktype = -1;
  armed_at: TimeNs = 0n;
  clock_offset = 0n;
  readonly #request: ArmRequest;
  readonly #file: SpoolFile;
  readonly #worker: RingSeat;
  readonly #prepared = Promise.withResolvers<undefined>();
  readonly #armed = Promise.withResolvers<undefined>();
  readonly #ended = Promise.withResolvers<PartEnd>();
  readonly #pool: Pick<WorkerPool, 'returning' | 'release'>;
  #drops_before: bigint | undefined;
  readonly #notes: string[] = [];
  readonly #missing: string[] = [];
  #interface_dropped: bigint | undefined;
  #name: string;
  #isArmed = false;
  #final: PartEnd | undefined;
  /** How the worker ended it. */
  #run: RunEnd | undefined;
  #over = false;
  /** What the disk has confirmed: nothing that came after it is surely on it. */
  #synced: Synced = { packets: 0n, bytes: 0n, file_bytes: 0 };
  #syncing: Promise<void> | undefined;
  /** The first thing that the disk refused. From then on the file is finished: Linux tells a lost write once, and then that all is well. */
  #refused: Fault | undefined;

  /** The worker's place goes back to its pool by itself. */
  constructor(request: ArmRequest, file: SpoolFile, worker: RingSeat, pool: Pick<WorkerPool, 'returning' | 'release'>) {
    this.#request = request;
    this.#file = file;
    this.#worker = worker;
    this.#pool = pool;
    this.#name = request.interface.name;
    this.path = file.path;
    this.ended = this.#ended.promise;
    // Heard by whoever arms it, or told already.
    this.#prepared.promise.catch(() => undefined);
    this.#armed.promise.catch(() => undefined);
  }

  /**
   * Makes the worker, whose ring is open, capture: once `ready` resolves, which is asked when nothing is left to do but that. Throws what keeps
   * it from that; the file is then the caller's again.
   */
  async arm(ready?: () => Promise<void>): Promise<void> {
    const { program, packet_limit, byte_limit, time_limit_ms, leave_out_earlier = false } = this.#request;
    this.#worker.listener = {
      message: (message) => this.#heard(message),
      died: (dead) => {
        this.#failed([dead]);
        this.#pool.release(this.#worker);
      },
    };
    this.#worker.send({
      kind: 'prepare',
      program,
      limits: { packets: packet_limit ?? Number.POSITIVE_INFINITY, bytes: byte_limit ?? Number.POSITIVE_INFINITY },
      share: this.#file.share.shared,
      descriptor: this.#file.handle.fd,
    });
    if (ready !== undefined) await this.#untilReady(ready);
    this.#drops_before = interfaceDrops(this.#request.interface);
    this.#interface_dropped = this.#drops_before === undefined ? undefined : 0n;
    this.#worker.send({ kind: 'arm', time_limit_ms, leave_out_earlier });
    await this.#armed.promise;
  }

  async #untilReady(ready: () => Promise<void>): Promise<void> {
    await this.#prepared.promise;
    try {
      await ready();
    } catch (error) {
      // Not after the worker's death: then nobody has the place any more.
      if (!this.#over) {
        this.#over = true;
        this.#pool.returning(this.#worker);
        this.#worker.send({ kind: 'close' });
      }
      throw error;
    }
    // What became of it meanwhile.
    if (this.#over) await this.#armed.promise;
  }

  progress(): PartProgress {
    const { packets, bytes, dropped, file_bytes } = this.#final ?? this.#run ?? this.#worker.control.progress;
    return { packets, bytes, dropped, file_bytes, ...this.#interfaceDropped() };
  }

  stop(reason: StopReason): void {
    if (this.#over) return;
    this.#worker.control.stop(reason);
    this.#worker.wake();
  }

  setDeadline(ms: number): void {
    if (this.#over) return;
    this.#worker.control.deadline_ns = Number(process.hrtime.bigint()) + ms * 1e6;
    this.#worker.wake();
  }

  /** Notes what became of the interface, if it is this part's. */
  interfaceChanged(change: InterfaceChange, now_ms: number): void {
    if (change.interface.ifindex !== this.#request.interface.ifindex) return this.#anotherChanged(change, now_ms);
    if (change.kind === 'added') return;
    const what = {
      removed: 'was removed',
      renamed: `was renamed to ${change.interface.name}`,
      down: 'went down',
      up: 'came up',
    }[change.kind];
    this.#notes.push(
      `${formatTime(BigInt(now_ms) * 1_000_000n)} ${change.previous_name ?? change.interface.name} ${what}`,
    );
    this.#name = change.interface.name;
  }

  /** Who asked for this interface by its name may have meant whatever has that name. */
  #anotherChanged({ kind, interface: { name } }: InterfaceChange, now_ms: number): void {
    if ((kind !== 'added' && kind !== 'renamed') || name !== this.#request.interface.name) return;
    const since = formatTime(BigInt(now_ms) * 1_000_000n);
    this.#missing.push(`${since} another interface got the name ${name}: its packets are not in this capture`);
  }

  /** Once a second: counts the interface's own losses and lets the disk have what was written, without waiting for it. */
  lookAround(interfaces: readonly HostInterface[]): void {
    if (this.#over) return;
    this.#name = interfaces.find((one) => one.ifindex === this.#request.interface.ifindex)?.name ?? this.#name;
    this.#countDrops();
    const written = this.#worker.control.exactProgress;
    if (written === undefined || written.file_bytes === this.#synced.file_bytes) return;
    if (this.#syncing !== undefined || this.#refused !== undefined) return;
    this.#syncing = this.#sync(written).finally(() => {
      this.#syncing = undefined;
    });
  }

  async #sync(written: Synced): Promise<void> {
    try {
      await this.#file.handle.datasync();
      this.#synced = written;
    } catch (error) {
      this.#refuse(error);
      this.stop('error');
    }
  }

  #refuse(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#refused ??= fault('spool_write_failed', { reason: `${reason} (${this.path}, ${this.#name})` });
  }

  #heard(message: FromRing): void {
    if (message.kind === 'armed') {
      this.linktype = message.linktype;
      this.armed_at = message.armed_at;
      this.clock_offset = message.clock_offset;
      this.#isArmed = true;
      this.#armed.resolve(undefined);
    } else if (message.kind === 'prepared') {
      this.#prepared.resolve(undefined);
    } else if (message.kind === 'idle') {
      this.#pool.release(this.#worker);
    } else {
      this.#pool.returning(this.#worker);
      if (message.kind === 'ended') void this.#finish(message.end);
      else if (message.kind === 'failed') this.#failed(message.faults);
    }
  }

  #failed(faults: readonly [Fault, ...Fault[]]): void {
    if (!this.#isArmed) {
      this.#over = true;
      this.#prepared.reject(new FaultError(faults));
      this.#armed.reject(new FaultError(faults));
      return;
    }
    if (this.#over) return;
    const { packets, bytes, dropped, file_bytes } = this.#worker.control.progress;
    const notes = ['the worker failed: what it had read and not yet written is lost and not counted'];
    void this.#finish({
      stop_reason: 'error',
      packets,
      bytes,
      accepted: packets + dropped,
      dropped,
      beyond_limit: 0n,
      earlier: 0n,
      unread: 0n,
      unordered: false,
      file_bytes,
      first: undefined,
      last: undefined,
      error: faults[0],
      notes,
    });
  }

  /** Puts the file on the disk and tells how the part ended. */
  async #finish(run: RunEnd): Promise<void> {
    this.#over = true;
    this.#run = run;
    this.#countDrops();
    await this.#close(run);
    const { first, last, error, ...counts } = run;
    const kept = this.#refused === undefined ? run : this.#synced;
    const lost = run.packets - kept.packets;
    const shown = this.#refused ?? error;
    const left_out = `${lost} packets that were written are left out: the disk has not confirmed them`;
    const missing = [...this.#missing, ...(run.missing ?? []), ...(lost > 0n ? [left_out] : [])];
    this.#final = {
      ...counts,
      packets: kept.packets,
      bytes: kept.bytes,
      file_bytes: kept.file_bytes,
      unread: run.unread + lost,
      ...(this.#refused === undefined ? {} : { stop_reason: 'error' as const }),
      ...this.#interfaceDropped(),
      ...(first === undefined || lost > 0n ? {} : { first_time: timeNs(first) }),
      ...(last === undefined || lost > 0n ? {} : { last_time: timeNs(last) }),
      ...(shown === undefined ? {} : { error: shown }),
      notes: [...this.#notes, ...run.notes],
      ...(missing.length === 0 ? {} : { missing }),
    };
    this.#ended.resolve(this.#final);
  }

  /** Completes the file. Once the disk has refused something, what it then says of the file means nothing: it is not asked again. */
  async #close(run: RunEnd): Promise<void> {
    const { handle, named } = this.#file;
    await this.#syncing;
    try {
      if (this.#refused === undefined) {
        // A worker that failed may have left a piece of a record.
        await handle.truncate(run.file_bytes);
        await handle.sync();
        this.#synced = run;
        await named;
      }
    } catch (error) {
      this.#refuse(error);
    }
    // What the disk has not confirmed goes, where that can be done; who reads the file goes by its length in the state.
    if (this.#refused !== undefined) await this.#cut(run.file_bytes);
    try {
      await handle.close();
    } catch (error) {
      this.#refuse(error);
    }
  }

  async #cut(file_bytes: number): Promise<void> {
    const { handle } = this.#file;
    try {
      await handle.truncate(this.#synced.file_bytes);
      this.#file.giveBack(Math.max(0, file_bytes - this.#synced.file_bytes));
    } catch {
      // The disk that refuses this has refused more already, and that is told.
    }
  }

  #countDrops(): void {
    const drops = interfaceDrops({ name: this.#name, ifindex: this.#request.interface.ifindex });
    if (drops !== undefined && this.#drops_before !== undefined) this.#interface_dropped = drops - this.#drops_before;
  }

  #interfaceDropped(): { readonly interface_dropped?: bigint } {
    return this.#interface_dropped === undefined ? {} : { interface_dropped: this.#interface_dropped };
  }
}

function timeNs({ seconds, nanos }: RecordTime): TimeNs {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}
