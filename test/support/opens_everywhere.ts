import { expect } from 'vitest';
import { runClean, runTool } from './packet_tools.ts';

/**
 * Has the field's programs read a file to its end, without a complaint, and count its packets. They write copies to places that `scratch`
 * gives. A pcapng file of `mixed` link types is one that libpcap cannot read.
 */
export function opensEverywhere(scratch: (name: string) => string, path: string, packets: number, mixed = false): void {
  const copies = ['edited.pcapng', 'edited.pcap', 'copied.pcap'].map((name) => scratch(name));
  const [edited = '', classic = '', copied = ''] = copies;
  expect(runClean('tshark', ['-n', '-r', path, '-T', 'fields', '-e', 'frame.number']).split('\n')).toHaveLength(
    packets + 1,
  );
  runClean('editcap', [path, edited]);
  if (mixed) {
    // libpcap has one link type for all of a file.
    const read = runTool('tcpdump', ['-n', '-r', path, '-w', copied]);
    expect(read.status).toBe(1);
    expect(read.stderr).toMatch(/an interface has a type \d+ different from the type of the first interface/);
  } else {
    runClean('editcap', ['-F', 'pcap', path, classic]);
    const { status, stderr } = runTool('tcpdump', ['-n', '-r', path, '-w', copied]);
    // What it says of every file of this link type.
    expect([status, stderr.replace('Warning: interface names might be incorrect', '')]).toEqual([0, '']);
  }
  const all = mixed ? [path, edited] : [path, ...copies];
  expect(runClean('capinfos', ['-M', '-T', '-r', '-c', ...all])).toBe(
    all.map((one) => `${one}\t${packets}\n`).join(''),
  );
}
