import { codes, decodeInstructions, type Program } from '../libpcap/program.ts';
import { openRecordFilter, type RecordFilter, type RecordMemory } from '../libpcap/record_filter.ts';
import { recordHeaderBytes } from '../pcap/pcap_record.ts';
import { matchInner, type PacketPredicate } from './match_inner.ts';
import type { StreamFilter } from './scan_job.ts';

/** The filter of one stream. */
export interface StreamMatcher {
  /** Moves the matching records among the whole ones in [start, end) of a record memory together at `start`; gives where they end. */
  match(start: number, end: number): number;
  /** Of so many by now it could not be judged, because what decides was not kept of them; they do not match. */
  readonly unjudged: number;
}

/** Makes the matcher of one stream; `inner` is the filter of the IP packets inside, where these count too. */
export function streamMatcher(
  linktype: number,
  { program, scope }: StreamFilter,
  inner: Program | undefined,
  memory: RecordMemory,
): StreamMatcher {
  if (program !== undefined && acceptsAll(program)) return { match: (_start, end) => end, unjudged: 0 };
  const filter = program === undefined ? undefined : openRecordFilter(program, memory);
  if (inner === undefined || scope === undefined) {
    return filter === undefined ? noneOf : matcherOf((start, end) => filter.filter(start, end), [filter]);
  }
  const [visible, inside] = [openRecordFilter(scope, memory), openRecordFilter(inner, memory)];
  const predicates = {
    ...(filter === undefined ? {} : { filter: predicateOf(filter) }),
    scope: predicateOf(visible),
    inner: predicateOf(inside),
  };
  const match = oneByOne(matchInner(linktype, memory.view, predicates), memory);
  return matcherOf(match, [visible, inside, ...(filter === undefined ? [] : [filter])]);
}

function matcherOf(match: StreamMatcher['match'], filters: readonly RecordFilter[]): StreamMatcher {
  return {
    match,
    get unjudged() {
      return filters.reduce((sum, filter) => sum + filter.unjudged, 0);
    },
  };
}

function predicateOf(filter: RecordFilter): PacketPredicate {
  return (offset, captured, original) => filter.matches(offset, captured, original);
}

const noneOf: StreamMatcher = { match: (start) => start, unjudged: 0 };

function oneByOne(matches: PacketPredicate, { bytes, view }: RecordMemory): StreamMatcher['match'] {
  return (start, end) => {
    let into = start;
    for (let at = start; at < end; ) {
      const captured = view.getUint32(at + 8, true);
      const next = at + recordHeaderBytes + captured;
      if (matches(at + recordHeaderBytes, captured, view.getUint32(at + 12, true))) {
        if (into !== at) bytes.copyWithin(into, at, next);
        into += next - at;
      }
      at = next;
    }
    return into;
  };
}

/** Does it let every packet through, as the filter of a query without one does? */
export function acceptsAll(program: Program): boolean {
  const [first] = decodeInstructions(program.instructions.subarray(0, 8));
  return first !== undefined && first.code === codes.return_constant && first.k > 0;
}
