import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Fault, fault } from '../model/errors/fault.ts';
import type { SampleClock } from './clock.ts';
import { compareStreams } from './lookback.ts';
import { openStream } from './open_stream.ts';
import { syncDirectory } from './seal_segment.ts';
import type { SegmentRing } from './segment_ring.ts';
import type { Stream } from './stream.ts';
import { parseStreamDirectory, streamDirectory, type StreamName } from './stream_name.ts';

/** What keeping the streams takes. */
export interface StoredStreamsPorts {
  /** Of the whole store. */
  readonly directory: string;
  readonly clock: SampleClock;
  /** The boot that this is. */
  readonly boot: Uint8Array;
  readonly ring: SegmentRing;
  readonly report: (fault: Fault) => void;
  /** All that an earlier process left has been taken in. */
  readonly takenIn: () => void;
}

interface OpenedHere {
  readonly stream: Stream;
  /** Files in its directory that are not the store's. */
  readonly foreign: readonly string[];
}

/** The streams of a store, each in a directory of its own. */
export class StoredStreams {
  readonly #ports: StoredStreamsPorts;
  readonly #streams = new Map<string, Promise<OpenedHere>>();
  readonly #opened: Stream[] = [];
  #prepared: Promise<void> | undefined;

  constructor(ports: StoredStreamsPorts) {
    this.#ports = ports;
  }

  /** Those that are open, in order. */
  get opened(): readonly Stream[] {
    return this.#opened;
  }

  /** Makes the store's directory, and takes in what an earlier process left in it: once, or again where that failed. Throws as the system does. */
  prepare(): Promise<void> {
    if (this.#prepared !== undefined) return this.#prepared;
    const prepared = this.#takeIn();
    this.#prepared = prepared;
    prepared.catch(() => {
      this.#prepared = undefined;
    });
    return prepared;
  }

  /** The stream of an interface's packets of this link type; what it needs on the disk is made, as often as it is asked for. */
  async stream(interface_name: string, linktype: number): Promise<Stream> {
    const { directory } = this.#ports;
    await this.prepare();
    const name = { interface: interface_name, linktype };
    const key = streamDirectory(name);
    const path = join(directory, key);
    // Again, where it was there before: somebody may have removed it.
    const made = await mkdir(path, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncDirectory(directory);
    const known = this.#streams.get(key);
    if (known !== undefined) return (await known).stream;
    const opening = this.#open({ ...name, directory: path });
    this.#keep(key, opening);
    return (await opening).stream;
  }

  async #takeIn(): Promise<void> {
    const { directory, report, ring, clock, takenIn } = this.#ports;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const foreign: string[] = [];
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      const name = parseStreamDirectory(entry.name);
      if (name === undefined || !entry.isDirectory()) {
        foreign.push(entry.name);
        continue;
      }
      if (this.#streams.has(entry.name)) continue;
      const opening = this.#open({ ...name, directory: join(directory, entry.name) });
      this.#keep(entry.name, opening);
      try {
        foreign.push(...(await opening).foreign.map((file) => `${entry.name}/${file}`));
      } catch (error) {
        // It is opened again before anything is written into it.
        report(fault('samples_write_failed', { reason: error instanceof Error ? error.message : String(error) }));
      }
    }
    if (foreign.length > 0) {
      const names = foreign.length > 10 ? `${foreign.slice(0, 10).join(', ')}, …` : foreign.join(', ');
      report(fault('samples_foreign', { count: foreign.length, names }));
    }
    await ring.evict(0, clock.monotonic());
    takenIn();
  }

  #keep(key: string, opening: Promise<OpenedHere>): void {
    this.#streams.set(key, opening);
    opening.catch(() => this.#streams.delete(key));
  }

  async #open({ directory, ...name }: StreamName & { readonly directory: string }): Promise<OpenedHere> {
    const { clock, report, boot, ring } = this.#ports;
    const found = await openStream({ stream: name, directory, clock, boot, report });
    const stream: Stream = { ...name, directory, sealed: [], next_number: found.next_number };
    for (const segment of found.sealed) ring.add(stream, segment);
    this.#opened.push(stream);
    this.#opened.sort(compareStreams);
    return { stream, foreign: found.foreign };
  }
}
