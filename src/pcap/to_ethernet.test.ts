import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parsePcap } from '../../test/support/packet_samples.ts';
import { runClean, runs, scratchFolder } from '../../test/support/packet_tools.ts';
import { batchOfPackets } from '../../test/support/read_packets.ts';
import { linkTypes } from './link_type.ts';
import { createPcapWriter } from './pcap_writer.ts';
import { canBeEthernet, createEthernetForm, toEthernet } from './to_ethernet.ts';

const scratch = scratchFolder();

/** The frame that a packet becomes. */
function frameOf(linktype: number, data: Uint8Array, original = data.length): { frame: string; original: number } {
  const form = createEthernetForm();
  // Bytes around the packet that must not get into the frame.
  const around = Uint8Array.from(Buffer.concat([hex('eeee'), data, hex('ee')]));
  toEthernet(linktype, new DataView(around.buffer), 2, data.length, original, form);
  const kept = around.subarray(2 + form.skip, 2 + form.skip + form.captured - form.header_length);
  const frame = Buffer.concat([form.header.subarray(0, form.header_length), kept]);
  expect(frame).toHaveLength(form.captured);
  return { frame: frame.toString('hex'), original: form.original };
}
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const zeros = '00'.repeat(12);
const sll = (protocol: string, device = '0001'): string => `0000 ${device} 0006 020000000001 0000 ${protocol}`;
const sll2 = (protocol: string, device = '0001'): string =>
  `${protocol} 0000 00000002 ${device} 00 06 020000000001 0000`;

describe('a frame', () => {
  test.each<[string, number, string, string]>([
    ['Ethernet stays', linkTypes.ethernet, '010203', '010203'],
    ['raw IPv4', linkTypes.raw, '45aabb', `${zeros} 0800 45aabb`],
    ['raw IPv6', linkTypes.raw, '60aabb', `${zeros} 86dd 60aabb`],
    ['raw IPv4 of type 12', linkTypes.raw_12, '45', `${zeros} 0800 45`],
    ['raw IPv4 of type 14', linkTypes.raw_14, '45', `${zeros} 0800 45`],
    ['IPv4 alone', linkTypes.ipv4, '45aa', `${zeros} 0800 45aa`],
    ['IPv6 alone', linkTypes.ipv6, '60aa', `${zeros} 86dd 60aa`],
    ['neither 4 nor 6', linkTypes.raw, '05aa', `${zeros} 88b6 05aa`],
    ['nothing captured', linkTypes.raw, '', `${zeros} 88b6`],
    ['loopback IPv4', linkTypes.null, '02000000 45', `${zeros} 0800 45`],
    ['loopback IPv4 of the other order', linkTypes.null, '00000002 45', `${zeros} 0800 45`],
    ['loopback IPv6', linkTypes.null, '1e000000 60', `${zeros} 86dd 60`],
    ['OpenBSD loopback IPv6', linkTypes.loop, '00000018 60', `${zeros} 86dd 60`],
    ['loopback of another family', linkTypes.null, '07000000 aa', `${zeros} 88b6 07000000aa`],
    ['loopback cut off', linkTypes.null, '0200', `${zeros} 88b6 0200`],
    ['PPP', linkTypes.ppp, 'ff03 0021 45', `${zeros} 0800 45`],
    ['PPP without framing', linkTypes.ppp, '0057 60', `${zeros} 86dd 60`],
    ['PPP control', linkTypes.ppp, 'ff03 c021 01', `${zeros} 88b6 ff03c02101`],
    ['cooked', linkTypes.linux_sll, `${sll('0800')} 45`, '000000000000 020000000001 0800 45'],
    [
      'cooked with a tag',
      linkTypes.linux_sll,
      `${sll('8100')} 0007 0800 45`,
      '000000000000 020000000001 8100 0007 0800 45',
    ],
    ['cooked 802.2', linkTypes.linux_sll, `${sll('0004')} 424203`, '000000000000 020000000001 0003 424203'],
    ['cooked CAN', linkTypes.linux_sll, `${sll('000c')} aa`, `${zeros} 88b6 ${sll('000c')} aa`],
    ['cooked netlink', linkTypes.linux_sll, `${sll('0800', '0338')} aa`, `${zeros} 88b6 ${sll('0800', '0338')} aa`],
    [
      'cooked, sender no Ethernet address',
      linkTypes.linux_sll,
      '0000 0001 0004 0a000001 00000000 86dd 60',
      `${zeros} 86dd 60`,
    ],
    ['cooked v2', linkTypes.linux_sll2, `${sll2('86dd')} 60`, '000000000000 020000000001 86dd 60'],
    ['cooked v2 cut off', linkTypes.linux_sll2, '0800 0000', `${zeros} 88b6 08000000`],
    [
      'cooked v2 radiotap',
      linkTypes.linux_sll2,
      `${sll2('0800', '0323')} aa`,
      `${zeros} 88b6 ${sll2('0800', '0323')} aa`,
    ],
  ])('%s', (_, linktype, packet, frame) => {
    const data = hex(packet);
    const wire = data.length + 1000;
    const got = frameOf(linktype, data, wire);
    // An 802.3 length is that of the wire.
    const expected = hex(frame);
    if (linktype === linkTypes.linux_sll && packet.includes('0004 424203')) expected.writeUInt16BE(1003, 12);
    expect(got.frame).toBe(expected.toString('hex'));
    expect(got.original - wire).toBe(expected.length - data.length);
  });

  test('an 802.3 frame longer than a length can say is given whole', () => {
    expect(frameOf(linkTypes.linux_sll, hex(sll('0001')), 16 + 1501).frame).toBe(
      `${zeros}88b6${hex(sll('0001')).toString('hex')}`,
    );
  });

  test('both lengths stay within what a file can say', () => {
    const whole = new Uint8Array(262_144).fill(0x45);
    const { frame, original } = frameOf(linkTypes.raw, whole, 0xffffffff);
    expect([frame.length / 2, original]).toEqual([262_144, 0xffffffff]);
    expect(frameOf(linkTypes.null, hex('02000000 45'), 0).original).toBe(14);
  });

  test('any packet of any link type becomes a frame, and nothing of its content is lost', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(linkTypes)), fc.uint8Array({ maxLength: 60 }), (linktype, data) => {
        expect(canBeEthernet(linktype)).toBe(true);
        const frame = Buffer.from(frameOf(linktype, data).frame, 'hex');
        const kept = linktype === linkTypes.ethernet ? frame : frame.subarray(14);
        expect(Buffer.from(data).subarray(data.length - kept.length)).toEqual(kept);
      }),
      { numRuns: runs(1000) },
    );
    expect(canBeEthernet(127)).toBe(false);
  });
});

