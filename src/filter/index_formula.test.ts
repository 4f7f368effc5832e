import { describe, expect, test } from 'vitest';
import { networkText } from './address.ts';
import { filterText } from './filter_text.ts';
import { type IndexFormula, indexFormula } from './index_formula.ts';
import { joinFilter } from './join_filter.ts';

/** A formula in one line: `10.0.0.0/8 & (:80-90 | proto 6)`. */
function written(formula: IndexFormula): string {
  switch (formula.kind) {
    case 'any':
    case 'none':
      return formula.kind;
    case 'and':
    case 'or':
      return formula.of
        .map((one) => (one.kind === 'and' || one.kind === 'or' ? `(${written(one)})` : written(one)))
        .join(formula.kind === 'and' ? ' & ' : ' | ');
    case 'term': {
      const { term } = formula;
      if (term.kind === 'network') return networkText(term.network);
      if (term.kind === 'protocol') return `proto ${term.protocol}`;
      return term.from === term.to ? `:${term.from}` : `:${term.from}-${term.to}`;
    }
    default:
      return formula satisfies never;
  }
}

const ofText = (any_tags_text: string): string => written(indexFormula({ any_tags_text, own_tags_text: '' }));
const ofOwnTags = (own_tags_text: string): string => written(indexFormula({ any_tags_text: '', own_tags_text }));

describe('plain terms', () => {
  test.each([
    ['', 'any'],
    [' \n', 'any'],
    ['host 10.0.0.1', '10.0.0.1'],
    ['10.0.0.1', 'any'],
    ['src 10.0.0.1', '10.0.0.1'],
    ['dst host 2001:DB8::1', '2001:db8::1'],
    ['src or dst host 10.0.0.1', '10.0.0.1'],
    ['src and dst net 10.0.0.0/8', '10.0.0.0/8'],
    ['dst || src 10.0.0.1', '10.0.0.1'],
    ['ip src host 10.0.0.1', '10.0.0.1'],
    ['arp host 10.0.0.1 or rarp net 10.1', '10.0.0.1 | 10.1.0.0/16'],
    ['ip6 net 2001:db8::/32', '2001:db8::/32'],
    ['net 10.0.0.0 mask 255.255.0.0', '10.0.0.0/16'],
    ['net 10', '10.0.0.0/8'],
    ['net 192.0.2', '192.0.2.0/24'],
    ['net 192.0.2.0', '192.0.2.0'],
    ['net 192.0.2/24', '192.0.2.0/24'],
    ['host 10.1', '10.1.0.0/16'],
    // In an IPv6 packet: nothing to do with 10.0.0.1 in an IPv4 one.
    ['host ::ffff:10.0.0.1', '::ffff:a00:1'],
    ['port 80', ':80'],
    ['dst port 0', ':0'],
    ['src or dst port 80', ':80'],
    ['tcp port 80', 'proto 6 & :80'],
    ['udp dst port 53', 'proto 17 & :53'],
    ['sctp src port 5', 'proto 132 & :5'],
    ['portrange 80-90', ':80-90'],
    ['portrange 90-80', ':80-90'],
    ['portrange 80', ':80'],
    ['tcp src portrange 0-65535', 'proto 6 & :0-65535'],
    ['proto 6', 'proto 6'],
    ['ip proto 47', 'proto 47'],
    ['ip6 proto 58', 'proto 58'],
    ['ip proto 6 or ip6 proto 6', 'proto 6'],
    ['tcp or udp or sctp', 'proto 6 | proto 17 | proto 132'],
    ['icmp or icmp6', 'proto 1 | proto 58'],
    ['igmp or pim or igrp', 'proto 2 | proto 103 | proto 9'],
    ['ah or esp', 'proto 51 | proto 50'],
    ['vrrp or carp', 'proto 112'],
  ])('%j', (text, formula) => {
    expect(ofText(text)).toBe(formula);
  });
});

