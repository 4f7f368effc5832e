import { Worker } from 'node:worker_threads';
import { type FileCalls, type OpenFile, streamOf } from './file_calls.ts';
import type { FileFacts } from './file_facts.ts';
import type { LaneAnswer, LaneCall, LaneValue } from './file_lane_messages.ts';

/** How many calls are under way at one time, and for how long one may be. */
export interface FileLaneBounds {
  readonly threads_max: number;
  readonly per_owner: number;
  readonly per_directory: number;
  readonly call_ms: number;
  /** Of a call that waits for the disk. */
  readonly sync_ms: number;
}

/** Enough for every owner's disk, and each thread takes a few megabytes. */
const bounds_fallback: FileLaneBounds = {
  threads_max: 16,
  per_owner: 6,
  per_directory: 2,
  call_ms: 10_000,
  sync_ms: 60_000,
};

/** The calls of one directory of one owner. */
interface Lane {
  readonly owner: string;
  running: number;
  overdue: number;
  readonly waiting: Job[];
}

interface Job {
  readonly call: LaneCall;
  readonly done: (value: LaneValue) => void;
  readonly failed: (error: Error) => void;
}

/**
 * Makes calls on users' file systems in threads of their own: one that hangs, as those of a network file system do, holds up its own
 * directory and nothing else. A call that takes too long fails with ETIMEDOUT; its thread is taken until it comes back, and while
 * all of a directory's are, every other call on it fails at once.
 */
export class FileLanes {
  readonly #bounds: FileLaneBounds;
  /** By owner and directory; those with anything running or waiting, the first is next. */
  readonly #lanes = new Map<string, Lane>();
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();
  #running = 0;
  #overdue = 0;

  constructor(bounds: Partial<FileLaneBounds> = {}) {
    this.#bounds = { ...bounds_fallback, ...bounds };
  }

  /** How many calls are under way. */
  get running(): number {
    return this.#running;
  }

