import { raise } from '../model/errors/fault.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import type { LiveHandle } from './live_handle.ts';
import { raiseErrno } from './native_fault.ts';
import type { DumperPointer, FilePointer } from './pointer.ts';

// stdio_ext.h
const FSETLOCKING_BYCALLER = 2;
const fileHeaderBytes = 24;
const recordHeaderBytes = 16;

/** Packets of one `append`, at most. */
const batchPackets = 128;
/** And at most this many after packets longer than `small_bytes`: calls cost nothing there, and memory does. */
const largeBatchPackets = 64;
const small_bytes = 512;

/**
 * Memory that libpcap itself fills with whole batches of packets, as records of a classic pcap file, with no call into
 * JavaScript per packet: a memory stream (fmemopen(3)) over our bytes, a dumper on it, and the address of libpcap's own
 * `pcap_dump` as the packet handler. Owns bytes, stream and dumper.
 */
export class BatchMemory {
  readonly view: DataView<ArrayBuffer>;
  /** The pcap file header that libpcap writes for this capture: link type, precision and snaplen as it knows them. */
  readonly fileHeader: Uint8Array;
  readonly #native: Libpcap;
  readonly #handle: LiveHandle;
  readonly #file: FilePointer;
  #bytes: Uint8Array<ArrayBuffer>;
  #dumper: DumperPointer | undefined;
  #length = 0;
  #packets = largeBatchPackets;

  /** Room for records until `fill_bytes` are exceeded by one more batch of packets of `snaplen_bytes` each. */
  constructor(
    handle: LiveHandle,
    { fill_bytes, snaplen_bytes }: { readonly fill_bytes: number; readonly snaplen_bytes: number },
    native: Libpcap = loadLibpcap(),
  ) {
    this.#native = native;
    this.#handle = handle;
    // One byte more than can be used: a stream that is exactly full ends with a zero in place of its last byte.
    const size = fill_bytes + batchPackets * (recordHeaderBytes + snaplen_bytes) + 1;
    // Not cleared: most of it is for packets of a size that rarely comes, and memory that is never touched costs nothing.
    this.#bytes = new Uint8Array(Buffer.allocUnsafeSlow(Math.max(size, fileHeaderBytes + 1)).buffer);
    this.view = new DataView(this.#bytes.buffer);
    const file = native.libc.fmemopen(this.#bytes, this.#bytes.length, 'w');
    if (file === null) raiseErrno('fmemopen');
    // Two writes and a check for each packet, each of which would take the stream's lock.
    native.libc.__fsetlocking(file, FSETLOCKING_BYCALLER);
    const dumper = native.pcap.pcap_dump_fopen(handle.pointer, file);
    if (dumper === null) {
      native.libc.fclose(file);
      raise('native_call_failed', { call: 'pcap_dump_fopen', reason: handle.error });
    }
    this.#file = file;
    this.#dumper = dumper;
    native.pcap.pcap_dump_flush(dumper);
    this.fileHeader = this.#bytes.slice(0, fileHeaderBytes);
    this.rewind();
  }

  /** Bytes filled so far. */
  get length(): number {
    return this.#length;
  }

  /** The bytes from `start` to before `end`, not copied: good until they are filled anew. */
  bytes(start: number, end: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(start, end);
  }

  /** Starts to fill from the beginning again. */
  rewind(): void {
    this.#native.libc.rewind(this.#file);
    this.#length = 0;
  }

  /**
   * Moves up to 128 packets (64 where the last ones were long) from the ring to the end of the memory and returns how many; 0 where none is there; -1 where
   * libpcap failed (then the handle's `error` has the reason); -2 where the stream could not hold what it was given.
   */
  append(): number {
    const { pcap, libc } = this.#native;
    const dumper = this.#dumper;
    if (dumper === undefined) throw new Error('the batch memory is closed');
    const count = pcap.pcap_dispatch(this.#handle.pointer, this.#packets, pcap.pcap_dump, dumper);
    if (count === 0) return 0;
    const flushed = pcap.pcap_dump_flush(dumper);
    const before = this.#length;
    this.#length = Number(libc.ftell(this.#file));
    this.#packets = this.#length - before > count * small_bytes ? largeBatchPackets : batchPackets;
    if (count < 0) return -1;
    return flushed === 0 ? count : -2;
  }

  /** Gives everything back at once; views on the memory become empty. Safe to call twice. */
  close(): void {
    if (this.#dumper === undefined) return;
    this.#native.pcap.pcap_dump_close(this.#dumper);
    this.#dumper = undefined;
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(0));
  }
}
