import { closeSync, openSync, readSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openMatcher } from '../../src/libpcap/match_records.ts';
import type { Program } from '../../src/libpcap/program.ts';
import { limits } from '../../src/model/limits.ts';
import { pcapHeaderBytes } from '../../src/pcap/pcap_header.ts';
import { recordHeaderBytes } from '../../src/pcap/pcap_record.ts';
import { walkRecords } from '../../src/samples/walk_records.ts';

/** What a query gave. */
export interface WholeStoreAnswer {
  readonly packets: number;
  readonly bytes: number;
}

const chunk_bytes = 1 << 20;

/**
 * Everything in a stream's segments that matches, piece by piece, each looked at and let go. This is the one call to be put upon the
 * store's own visit of all that matches.
 */
export function queryWholeStore(stream_directory: string, program: Program): WholeStoreAnswer {
  const matcher = openMatcher(program);
  const bytes = new Uint8Array(chunk_bytes);
  const view = new DataView(bytes.buffer);
  let answer: WholeStoreAnswer = { packets: 0, bytes: 0 };
  for (const name of readdirSync(stream_directory).toSorted()) {
    if (!/^\d+\.pcap$/.test(name)) continue;
    const file = openSync(join(stream_directory, name), 'r');
    for (let position = pcapHeaderBytes; ; ) {
      const got = readSync(file, bytes, 0, bytes.length, position);
      const { end } = walkRecords(view, 0, got, limits.sample_snaplen_bytes);
      if (end === 0) break;
      const matched = matcher.match(bytes.subarray(0, end));
      answer = { packets: answer.packets + countRecords(matched), bytes: answer.bytes + matched.length };
      position += end;
    }
    closeSync(file);
  }
  matcher.close();
  return answer;
}

function countRecords(records: Uint8Array): number {
  const view = new DataView(records.buffer, records.byteOffset, records.length);
  let count = 0;
  for (let at = 0; at < records.length; at += recordHeaderBytes + view.getUint32(at + 8, true)) count += 1;
  return count;
}
