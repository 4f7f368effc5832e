import { expect, test } from 'vitest';
import { segmentLabel } from './segment_label.ts';

test('tells apart the segments of an interface that came back with another link type', () => {
  expect(segmentLabel({ interface: 'tun0', linktype: 1 }, 41)).toBe('tun0@1/0000000041.pcap');
  expect(segmentLabel({ interface: 'tun0', linktype: 101 }, 41)).toBe('tun0@101/0000000041.pcap');
});
