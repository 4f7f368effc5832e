import { raise } from '../model/errors/fault.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { openRecords } from './compile_handle.ts';
import { matchHeader } from './match_header.ts';
import { addressOf, nativeBytes } from './native_bytes.ts';
import { raiseErrno } from './native_fault.ts';
import type { DumperPointer, FilePointer, PcapPointer } from './pointer.ts';
import { ancillary, decodeInstructions, instruction_bytes, type Program } from './program.ts';

const header_bytes = 24;
const record_header_bytes = 16;

/** Runs a filter over stored packets. */
export interface Matcher {
  /**
   * Picks the matching ones out of a whole number of pcap records with nanosecond times, little-endian, of the program's link
   * type; order and bytes stay. The answer is a view of the matcher's own memory: good until the next call or `close`.
   *
   * @throws FaultError `pcap_truncated` where the last record is not whole, `native_call_failed` where libpcap refuses one.
   */
  match(records: Uint8Array): Uint8Array;
  /** Gives its memory back. Safe to call twice. */
  close(): void;
}

/**
 * Makes a matcher that works at libpcap's own speed, with no call into JavaScript per packet: libpcap reads the records as a
 * capture file in memory (fmemopen(3)), filters, and hands each hit to its own `pcap_dump`, which writes into memory again.
 *
 * @throws FaultError `native_call_failed` where libpcap does not take the program. A RangeError for a program of a live capture.
 */
export function openMatcher(program: Program, native: Libpcap = loadLibpcap()): Matcher {
  if (decodeInstructions(program.instructions).some((one) => (one.code & 0xe7) === 0x20 && one.k >= ancillary.base)) {
    throw new RangeError('a filter of a live capture cannot be run over stored packets');
  }
  return new BatchMatcher(program, native);
}

class BatchMatcher implements Matcher {
  readonly #native: Libpcap;
  readonly #linktype: number;
  readonly #code: Uint8Array<ArrayBuffer>;
  #input: Uint8Array<ArrayBuffer> = nativeBytes(0);
  #output: Output | undefined;
  #closed = false;

  constructor(program: Program, native: Libpcap) {
    this.#native = native;
    this.#linktype = program.linktype;
    this.#code = nativeBytes(program.instructions.length);
    this.#code.set(program.instructions);
  }

  match(records: Uint8Array): Uint8Array {
    if (this.#closed) throw new Error('the matcher is closed');
    const count = countRecords(records);
    if (count === 0) return new Uint8Array(0);
    const pcap = this.#open(records);
    try {
      this.#setFilter(pcap);
      this.#output ??= openOutput(pcap, this.#input.length, this.#native);
      return this.#filter(pcap, this.#output, count);
    } finally {
      this.#native.pcap.pcap_close(pcap);
    }
  }

  close(): void {
    this.#closed = true;
    this.#closeOutput();
    this.#input = nativeBytes(0);
  }

  /** A handle that reads the records. */
  #open(records: Uint8Array): PcapPointer {
    const needed = header_bytes + records.length;
    if (this.#input.length < needed) {
      this.#closeOutput();
      this.#input = nativeBytes(Math.max(needed, 1 << 20));
      this.#input.set(matchHeader(this.#linktype));
    }
    this.#input.set(records, header_bytes);
    return openRecords(this.#input, needed, this.#native);
  }

  #closeOutput(): void {
    if (this.#output !== undefined) this.#native.pcap.pcap_dump_close(this.#output.dumper);
    this.#output = undefined;
  }

  #setFilter(pcap: PcapPointer): void {
    const program = nativeBytes(16);
    const view = new DataView(program.buffer);
    view.setUint32(0, this.#code.length / instruction_bytes, true);
    view.setBigUint64(8, addressOf(this.#code), true);
    if (this.#native.pcap.pcap_setfilter(pcap, program) === 0) return;
    raise('native_call_failed', { call: 'pcap_setfilter', reason: this.#native.pcap.pcap_geterr(pcap) });
  }

  #filter(pcap: PcapPointer, output: Output, count: number): Uint8Array {
    const { pcap: calls, libc } = this.#native;
    libc.rewind(output.file);
    const matched = calls.pcap_dispatch(pcap, 0, calls.pcap_dump, output.dumper);
    if (matched < 0) raise('native_call_failed', { call: 'pcap_dispatch', reason: calls.pcap_geterr(pcap) });
    if (calls.pcap_dump_flush(output.dumper) !== 0) return raiseErrno('pcap_dump_flush');
    const result = output.memory.subarray(0, Number(libc.ftell(output.file)));
    // A record that was not written whole would show here.
    if (matched > count || countRecords(result) !== matched) {
      raise('native_call_failed', { call: 'pcap_dump', reason: `${result.length} bytes are not ${matched} records` });
    }
    return result;
  }
}

interface Output {
  readonly memory: Uint8Array<ArrayBuffer>;
  readonly file: FilePointer;
  /** Owns the file. */
  readonly dumper: DumperPointer;
}

/** Memory that takes as many bytes as come in, and one more: a stream that is exactly full ends with a zero. */
function openOutput(pcap: PcapPointer, bytes: number, { pcap: calls, libc }: Libpcap): Output {
  const memory = nativeBytes(bytes + 1);
  const file = libc.fmemopen(memory, memory.length, 'w');
  if (file === null) return raiseErrno('fmemopen');
  const dumper = calls.pcap_dump_fopen(pcap, file);
  if (dumper !== null) return { memory, file, dumper };
  libc.fclose(file);
  return raise('native_call_failed', { call: 'pcap_dump_fopen', reason: calls.pcap_geterr(pcap) });
}

/** The number of records, each of them whole. */
function countRecords(records: Uint8Array): number {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  let count = 0;
  let offset = 0;
  while (offset < records.length) {
    if (records.length - offset < record_header_bytes) raise('pcap_truncated', { offset });
    offset += record_header_bytes + view.getUint32(offset + 8, true);
    if (offset > records.length) raise('pcap_truncated', { offset: records.length });
    count++;
  }
  return count;
}
