import { type Libpcap, loadLibpcap } from '../libpcap/binding.ts';
import { openMatcher } from '../libpcap/match_records.ts';
import { addressOf, nativeBytes } from '../libpcap/native_bytes.ts';
import { instruction_bytes, type Program } from '../libpcap/program.ts';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { matchInner, type PacketPredicate } from './match_inner.ts';
import type { ScanMatcher, ScanPrograms } from './scan_segments.ts';

/** Makes the matcher of one stream: libpcap's own over whole batches, or one that asks about each packet and about the IP packets in it. */
export function openScanMatcher({ filter, inner }: ScanPrograms, native: Libpcap = loadLibpcap()): ScanMatcher {
  if (inner !== undefined) return openInnerMatcher(filter, inner, native);
  if (filter === undefined) throw new RangeError('there is nothing to search with');
  return openMatcher(filter, native);
}

function openInnerMatcher(
  filter: Program | undefined,
  { linktype, scope, program }: NonNullable<ScanPrograms['inner']>,
  native: Libpcap,
): ScanMatcher {
  let memory = nativeBytes(0);
  let matches: PacketPredicate = () => false;
  /** Makes room for so many bytes; the predicates belong to the memory that they read. */
  const grow = (bytes: number): void => {
    memory = nativeBytes(bytes);
    const predicate = (of: Program): PacketPredicate => offlinePredicate(of, memory, native);
    matches = matchInner(linktype, new DataView(memory.buffer), {
      ...(filter === undefined ? {} : { filter: predicate(filter) }),
      scope: predicate(scope),
      inner: predicate(program),
    });
  };
  return {
    match(records) {
      if (memory.length < records.length) grow(records.length);
      memory.set(records);
      const view = new DataView(memory.buffer);
      let kept = 0;
      let next = 0;
      for (let at = 0; at < records.length; at = next) {
        const captured = view.getUint32(at + 8, true);
        next = at + recordHeaderBytes + captured;
        if (next > records.length) throw new RangeError(`the record at ${at} is not whole`);
        if (!matches(at + recordHeaderBytes, captured, view.getUint32(at + 12, true))) continue;
        memory.copyWithin(kept, at, next);
        kept += next - at;
      }
      return memory.subarray(0, kept);
    },
    close() {
      memory = nativeBytes(0);
      matches = () => false;
    },
  };
}

/** Asks libpcap about one packet at a time (pcap_offline_filter(3PCAP)). */
function offlinePredicate(program: Program, memory: Uint8Array<ArrayBuffer>, native: Libpcap): PacketPredicate {
  const code = nativeBytes(program.instructions.length);
  code.set(program.instructions);
  const filter = nativeBytes(16);
  const filterView = new DataView(filter.buffer);
  filterView.setUint32(0, code.length / instruction_bytes, true);
  filterView.setBigUint64(8, addressOf(code), true);
  // struct pcap_pkthdr: the time in 16 bytes, then the two lengths.
  const header = nativeBytes(24);
  const headerView = new DataView(header.buffer);
  return (offset, captured, original) => {
    headerView.setUint32(16, captured, true);
    headerView.setUint32(20, original, true);
    const packet = memory.subarray(offset, offset + captured);
    // The code is read by its address only: it has to live until here.
    return native.pcap.pcap_offline_filter(filter, header, packet) !== 0 && code.length > 0;
  };
}