test('a file of mixed link types reads in tshark as what it was', () => {
  const udp = hex('0035 1234 0008 0000');
  const four = Buffer.concat([hex('4500 001c 0001 0000 4011 0000 0a000001 0a000002'), udp]);
  const six = Buffer.concat([
    hex(`6000 0000 0008 1140 20010db8${'00'.repeat(11)}01 20010db8${'00'.repeat(11)}02`),
    udp,
  ]);
  const packets: [number, Buffer][] = [
    [linkTypes.ethernet, Buffer.concat([hex('020000000002 020000000001 0800'), four])],
    [linkTypes.raw, four],
    [linkTypes.raw, six],
    [linkTypes.linux_sll, Buffer.concat([hex(sll('86dd')), six])],
    [linkTypes.linux_sll2, Buffer.concat([hex(sll2('0800')), four])],
    [linkTypes.null, Buffer.concat([hex('02000000'), four])],
    [linkTypes.ppp, Buffer.concat([hex('ff030057'), six])],
    [linkTypes.ppp, hex('ff03c021 0101')],
  ];
  const writer = createPcapWriter({ linktypes: packets.map(([linktype]) => linktype), snaplen: 100 });
  for (const [index, [, data]] of packets.entries()) {
    writer.append(batchOfPackets([{ time: BigInt(index), original: data.length, data }]), 0, index);
  }
  const file = Buffer.concat(writer.finish());
  const { linktype, packets: got } = parsePcap(file);
  expect(linktype).toBe(1);
  expect(got.map(({ data, original }) => [data.length, original])).toEqual(
    [42, 42, 62, 62, 42, 42, 62, 20].map((length) => [length, length]),
  );
  const fields = ['eth.src', 'eth.type', 'ip.src', 'ipv6.src', 'udp.srcport', '_ws.malformed'].flatMap((field) => [
    '-e',
    field,
  ]);
  const path = scratch('mixed.pcap', file);
  const lines = runClean('tshark', ['-n', '-r', path, '-T', 'fields', ...fields]).split('\n');
  const [nobody, sender] = ['00:00:00:00:00:00', '02:00:00:00:00:01'];
  const [v4, v6] = ['0x0800\t10.0.0.1\t\t53\t', '0x86dd\t\t2001:db8::1\t53\t'];
  expect(lines).toEqual([
    `${sender}\t${v4}`,
    `${nobody}\t${v4}`,
    `${nobody}\t${v6}`,
    `${sender}\t${v6}`,
    `${sender}\t${v4}`,
    `${nobody}\t${v4}`,
    `${nobody}\t${v6}`,
    `${nobody}\t0x88b6\t\t\t\t`,
    '',
  ]);
});