describe('qualifiers hold for bare identifiers that follow', () => {
  test.each([
    ['host 10.0.0.1 or 10.0.0.2', '10.0.0.1 | 10.0.0.2'],
    ['host (10.0.0.1 or 10.0.0.2)', '10.0.0.1 | 10.0.0.2'],
    ['port 80 or (443 and (81 or 82))', ':80 | (:443 & (:81 | :82))'],
    ['portrange 80-90 or 443 and 100-110', '(:80-90 | :443) & :100-110'],
    ['tcp port 80 and 443', 'proto 6 & :80 & :443'],
    ['ip proto 6 or 17', 'proto 6 | proto 17'],
    ['host 10.0.0.1 and port 80 or 81', '(10.0.0.1 & :80) | :81'],
    // A group in parentheses leaves them as they were before it.
    ['host 10.0.0.1 and (port 80) or 10.0.0.2', '(10.0.0.1 & :80) | 10.0.0.2'],
    ['host 10.0.0.1 and not 10.0.0.2', '10.0.0.1'],
    ['port 80 or 443 > 5', 'any'],
    ['tcp or 80', 'any'],
    ['ether proto 0x800 or 17', 'any'],
    ['ip multicast or 10', 'any'],
  ])('%j', (text, formula) => {
    expect(ofText(text)).toBe(formula);
  });
});

describe('and, or, not', () => {
  test.each([
    // Equal precedence, to the left.
    ['tcp or udp and port 53', '(proto 6 | proto 17) & :53'],
    ['tcp and port 80 or udp', '(proto 6 & :80) | proto 17'],
    ['tcp && (port 80 || port 443)', 'proto 6 & (:80 | :443)'],
    ['not tcp', 'any'],
    ['! (host 10.0.0.1)', 'any'],
    ['host not 10.0.0.1', 'any'],
    ['not not tcp', 'any'],
    ['not tcp and udp', 'proto 17'],
    ['not (not tcp) and not (src host 10.0.0.1 or arp)', 'any'],
    ['udp and not port 53 and not host 10.0.0.1', 'proto 17'],
    ['tcp or not udp', 'any'],
    ['tcp and arp', 'proto 6'],
    ['tcp or arp', 'any'],
    ['((tcp and udp)) and (tcp and (icmp))', 'proto 6 & proto 17 & proto 1'],
    ['(1 = 0)', 'none'],
    ['(1 = 0) or tcp', 'proto 6'],
    ['1 = 0 and tcp', 'none'],
    ['1 < 2 and tcp or 5 >= 6', 'proto 6'],
    ['not 1 = 0', 'any'],
    ['1 == 1', 'any'],
    ['2 != 2 or 3 > 4 or 4 <= 3', 'none'],
  ])('%j', (text, formula) => {
    expect(ofText(text)).toBe(formula);
  });
});

describe('what an index does not know, beside what it does', () => {
  test.each([
    ['host 10.0.0.1 and len > 100', '10.0.0.1'],
    ['less 100 and greater 50 and udp', 'proto 17'],
    ['ether host 02:00:00:00:00:01 and tcp', 'proto 6'],
    ['ether broadcast or tcp', 'any'],
    ['ether proto \\ip and port 80', ':80'],
    ['ip and tcp', 'proto 6'],
    ['ip[9] = 6', 'any'],
    ['decnet host 10.1', 'any'],
    ['iso proto 130 or clnp', 'any'],
    ['wlan type mgt subtype beacon and tcp', 'proto 6'],
    ['host 010.0.0.1', 'any'],
    ['host 0xa.0.0.1', 'any'],
    ['host 10', 'any'],
    ['net 0x0a', 'any'],
    ['net 010', 'any'],
    ['net 2560', 'any'],
    ['net 10.0.0.0/010', 'any'],
    ['net 10/8', 'any'],
    ['net 10.0.0.0 mask 255.0.0.255', '10.0.0.0/8'],
    ['net 10.0.0.0 mask 0xff.0.0.0', 'any'],
    ['port 0x50', 'any'],
    ['port 080', 'any'],
    ['port icmp-echo', 'any'],
    ['port 80-90', 'any'],
    ['portrange 080-90', 'any'],
    ['portrange 0x50-90', 'any'],
    ['port 65536', 'any'],
    ['proto 256', 'any'],
    // A packet with its addresses cut off matches as well.
    ['net ::/0', 'any'],
    ['net 0.0.0.0/0', 'any'],
    ['net 10.0.0.0/8 or net ::/0', 'any'],
  ])('%j', (text, formula) => {
    expect(ofText(text)).toBe(formula);
  });
});

