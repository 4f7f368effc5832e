import { raise } from '../model/errors/fault.ts';
import { checkProgram } from './check_program.ts';
import { decodeInstructions, type Program } from './program.ts';
import { filterFunction } from './wasm/filter_function.ts';
import { matchesFunction } from './wasm/matches_function.ts';
import { encodeModule } from './wasm/wasm_module.ts';

/** Memory that filters and JavaScript share: records are read right into it. Its size is fixed, so that views stay good. */
export interface RecordMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly capacity_bytes: number;
  /** The same for WebAssembly, up to 64 KiB longer. */
  readonly memory: WebAssembly.Memory;
}

const page_bytes = 65_536;

/** So that every offset is a positive number of 32 bits with a sign. */
const capacity_max_bytes = 2 ** 31 - page_bytes;

/** Gets memory for records. Throws a RangeError where the capacity is not a whole number from 1 byte to almost 2 GiB. */
export function createRecordMemory(capacity_bytes: number): RecordMemory {
  if (!Number.isSafeInteger(capacity_bytes) || capacity_bytes < 1 || capacity_bytes > capacity_max_bytes) {
    throw new RangeError(`a record memory has 1 to ${capacity_max_bytes} bytes, not ${capacity_bytes}`);
  }
  const pages = Math.ceil(capacity_bytes / page_bytes);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const bytes = new Uint8Array(memory.buffer, 0, capacity_bytes);
  return { bytes, view: new DataView(memory.buffer, 0, capacity_bytes), capacity_bytes, memory };
}

/** A filter over records in a memory. */
export interface RecordFilter {
  /**
   * Moves those of the whole pcap records (16-byte little-endian headers, of the program's link type) in [start, end) that match together at `start`, in
   * their order; gives where they end. Nothing outside of [start, end) is read or written, whatever the records' headers say.
   *
   * @throws FaultError `pcap_truncated` where the record at an offset of the memory is not whole within `end`; the bytes from `start` to there are then
   * in no particular order. A RangeError where [start, end) does not lie in the memory.
   */
  filter(start: number, end: number): number;
  /**
   * Does the packet match whose captured bytes are at `offset`, with that length on the wire? Throws a RangeError where they do not
   * lie in the memory.
   */
  matches(offset: number, captured: number, original: number): boolean;
  /** So many packets by now were said not to match only because what decides was not captured of them. */
  readonly unjudged: number;
}

/**
 * Makes a filter of a compiled program: the program becomes a WebAssembly module that walks the records by itself. It says of every
 * packet what libpcap's own machine says (pcap_offline_filter(3)): loads from beyond the captured bytes and divisions by zero reject
 * the packet; a, x and the scratch words begin as 0. Any number of filters may share a memory; each is freed with its last reference.
 *
 * @throws RangeError for what is no program, or one of a live capture.
 */
export function openRecordFilter(program: Program, memory: RecordMemory): RecordFilter {
  const run = instantiate(program, memory);
  return {
    filter: (start, end) => {
      checkRange(start, end, memory);
      const kept_end = run.filter(start, end);
      return kept_end < 0 ? raise('pcap_truncated', { offset: -1 - kept_end }) : kept_end;
    },
    matches: (offset, captured, original) => {
      checkRange(offset, offset + captured, memory);
      return run.matches(offset, captured, original) !== 0;
    },
    get unjudged() {
      return run.unjudged.value >>> 0;
    },
  };
}

function checkRange(start: number, end: number, { capacity_bytes }: RecordMemory): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end && end <= capacity_bytes) {
    return;
  }
  throw new RangeError(`bytes ${start} to ${end} do not lie in a memory of ${capacity_bytes}`);
}

interface FilterExports {
  matches(bytes: number, captured: number, original: number): number;
  filter(start: number, end: number): number;
  readonly unjudged: { readonly value: number };
}

function instantiate(program: Program, { memory }: RecordMemory): FilterExports {
  const instructions = decodeInstructions(program.instructions);
  checkProgram(instructions);
  const module = encodeModule([matchesFunction(instructions), filterFunction(0)], ['unjudged']);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { memory: { memory } });
  // Both are exported just above.
  return exports as unknown as FilterExports;
}
