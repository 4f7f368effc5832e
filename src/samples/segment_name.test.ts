import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSegmentFile, segmentFiles } from './segment_name.ts';

test('the names of the format document', () => {
  expect(segmentFiles(42)).toEqual({
    open: '.open-0000000042.pcap',
    sealed: '0000000042.pcap',
    header: '0000000042.seg',
    new_header: '.new-0000000042.seg',
    index: '0000000042.idx',
    new_index: '.new-0000000042.idx',
  });
});

test('every name is read back as what it is', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9_999_999_999 }), (number) => {
      for (const [kind, name] of Object.entries(segmentFiles(number))) {
        expect(parseSegmentFile(name)).toEqual({ number, kind });
      }
    }),
  );
});

test.each([
  '42.pcap',
  '0000000000.pcap',
  '00000000042.pcap',
  '.open-0000000042.seg',
  '.new-0000000042.pcap',
  '0000000042.pcapng',
  '0000000042.pcap.gz',
  'x0000000042.pcap',
  '.0000000042.pcap',
])('%s is none of a segment', (name) => {
  expect(parseSegmentFile(name)).toBeUndefined();
});