  /** How many of the owner that has most. */
  get most_running(): number {
    const owners = new Set([...this.#lanes.values()].map(({ owner }) => owner));
    return Math.max(0, ...[...owners].map((owner) => this.#ofOwner(owner, (lane) => lane.running)));
  }

  /** How many threads are taken by calls that took too long. */
  get stuck(): number {
    return this.#overdue;
  }

  /** The calls of an owner on a directory. */
  calls(owner: string, directory: string): FileCalls {
    const run = async (call: LaneCall): Promise<LaneValue> =>
      await new Promise((done, failed) => this.#take(owner, directory, { call, done, failed }));
    return {
      open: async (path, flags, mode) => fileOf(run, (await run({ name: 'open', path, flags, mode })) as number),
      mkdir: async (path, mode) => void (await run({ name: 'mkdir', path, mode })),
      rename: async (path, to) => void (await run({ name: 'rename', path, to })),
      unlink: async (path) => void (await run({ name: 'unlink', path })),
      readdir: async (path) => (await run({ name: 'readdir', path })) as readonly string[],
      stat: async (path) => (await run({ name: 'stat', path })) as FileFacts,
      requireWritable: async (path) => void (await run({ name: 'requireWritable', path })),
    };
  }

  /** Ends the threads that are idle; those that hang end when their call comes back. */
  async close(): Promise<void> {
    await Promise.all(this.#idle.splice(0).map(async (worker) => await worker.terminate()));
  }

  #take(owner: string, directory: string, job: Job): void {
    const key = JSON.stringify([owner, directory]);
    const lane = this.#lanes.get(key) ?? { owner, running: 0, overdue: 0, waiting: [] };
    this.#lanes.set(key, lane);
    // What is to be closed is closed whenever that is possible; nobody needs to wait for it.
    if (job.call.name === 'close' && lane.overdue > 0) {
      job.done(undefined);
      lane.waiting.push({ ...job, done: () => undefined, failed: () => undefined });
      return;
    }
    lane.waiting.push(job);
    this.#next();
    this.#refuseStuck();
  }

  #next(): void {
    for (const [key, lane] of this.#lanes) {
      while (lane.waiting.length > 0 && this.#mayBegin(lane)) {
        const job = lane.waiting.shift();
        if (job === undefined) break;
        // The next turn is another directory's.
        this.#lanes.delete(key);
        this.#lanes.set(key, lane);
        this.#begin(key, lane, job);
      }
      if (lane.waiting.length === 0 && lane.running === 0) this.#lanes.delete(key);
    }
  }

  #mayBegin(lane: Lane): boolean {
    const { threads_max, per_owner, per_directory } = this.#bounds;
    return (
      this.#running < threads_max &&
      lane.running < per_directory &&
      this.#ofOwner(lane.owner, (one) => one.running) < per_owner
    );
  }

  #ofOwner(owner: string, count: (lane: Lane) => number): number {
    let sum = 0;
    for (const lane of this.#lanes.values()) if (lane.owner === owner) sum += count(lane);
    return sum;
  }

  /** Refuses what waits for calls that hang. */
  #refuseStuck(): void {
    if (this.#overdue === 0) return;
    const { threads_max, per_owner, per_directory } = this.#bounds;
    for (const lane of this.#lanes.values()) {
      const stuck =
        lane.overdue >= per_directory ||
        this.#overdue >= threads_max ||
        this.#ofOwner(lane.owner, (one) => one.overdue) >= per_owner;
      if (!stuck) continue;
      const closing = lane.waiting.filter(({ call }) => call.name === 'close');
      for (const { call, failed } of lane.waiting.splice(0)) if (call.name !== 'close') failed(timedOut(call));
      lane.waiting.push(...closing);
    }
  }

  #begin(key: string, lane: Lane, { call, done, failed }: Job): void {
    const ready = this.#idle.pop();
    let worker: Worker;
    try {
      worker = ready ?? this.#start();
    } catch (error) {
      return failed(error instanceof Error ? error : new Error(String(error)));
    }
    let late = false;
    lane.running += 1;
    this.#running += 1;
    const { call_ms, sync_ms } = this.#bounds;
    let timer: NodeJS.Timeout | undefined;
    const begun = (): void => {
      timer = setTimeout(
        () => {
          late = true;
          lane.overdue += 1;
          this.#overdue += 1;
          failed(timedOut(call));
          this.#refuseStuck();
        },
        call.name === 'sync' || call.name === 'datasync' ? sync_ms : call_ms,
      );
    };
    // A thread that is being started has not begun.
    if (ready !== undefined) begun();
    const settle = (): void => {
      clearTimeout(timer);
      worker.off('message', heard);
      worker.off('exit', gone);
      worker.unref();
      lane.running -= 1;
      this.#running -= 1;
      if (late) {
        lane.overdue -= 1;
        this.#overdue -= 1;
      }
    };
    const heard = (answer: LaneAnswer | 'ready'): void => {
      if (answer === 'ready') return begun();
      settle();
      this.#idle.push(worker);
      if ('error' in answer) failed(Object.assign(new Error(answer.error.message), withoutUndefined(answer.error)));
      else if (late && call.name === 'open' && typeof answer.value === 'number') {
        // Nobody has it.
        lane.waiting.push({
          call: { name: 'close', fd: answer.value },
          done: () => undefined,
          failed: () => undefined,
        });
        this.#lanes.set(key, lane);
      } else done(answer.value);
      return this.#next();
    };
    const gone = (): void => {
      settle();
      failed(Object.assign(new Error('its thread ended'), { code: 'EIO' }));
      this.#next();
    };
    worker.on('message', heard);
    worker.on('exit', gone);
    worker.ref();
    worker.postMessage(call, call.name === 'writeAll' ? [call.bytes.buffer as ArrayBuffer] : []);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./file_lane_worker.ts', import.meta.url), {
      execArgv: [],
      name: 'edgetap-files',
      // What it opens is others' to close.
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    });
    this.#all.add(worker);
    worker.on('error', () => undefined);
    worker.on('exit', () => {
      this.#all.delete(worker);
      if (this.#idle.includes(worker)) this.#idle.splice(this.#idle.indexOf(worker), 1);
    });
    return worker;
  }
}

function fileOf(run: (call: LaneCall) => Promise<LaneValue>, fd: number): OpenFile {
  const file: OpenFile = {
    fd,
    writeAll: async (bytes, position) => {
      // What goes to the thread is gone from here, so it is a copy.
      await run({ name: 'writeAll', fd, bytes: Uint8Array.prototype.slice.call(bytes), position });
    },
    read: async (buffer, position) => (await run({ name: 'read', fd, length: buffer.length, position })) as Uint8Array,
    sync: async () => void (await run({ name: 'sync', fd })),
    datasync: async () => void (await run({ name: 'datasync', fd })),
    stat: async () => (await run({ name: 'fstat', fd })) as FileFacts,
    stream: (first, last, chunk_bytes) => streamOf(file, first, last, chunk_bytes),
    close: async () => void (await run({ name: 'close', fd })),
  };
  return file;
}

function timedOut({ name }: LaneCall): Error {
  return Object.assign(new Error(`the file system does not answer (${name})`), { code: 'ETIMEDOUT' });
}

function withoutUndefined({ code, errno }: { readonly code: string; readonly errno: number | undefined }): object {
  return errno === undefined ? { code } : { code, errno };
}