describe('comparisons', () => {
  test.each([
    ['tcp[tcpflags] & (tcp-syn|tcp-fin) != 0', 'proto 6'],
    ['udp[2:2] > 100', 'proto 17'],
    ['icmp[icmptype] = icmp-echo or icmp6[0] = 135', 'proto 1 | proto 58'],
    ['ip6[6] = 0', 'proto 0'],
    ['ip6[6] == 44 and ip6[40] = 6', 'proto 44'],
    ['ip6[6] = 256', 'none'],
    ['ip6[6] != 0', 'any'],
    ['ip6[6] > 0', 'any'],
    ['0 = ip6[6]', 'any'],
    ['ip6[7] = 0', 'any'],
    ['ip6[6:1] = 0', 'any'],
    ['not ip6[6] = 0', 'any'],
    ['(tcp[12] & 0xf0) >> 2 > 20', 'proto 6'],
    ['- tcp[0] = 1', 'proto 6'],
    ['10 < udp[4:2]', 'proto 17'],
    ['tcp[0:2] = tcp[2:2]', 'proto 6'],
    // libpcap 1.10 looks for the protocol of what a side begins with, and of nothing else.
    ['2 & tcp[13] != 0', 'any'],
    ['tcp[0] + udp[0] = 7', 'proto 6'],
    ['len > 60', 'any'],
    ['ip[2:2] > 576', 'any'],
    ['not tcp[13] & 2 != 0', 'any'],
    ['host 10.0.0.1 and (tcp[13] & 2 != 0 or udp)', '10.0.0.1 & (proto 6 | proto 17)'],
    ['(tcp[0]) = (5)', 'proto 6'],
    ['ether[0] & 1 = 0 and ip[16] >= 224', 'any'],
    ['4294967296 = 4294967296', 'any'],
    ['0x1 = 0', 'any'],
  ])('%j', (text, formula) => {
    expect(ofText(text)).toBe(formula);
  });
});

describe('behind an extension header', () => {
  const sized = '(ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 60)';
  const next = 'ip6[40:2] & 0xff00';
  const source = 'ip6[48 + ip6[41] * 8 : 2]';

  test.each([
    [filterText({ protocol: 47 }), 'proto 47'],
    [filterText({ source_port: 53 }), ':53'],
    [filterText({ destination_port: 5555, protocol: 6 }), 'proto 6 & :5555'],
    [`${sized} and ${next} = 1536`, '(proto 0 | proto 43 | proto 60) & proto 6'],
    // Not one that is surely the last.
    [`${sized} and ${next} = 15360`, 'proto 0 | proto 43 | proto 60'],
    [`${sized} and ${next} = 1537`, 'proto 0 | proto 43 | proto 60'],
    [`${sized} and ${next} > 1536`, 'proto 0 | proto 43 | proto 60'],
    [`${sized} or ${next} = 1536`, 'any'],
    [`${next} = 1536`, 'any'],
    [`${next} = 1536 and ${source} = 53`, 'any'],
    [`${sized} and ${source} = 53`, 'proto 0 | proto 43 | proto 60'],
    [`ip6[6] = 0 and ${next} = 4352 and ${source} = 53`, 'proto 0 & proto 17 & :53'],
    [`ip6[6] = 0 and ${next} = 12032 and ${source} = 53`, 'proto 0 & proto 47'],
    [`ip6[6] = 44 and ${next} = 4352 and ${source} = 53`, 'proto 44'],
    [`ip6[6] = 51 and ${next} = 4352 and ${source} = 53`, 'proto 51'],
    [`not (ip6[6] = 0) and ${next} = 4352 and ${source} = 53`, 'any'],
  ])('%j', (text, formula) => {
    expect(ofText(text)).toBe(formula);
  });
});

