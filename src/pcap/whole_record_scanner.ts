import { recordHeaderBytes } from './pcap_record.ts';
import { capturedMaxBytes } from './pcap_format.ts';

/** So many records after each other are no chance. */
const chain_records = 3;
const lookahead_bytes = chain_records * (recordHeaderBytes + capturedMaxBytes);
/** Records that follow each other are not farther apart, where nothing else tells that they are records. */
const apart_s = 2 * 86_400;
/** Nor is any from before 2001: so the fraction of a second, always below this, is not taken for the seconds. */
const seconds_least = 1e9;

/**
 * Finds what looks like whole records in the bytes behind the header of a classic pcap file (little-endian, nanoseconds) that is damaged
 * and has no sums: goes on behind what is none. What a record has in it is not looked at.
 */
export class WholeRecordScanner {
  #held: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Does a record begin at the first byte that is held, as far as one knows? */
  #is_synced: boolean;

  /** `is_synced`: a record begins with the first byte, unless that is damaged. */
  constructor(is_synced: boolean) {
    this.#is_synced = is_synced;
  }

  /** Takes the next bytes, and gives runs of whole records; they are good until the next call. */
  push(bytes: Uint8Array): readonly Uint8Array[] {
    const joined = new Uint8Array(this.#held.length + bytes.length);
    joined.set(this.#held);
    joined.set(bytes, this.#held.length);
    this.#held = joined;
    this.#view = new DataView(joined.buffer);
    return this.#scan(false);
  }

  /** No more bytes come: gives the rest. */
  end(): readonly Uint8Array[] {
    return this.#scan(true);
  }

  #scan(final: boolean): readonly Uint8Array[] {
    const held = this.#held;
    const runs: Uint8Array[] = [];
    const least = final ? recordHeaderBytes : lookahead_bytes;
    let [at, run] = [0, 0];
    const endRun = (): void => {
      if (at > run) runs.push(held.subarray(run, at));
    };
    while (held.length - at >= least) {
      const end = this.#is_synced ? this.#endOf(at, final) : undefined;
      if (end !== undefined) {
        at = end;
        continue;
      }
      endRun();
      const found = this.#search(at + (this.#is_synced ? 1 : 0), final);
      this.#is_synced = found !== undefined;
      run = at = found ?? Math.max(at, held.length - least + 1);
    }
    endRun();
    this.#held = held.subarray(at);
    this.#view = new DataView(held.buffer, held.byteOffset + at);
    return runs;
  }

  /** Where the record that begins here ends; undefined where there is none. */
  #endOf(at: number, final: boolean): number | undefined {
    const end = this.#headerEnd(at);
    if (end === undefined || end > this.#held.length) return undefined;
    if (this.#held.length - end < recordHeaderBytes || this.#headerEnd(end) !== undefined) return end;
    // The next one is damaged, or the length of this one is: then others begin within it.
    const found = this.#search(at + 1, final, end);
    return found === undefined ? end : undefined;
  }

  /** The first place from there on, and before `until`, at which records begin. */
  #search(from: number, final: boolean, until: number = Infinity): number | undefined {
    const last = Math.min(until - 1, this.#held.length - (final ? recordHeaderBytes : lookahead_bytes));
    for (let at = from; at <= last; at += 1) if (this.#isChain(at, final)) return at;
    return undefined;
  }

  #isChain(from: number, final: boolean): boolean {
    const length = this.#held.length;
    if (this.#seconds(from) < seconds_least) return false;
    let at = from;
    for (let count = 0; count < chain_records; count += 1) {
      if (length - at < recordHeaderBytes) return final && (at === length || count === chain_records - 1);
      const end = this.#headerEnd(at);
      if (end === undefined || Math.abs(this.#seconds(at) - this.#seconds(from)) > apart_s) return false;
      // The last one may be torn.
      if (end > length) return final && count === chain_records - 1;
      at = end;
    }
    return true;
  }

  #seconds(at: number): number {
    return this.#view.getUint32(at, true);
  }

  /** Where the record would end whose header begins here; undefined where that is none. */
  #headerEnd(at: number): number | undefined {
    const [captured, original] = [this.#view.getUint32(at + 8, true), this.#view.getUint32(at + 12, true)];
    if (captured > capturedMaxBytes || captured > original || this.#view.getUint32(at + 4, true) >= 1e9)
      return undefined;
    return this.#seconds(at) === 0 || original === 0 ? undefined : at + recordHeaderBytes + captured;
  }
}
