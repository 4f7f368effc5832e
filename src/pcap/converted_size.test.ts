import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { convertedFileBytes } from '../model/piece_size.ts';
import { buildPcap } from '../../test/support/packet_samples.ts';
import { linkTypes } from './link_type.ts';
import { mergeFiles } from './merge_files.ts';

/** What pieces are planned with for the header of a file and its interfaces: what is looked at here is the packets. */
const allowance = convertedFileBytes(0n);
const header_bytes = 24;

const anyPart = fc.record({
  // Of those that can be Ethernet in a classic file, too.
  linktype: fc.constantFrom(linkTypes.ethernet, linkTypes.raw),
  lengths: fc.array(fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 300 })), { maxLength: 30 }),
});

async function sizeOf(files: readonly Uint8Array[], format: 'pcap' | 'pcapng'): Promise<number> {
  let bytes = 0;
  for await (const chunk of mergeFiles(
    files.map((file) => ({ chunks: [file] })),
    { format, application: 'edgetap' },
  ))
    bytes += chunk.length;
  return bytes;
}

test('no packets become longer in any format than what pieces are planned for', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyPart, { minLength: 1, maxLength: 4 }),
      fc.constantFrom('pcap' as const, 'pcapng' as const),
      async (parts, format) => {
        const fileOf = (linktype: number, lengths: readonly number[]): Uint8Array =>
          buildPcap(
            lengths.map((length, index) => ({
              time: BigInt(index),
              original: length,
              data: new Uint8Array(length).fill(0x45),
            })),
            { linktype },
          );
        const files = parts.map(({ linktype, lengths }) => fileOf(linktype, lengths));
        const packets = files.reduce((sum, { length }) => sum + length - header_bytes, 0);
        const empty = await sizeOf(
          parts.map(({ linktype }) => fileOf(linktype, [])),
          format,
        );
        const grown = (await sizeOf(files, format)) - empty;
        expect(BigInt(grown)).toBeLessThanOrEqual(convertedFileBytes(BigInt(packets)) - allowance);
      },
    ),
  );
});
