import { type Network, networkOf, parseAddress } from './address.ts';
import type { Token } from './expression_tokens.ts';
import type { Qualifiers } from './filter_tree.ts';
import { allOf, any, type IndexFormula, termFormula } from './formula.ts';
import { plainNumber } from './plain_number.ts';
import { protocolWords } from './protocol_words.ts';

/**
 * What an index can say of one identifier with its qualifiers: `host 10.0.0.1`, `net 10`, `tcp port 80`, `proto 6`. `any` for
 * all that is not about IP and its ports, and for unusual spellings of numbers. Source: pcap-filter(7).
 */
export function idFormula({ protocol, type }: Qualifiers, tokens: readonly Token[]): IndexFormula {
  switch (type) {
    case 'host':
    case 'net':
      return ['', 'ip', 'ip6', 'arp', 'rarp'].includes(protocol) ? networkFormula(type, tokens) : any;
    case 'port':
    case 'portrange': {
      const ports = portFormula(type, tokens);
      if (protocol === '') return ports;
      const number = ['tcp', 'udp', 'sctp'].includes(protocol) ? protocolWords.get(protocol) : undefined;
      return number === undefined ? any : allOf([termFormula({ kind: 'protocol', protocol: number }), ports]);
    }
    case 'proto': {
      const number = tokens.length === 1 ? plainNumber(tokens[0]?.text, 255) : undefined;
      if (number === undefined || !['', 'ip', 'ip6'].includes(protocol)) return any;
      return termFormula({ kind: 'protocol', protocol: number });
    }
    default:
      return type satisfies never;
  }
}

function networkFormula(type: 'host' | 'net', tokens: readonly Token[]): IndexFormula {
  const network = networkIn(type, tokens);
  // What matches every address matches a packet, too, whose addresses are cut off.
  return network === undefined || network.prefix_bits === 0 ? any : termFormula({ kind: 'network', network });
}

function networkIn(type: 'host' | 'net', [first, mark, second, ...more]: readonly Token[]): Network | undefined {
  if (first === undefined || more.length > 0) return undefined;
  if (mark === undefined) {
    // A single number is the beginning of an address after `net`, and all 32 bits of one after `host`.
    const short = type === 'net' && first.kind === 'number' ? plainNumber(first.text, 255) : undefined;
    if (short !== undefined) return networkOf(Uint8Array.of(short, 0, 0, 0), 8);
    const address = addressIn(first);
    return address === undefined ? undefined : networkOf(address.bytes, address.bits);
  }
  const address = addressIn(first);
  if (type !== 'net' || second === undefined || address === undefined) return undefined;
  const prefix_bits =
    mark.text === '/' ? plainNumber(second.text, address.bytes.length * 8) : maskBits(addressIn(second));
  return prefix_bits === undefined ? undefined : networkOf(address.bytes, prefix_bits);
}

interface Address {
  readonly bytes: Uint8Array;
  /** How many of the first bits were written. */
  readonly bits: number;
}

/** An IPv6 address, or one to four numbers of an IPv4 address: the rest of it is zeros, and free where there is no mask. */
function addressIn({ kind, text }: Token): Address | undefined {
  if (kind !== 'address') return undefined;
  if (text.includes(':')) {
    const bytes = parseAddress(text);
    return bytes === undefined ? undefined : { bytes, bits: 128 };
  }
  const numbers = text.split('.').map((number) => plainNumber(number, 255));
  if (numbers.length > 4 || !numbers.every((number) => number !== undefined)) return undefined;
  return { bytes: Uint8Array.from({ length: 4 }, (_, index) => numbers[index] ?? 0), bits: numbers.length * 8 };
}

/** The ones that an IPv4 mask begins with. There may be more behind a gap, which would only restrict further. */
function maskBits(mask: Address | undefined): number | undefined {
  if (mask?.bytes.length !== 4) return undefined;
  const value = new DataView(mask.bytes.buffer).getUint32(0);
  return Math.clz32(~value);
}

function portFormula(type: 'port' | 'portrange', [first, ...more]: readonly Token[]): IndexFormula {
  if (first === undefined || more.length > 0) return any;
  const range = type === 'portrange' ? first.text.split('-') : [];
  const [one, other] = range.length === 2 ? range : [first.text, first.text];
  const [from, to] = [plainNumber(one, 65_535), plainNumber(other, 65_535)];
  if (from === undefined || to === undefined) return any;
  return termFormula({ kind: 'port', from: Math.min(from, to), to: Math.max(from, to) });
}