describe('labels and sessions move all that follows', () => {
  test.each([
    ['mpls and tcp', 'any'],
    ['host 10.0.0.1 and mpls 16 and tcp', '10.0.0.1'],
    ['port 80 and mpls and tcp', ':80'],
    ['tcp or (mpls and udp)', 'any'],
    ['(pppoes 7) and host 10.0.0.1', 'any'],
    ['udp and not geneve and tcp', 'proto 17'],
    ['udp and port 6081 and geneve 11 and host 10.0.0.1', 'proto 17 & :6081'],
    // This one is only looked for.
    ['pppoed or tcp', 'any'],
    ['not pppoed and tcp', 'proto 6'],
    // Behind how many tags a text is compiled is not known, so neither is how many more this takes.
    ['vlan and tcp', 'any'],
  ])('%j', (text, formula) => {
    expect(ofText(text)).toBe(formula);
  });
});

describe('vlan, where a packet is looked into as it is', () => {
  test.each([
    ['vlan', 'any'],
    ['vlan 100 and ip host 10.0.0.1', '10.0.0.1'],
    ['vlan && vlan 20 && tcp port 80', 'proto 6 & :80'],
    ['vlan and (tcp or udp)', 'proto 6 | proto 17'],
    ['(vlan 5 and tcp) and port 80', 'proto 6 & :80'],
    ['vlan and (vlan (5) and udp)', 'proto 17'],
    // Here UDP is looked for behind a tag that need not be there.
    ['vlan and tcp or udp', 'any'],
    ['udp or vlan', 'any'],
    ['ip or vlan and tcp', 'any'],
    ['(vlan or arp) and tcp', 'any'],
    ['not vlan and tcp', 'any'],
    ['tcp and not vlan', 'proto 6'],
    ['tcp and (vlan or udp)', 'proto 6'],
    ['vlan and vlan and vlan and tcp', 'any'],
    ['vlan and not vlan and tcp', 'any'],
    ['vlan and mpls and tcp', 'any'],
    ['vlan and not tcp', 'any'],
  ])('%j', (text, formula) => {
    expect(ofOwnTags(text)).toBe(formula);
  });

  test('beside the scope and filter_v1', () => {
    const filter = joinFilter({
      filter_v1: { protocol: 6, destination_port: 443 },
      expression: 'vlan 100 and host 10.0.0.1',
      networks: ['10.0.0.0/8', '2001:db8::/32'],
    });
    expect(written(indexFormula(filter))).toBe('(10.0.0.0/8 | 2001:db8::/32) & proto 6 & :443 & 10.0.0.1');
  });
});

describe('a text that cannot be understood', () => {
  test.each([
    [')', 'any'],
    ['tcp) or (udp', 'any'],
    ['(tcp and udp', 'any'],
    ['ip[(0] = 5)', 'any'],
    ['tcp udp', 'any'],
    ['and and tcp', 'proto 6'],
    ['host', 'any'],
    ['host and tcp', 'proto 6'],
    ['src or dst', 'any'],
    ['host example.com and port http and udp', 'proto 17'],
    ['# and \u00e9 and udp', 'proto 17'],
    ['net 10.0.0.0/8/8', 'any'],
    ['port 80 443', 'any'],
  ])('%j', (text, formula) => {
    expect(ofText(text)).toBe(formula);
  });

  test('nor one that is nested without end', () => {
    const nested = `${'('.repeat(5000)}tcp${')'.repeat(5000)}`;
    expect(ofText(nested)).toBe('any');
    expect(ofText(`udp and ${nested}`)).toBe('proto 17');
    expect(ofText(`${'not host '.repeat(5000)}tcp`)).toBe('any');
    expect(ofText(`${'('.repeat(90)}tcp${')'.repeat(90)}`)).toBe('proto 6');
    expect(ofText(`(${'('.repeat(200)}mpls${')'.repeat(200)}) and tcp`)).toBe('any');
  });
});

test('a formula is as long as the text, not longer', () => {
  const count = 3000;
  const networks = Array.from({ length: count }, (_, index) => `net 10.${index >> 8}.${index & 255}.0/24`);
  const formula = indexFormula({ any_tags_text: `(${networks.join(' or ')}) and (tcp)`, own_tags_text: '' });
  expect(formula.kind).toBe('and');
  const [scope] = formula.kind === 'and' ? formula.of : [];
  expect(scope?.kind === 'or' ? scope.of.length : 0).toBe(count);
  const repeated = Array.from({ length: count }, () => 'net 10.0.0.0/8 or tcp').join(' or ');
  expect(ofText(repeated)).toBe('10.0.0.0/8 | proto 6');
});
