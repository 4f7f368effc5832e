import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkExpression, namesVlan } from './check_expression.ts';

/** `name: message` of every fault, without the message's first word, which is the field. */
function faultsOf(expression: string): readonly string[] {
  const result = checkExpression(expression);
  return result.ok
    ? []
    : result.faults.map((one) => `${one.name}: ${one.message.replace(/^filter_expression:? /, '')}`);
}

const needs_lookup = 'is a name that would have to be looked up: write it as a number or an address.';

describe('accepted as it is', () => {
  test.each([
    '',
    'tcp',
    'tcp and port 80',
    'host 10.0.0.1 or host 2001:db8::1',
    'src net 10.0.0.0/8 and not dst net 2001:db8::/32',
    'net 10.0.0.0 mask 255.0.0.0',
    'net 192.168',
    'host ::ffff:10.0.0.1',
    'ether host 00:11:22:33:44:55',
    'ether src 00-11-22-33-44-55 or ether dst 0011.2233.4455 or ether host 001122334455',
    'tcp[tcpflags] & (tcp-syn|tcp-ack) != 0',
    'icmp[icmptype] = icmp-echo or icmp6[icmp6type]=icmp6-echoreply',
    'ip[2:2] > 576 && !(ip[6:2] & 0x1fff = 0)',
    'vlan 100 and vlan and mpls 1024 and ip',
    'pppoes 0x27 and ip',
    'geneve 0xb and ip',
    'portrange 80-90 or 443 or (1000-2000 and not 1500-1600)',
    'ether proto \\ip or \\arp',
    'ether proto 0x88cc',
    'iso proto \\esis',
    'wlan type mgt subtype beacon or type ctl or subtype qos-data or dir nods',
    'llc rnr or llc s or llc disc',
    'less 100 or greater 1000 or len > 5',
    'ether broadcast or ip multicast',
    'tcp\tand\nudp',
    'byte 5 & 3',
    'lane or oamf4 or vpi 3 or hsio 5',
    'link[0] = $1',
  ])('%j', (expression) => {
    expect(checkExpression(expression)).toEqual({ ok: true, value: expression });
  });
});

describe('names of IP protocols become numbers', () => {
  test.each([
    ['ip proto \\tcp', 'ip proto 6'],
    ['ip proto\\tcp and (proto\\udp)', 'ip proto 6 and (proto 17)'],
    ['proto \\icmp or gre or \\udp', 'proto 1 or 47 or 17'],
    ['ip6 proto ipv6-icmp and (ip proto \\sctp or (ospf))', 'ip6 proto 58 and (ip proto 132 or (89))'],
  ])('%j', (expression, value) => {
    expect(checkExpression(expression)).toEqual({ ok: true, value });
    expect(checkExpression(value)).toEqual({ ok: true, value });
  });
});

describe('refused: words that would be looked up', () => {
  test.each([
    ['host example.com', 'example.com', 6],
    ['host a', 'a', 6],
    ['src net lab', 'lab', 9],
    ['port http', 'http', 6],
    ['tcp port 80 or https', 'https', 16],
    ['portrange http-https', 'http-https', 11],
    ['portrange 80-https', '80-https', 11],
    ['ether host printer', 'printer', 12],
    ['ether src \\printer', '\\printer', 11],
    ['proto nosuch', 'nosuch', 7],
    ['ip proto \\nosuch', '\\nosuch', 10],
    ['tcp proto \\x', '\\x', 11],
    ['-z x', 'z', 2],
    ['TCP', 'TCP', 1],
    ['host 1.2.3.4.5', '1.2.3.4.5', 6],
    ['host 00-11-22-33-44-55-66', '00-11-22-33-44-55-66', 6],
    ['host 80-90', '80-90', 6],
    ['len-4 > 5', 'len-4', 1],
    ['portrange 80-90 or host 1-2', '1-2', 25],
    ['host 10.0.0.1 or (portrange 80-90) or 1-2', '1-2', 39],
    ['portrange 80-90 or tcp or 1-2', '1-2', 27],
    ['portrange 80-90 or 5 > 3 or 1-2', '1-2', 29],
    ['ether proto \\ip or host \\ip', '\\ip', 25],
    ['proto \\tcp or host \\tcp', '\\tcp', 20],
    ['type mgt or foo', 'foo', 13],
    ['decnet host area', 'area', 13],
  ])('%j', (expression, word, position) => {
    expect(faultsOf(expression)).toContain(`expression_word: "${word}" at ${position} ${needs_lookup}`);
  });

  test('gateway', () => {
    expect(faultsOf('gateway 10.0.0.1')).toEqual([`expression_word: "gateway" at 1 ${needs_lookup}`]);
  });
});

