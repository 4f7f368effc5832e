import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { matchHeader } from '../../src/libpcap/match_header.ts';
import { concat } from './random_frame.ts';

const run = promisify(execFile);

/** Runs tcpdump with an expression over pcap records and gives those that it lets through. */
export async function tcpdumpFilter(records: Uint8Array, linktype: number, expression: string): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'edgetap-filter-'));
  try {
    const path = join(folder, 'all.pcap');
    await writeFile(path, concat([matchHeader(linktype), records]));
    // Without its optimizer (-O), which changes what some expressions mean.
    const args = ['-n', '-O', '-r', path, '-w', '-', '--time-stamp-precision=nano', '--', expression];
    const { stdout } = await run('tcpdump', args, { encoding: 'buffer', maxBuffer: 1 << 28 });
    return new Uint8Array(stdout.subarray(24));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Spells an expression out for tcpdump so that it means, at each depth of tags up to two, what it means without tags. `vlan`
 * shifts all that follows it by one tag, so the depth of a packet is told apart by its bytes.
 */
export function spelledOut(expression: string): string {
  const no_tag_at = (offset: number): string =>
    `(${[0x8100, 0x88a8, 0x9100].map((type) => `ether[${offset}:2] != ${type}`).join(' and ')})`;
  const outer = `(${no_tag_at(12)} and (${expression}))`;
  return `${outer} or (vlan and ((${no_tag_at(16)} and (${expression})) or (vlan and (${expression}))))`;
}
