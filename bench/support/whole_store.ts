import { indexFormula } from '../../src/filter/index_formula.ts';
import type { JoinedFilter } from '../../src/filter/join_filter.ts';
import type { Program } from '../../src/libpcap/program.ts';
import { createRecordMemory } from '../../src/libpcap/record_filter.ts';
import { IndexShelf } from '../../src/samples/index/index_shelf.ts';
import { limits } from '../../src/model/limits.ts';
import { recordHeaderBytes } from '../../src/pcap/pcap_record.ts';
import { bootId } from '../../src/samples/boot_id.ts';
import { systemClock } from '../../src/samples/clock.ts';
import { prepareLookback } from '../../src/samples/lookback.ts';
import { openStream } from '../../src/samples/open_stream.ts';
import type { Stream } from '../../src/samples/stream.ts';
import { visitMatches } from '../../src/samples/visit_matches.ts';

/** What a query gave. */
export interface WholeStoreAnswer {
  readonly packets: number;
  readonly bytes: number;
}

const second_ns = 1_000_000_000n;

/** Opens a stream's directory, to be asked for everything that matches: piece by piece, each looked at and let go. */
export async function openWholeStore(
  directory: string,
  name: { readonly interface: string; readonly linktype: number },
): Promise<(filter: JoinedFilter, program: Program) => WholeStoreAnswer> {
  const report = (fault: { readonly message: string }): never => {
    throw new Error(fault.message);
  };
  const { sealed, next_number } = await openStream({
    stream: name,
    directory,
    clock: systemClock,
    boot: bootId(),
    report,
  });
  const stream: Stream = { ...name, directory, sealed, next_number };
  const memory = createRecordMemory(1 << 18);
  const indexes = new IndexShelf();
  return (filter, program) => {
    const to = systemClock.now() + second_ns;
    const query = {
      programs: new Map([[name.linktype, program]]),
      formula: indexFormula(filter),
      from: to - BigInt(limits.lookback_max_s) * second_ns,
      to,
      packet_limit: limits.packets_max,
    };
    const prepared = prepareLookback(query, { streams: [stream], samplers: [], growing: new Map(), now: 0n });
    let [packets, bytes] = [0, 0];
    try {
      const ended = visitMatches(
        prepared.job,
        { memory, indexes, cancelled: () => false },
        {
          floor: undefined,
          visit: ({ view, start, end }) => {
            bytes += end - start;
            for (let at = start; at < end; at += recordHeaderBytes + view.getUint32(at + 8, true)) packets += 1;
          },
        },
      );
      if (ended === undefined || ended.found.length > 0) throw new Error(`damage: ${JSON.stringify(ended?.found)}`);
    } finally {
      prepared.close();
    }
    return { packets, bytes };
  };
}