describe('refused: words that cannot work', () => {
  test.each([
    ['inbound', 'inbound', 'the direction of a packet is not kept with it'],
    ['ifindex 3', 'ifindex', 'the interface is not kept with a packet'],
    ['rnr 5', 'rnr', 'it belongs to the packet filter of BSD'],
    ['ip6 protochain 6', 'protochain', 'the kernel does not run filters that follow a chain of headers; use "proto"'],
  ])('%j', (expression, word, reason) => {
    const position = expression.indexOf(word) + 1;
    expect(faultsOf(expression)).toEqual([
      `expression_unsupported: "${word}" at ${position} cannot be used here: ${reason}.`,
    ]);
  });
});

describe('refused: not text of the language', () => {
  test.each([
    ['tcp) or (udp', 'the ")" at 4 closes nothing'],
    ['(tcp or (udp)', 'the "(" at 1 is never closed'],
    ['ip[(0] = 5)', 'the "]" at 6 closes nothing'],
    ['tcp # x', '"#" at 5 has no meaning in a filter'],
    ['tcp; udp', '";" at 4 has no meaning in a filter'],
    ['host _x', '"_" at 6 has no meaning in a filter'],
    ['host `id`', '"`" at 6 has no meaning in a filter'],
  ])('%j', (expression, reason) => {
    expect(faultsOf(expression)).toContain(`expression_syntax: is not a filter that libpcap understands: ${reason}`);
  });

  test.each([
    ['tcp\0 or udp', 4],
    ['tcp\r\nudp', 4],
    ['tcp \u00a0', 5],
    ['tcp or h\u00f6st', 9],
    ['\u{1f600}', 1],
    ['tcp\x7f', 4],
  ])('%j', (expression, position) => {
    expect(faultsOf(expression)).toEqual([
      `expression_text: must be plain text: the character at ${position} is not allowed.`,
    ]);
  });

  test('length', () => {
    expect(faultsOf('x'.repeat(1 << 20))).toEqual(['expression_length: has 1048576 characters; the most is 4096.']);
    expect(checkExpression('tcp'.padEnd(4096))).toMatchObject({ ok: true });
    expect(checkExpression('tcp'.padEnd(4097))).toMatchObject({ ok: false });
  });

  test('all faults come, but not more than ten, with the pointer given', () => {
    const result = checkExpression('host a or b or inbound #', '/x/y');
    expect(result.ok ? [] : result.faults.map((one) => [one.name, one.pointer, one.message.split(/:? /)[0]])).toEqual([
      ['expression_word', '/x/y', 'y'],
      ['expression_word', '/x/y', 'y'],
      ['expression_unsupported', '/x/y', 'y'],
      ['expression_syntax', '/x/y', 'y'],
    ]);
    expect(faultsOf('host a or b'.padEnd(4000, ' or c'))).toHaveLength(10);
  });
});

test('a value never holds a name outside the places where libpcap has its own table', () => {
  const words = [
    'host',
    'net',
    'port',
    'portrange',
    'proto',
    'ip',
    'ether',
    'iso',
    'tcp',
    'and',
    'or',
    'not',
    '(',
    ')',
    'len',
    '>',
  ];
  const others = ['5', '10.0.0.1', '80-90', 'name', '\\tcp', '\\clnp', 'vlan', '[', ']', 'type', 'llc', 'mgt', '::1'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words, ...others), { maxLength: 12 }), (pieces) => {
      const result = checkExpression(pieces.join(' '));
      if (!result.ok) {
        expect(result.faults.length).toBeGreaterThan(0);
        return;
      }
      // A name survives only right behind a word that takes one, or where a protocol of Ethernet or ISO is expected.
      for (const [index, piece] of result.value.split(' ').entries()) {
        if (!['name', 'mgt', '\\tcp', '\\clnp'].includes(piece)) continue;
        const before = result.value.split(' ').slice(0, index);
        expect(['type', 'llc'].includes(before.at(-1) ?? '') || /(?:ether|iso) proto/.test(before.join(' '))).toBe(
          true,
        );
      }
    }),
    { numRuns: 2000 },
  );
});

test('naming vlan', () => {
  expect(namesVlan('vlan and ip')).toBe(true);
  expect(namesVlan('ip or(vlan 5)')).toBe(true);
  expect(namesVlan('ip')).toBe(false);
  expect(namesVlan('ether proto \\vlan')).toBe(false);
});

test.each(['vxlan', 'VXLAN', 'udp and vxlan', 'not (gre or tcp)', 'gtp and host 10.0.0.1', 'vxlan 5', 'ipip'])(
  '%s: a tunnel that is no word points to match_inner',
  (expression) => {
    const found = checkExpression(expression, '/filter_expression');
    const messages = found.ok ? [] : found.faults.filter((one) => one.name === 'expression_unsupported');
    expect(messages.map((one) => one.message).join()).toMatch(
      /"match_inner": true \(--match-inner\).*write "(?:udp port|ip proto) \d+"/,
    );
  },
);

test('a host of such a name is still a name to look up', () => {
  const found = checkExpression('host vxlan', '/filter_expression');
  expect(found.ok ? [] : found.faults.map((one) => one.name)).toEqual(['expression_word']);
});
