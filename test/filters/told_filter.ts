import * as fc from 'fast-check';
import { addressText, type Network, networkText, parseNetwork } from '../../src/filter/address.ts';
import { addresses4, addresses6, type Body, type Frame, frameBytes, ports } from './random_frame.ts';

/** A filter as a text and as what pcap-filter(7) says of it, for frames by their parts: no program, and nothing of libpcap's, in between. */
export interface ToldFilter {
  readonly text: string;
  matches(frame: Frame): boolean;
}

type Way = '' | 'src ' | 'dst ' | 'src and dst ' | 'src or dst ';
const ways: readonly Way[] = ['', 'src ', 'dst ', 'src and dst ', 'src or dst '];
const with_ports = [6, 17, 132];

/** What is seen behind up to two tags; a third one hides all else. */
function bodyOf(frame: Frame): Body {
  return frame.tags.length > 2 ? { kind: 'other', ethertype: 0x8100 } : frame.body;
}

function eitherWay(way: Way, source: boolean, destination: boolean): boolean {
  if (way === 'src ') return source;
  if (way === 'dst ') return destination;
  return way === 'src and dst ' ? source && destination : source || destination;
}

function inNetwork(address: readonly number[], { bytes, prefix_bits }: Network): boolean {
  if (address.length !== bytes.length) return false;
  const bit = (of: ArrayLike<number>, at: number): number => ((of[at >> 3] ?? 0) >> (7 - (at & 7))) & 1;
  return Array.from({ length: prefix_bits }, (_, at) => at).every((at) => bit(address, at) === bit(bytes, at));
}

const network: fc.Arbitrary<ToldFilter> = fc
  .tuple(fc.constantFrom(...ways), fc.constantFrom(...addresses4, ...addresses6), fc.constantFrom(8, 10, 24, 31, 128))
  .map(([way, address, prefix]) => {
    const bits = Math.min(prefix, address.length * 8);
    const of = parseNetwork(`${addressText(Uint8Array.from(address))}/${bits}`);
    if (of === undefined) throw new Error('unreadable');
    const is_host = bits === address.length * 8;
    return {
      text: `${way}${is_host ? 'host' : 'net'} ${networkText(of)}`,
      matches: (frame) => {
        const body = bodyOf(frame);
        if (body.kind === 'other') return false;
        const [source, destination] =
          body.kind === 'arp' ? [body.sender, body.target] : [body.source, body.destination];
        return eitherWay(way, inNetwork(source, of), inNetwork(destination, of));
      },
    };
  });

const port: fc.Arbitrary<ToldFilter> = fc
  .tuple(
    fc.constantFrom(...ways),
    fc.constantFrom(...ports),
    fc.constantFrom(0, 0, 30, 400),
    fc.constantFrom('', 'tcp ', 'udp ', 'sctp '),
  )
  .map(([way, from, more, protocol]) => {
    const to = Math.min(from + more, 65_535);
    const numbers = protocol === '' ? with_ports : [{ 'tcp ': 6, 'udp ': 17, 'sctp ': 132 }[protocol] ?? -1];
    return {
      text: `${protocol}${way}${more === 0 ? `port ${from}` : `portrange ${from}-${to}`}`,
      matches: (frame) => {
        const body = bodyOf(frame);
        if (body.kind !== 'ipv4' && body.kind !== 'ipv6') return false;
        if (body.kind === 'ipv4' ? body.fragment_offset !== 0 : body.extensions.length > 0) return false;
        const [source, destination] = body.ports.map((one) => from <= one && one <= to);
        return numbers.includes(body.protocol) && eitherWay(way, source === true, destination === true);
      },
    };
  });

/** Protocols that IPv4 says, and that IPv6 says in its header or in a fragment header right behind it. */
function carries(body: Body, number: number, versions: readonly string[]): boolean {
  if (!versions.includes(body.kind)) return false;
  if (body.kind === 'ipv4') return body.protocol === number;
  if (body.kind !== 'ipv6') return false;
  const chain = [...body.extensions, body.protocol];
  return chain[0] === number || (chain[0] === 44 && chain[1] === number);
}

const both = ['ipv4', 'ipv6'];
const words: readonly (readonly [string, (body: Body) => boolean])[] = [
  ['ip', (body) => body.kind === 'ipv4'],
  ['ip6', (body) => body.kind === 'ipv6'],
  ['arp', (body) => body.kind === 'arp' && !body.reverse],
  ['rarp', (body) => body.kind === 'arp' && body.reverse],
  ['tcp', (body) => carries(body, 6, both)],
  ['udp', (body) => carries(body, 17, both)],
  ['sctp', (body) => carries(body, 132, both)],
  ['icmp', (body) => carries(body, 1, ['ipv4'])],
  ['icmp6', (body) => carries(body, 58, ['ipv6'])],
  ['proto 47', (body) => carries(body, 47, both)],
  ['ip proto 6', (body) => carries(body, 6, ['ipv4'])],
  ['ip6 proto 17', (body) => carries(body, 17, ['ipv6'])],
  ['ip6 proto 44', (body) => carries(body, 44, ['ipv6'])],
];
const word: fc.Arbitrary<ToldFilter> = fc
  .constantFrom(...words)
  .map(([text, holds]) => ({ text, matches: (frame) => holds(bodyOf(frame)) }));

/** A number of 32 bits without a sign, told by the frame. */
interface Told {
  readonly text: string;
  value(bytes: Uint8Array): number;
}

const constant: fc.Arbitrary<Told> = fc
  .oneof(fc.nat(9), fc.constantFrom(0x80, 0xff, 0x0800, 0xffff_ffff, 0x8000_0000))
  .map((number) => ({ text: String(number), value: () => number }));
const field: fc.Arbitrary<Told> = fc.oneof(
  fc.constant<Told>({ text: 'len', value: (bytes) => bytes.length }),
  fc.tuple(fc.nat(60), fc.constantFrom(1, 2, 4)).map(([offset, size]) => ({
    text: `ether[${offset}:${size}]`,
    value: (bytes: Uint8Array) => bytes.subarray(offset, offset + size).reduce((sum, byte) => sum * 256 + byte, 0),
  })),
);
const operations: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
};
/** Only by constants that libpcap takes: not by 0, and no further than 31 bits. */
const operations_by: Readonly<Record<string, (a: bigint, b: bigint) => bigint>> = {
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
};
const sum: fc.Arbitrary<Told> = fc.letrec<{ sum: Told }>((tie) => ({
  sum: fc.oneof(
    { maxDepth: 2 },
    { weight: 2, arbitrary: fc.oneof(constant, field) },
    fc
      .tuple(tie('sum'), fc.constantFrom(...Object.entries(operations)), tie('sum'))
      .map(([a, [sign, operation], b]) => joined(a, sign, operation, b)),
    fc
      .tuple(tie('sum'), fc.constantFrom(...Object.entries(operations_by)), fc.integer({ min: 1, max: 9 }))
      .map(([a, [sign, operation], by]) => joined(a, sign, operation, { text: String(by), value: () => by })),
  ),
})).sum;

function joined(a: Told, sign: string, operation: (a: bigint, b: bigint) => bigint, b: Told): Told {
  return {
    text: `(${a.text} ${sign} ${b.text})`,
    value: (bytes) => Number(BigInt.asUintN(32, operation(BigInt(a.value(bytes)), BigInt(b.value(bytes))))),
  };
}

const comparisons: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};
const relation: fc.Arbitrary<ToldFilter> = fc
  .tuple(sum, fc.constantFrom(...Object.entries(comparisons)), fc.oneof(constant, sum))
  .map(([a, [sign, compare], b]) => ({
    text: `${a.text} ${sign} ${b.text}`,
    matches: (frame) => {
      const bytes = frameBytes(frame);
      return compare(a.value(bytes), b.value(bytes));
    },
  }));

/** Filters of every kind whose meaning can be told in a line, nested. They look at no byte behind the 64th. */
export const toldFilter: fc.Arbitrary<ToldFilter> = fc.letrec<{ filter: ToldFilter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 5 },
    { weight: 2, arbitrary: fc.oneof(network, port, word, relation) },
    tie('filter').map((of): ToldFilter => ({ text: `not (${of.text})`, matches: (frame) => !of.matches(frame) })),
    fc.tuple(tie('filter'), tie('filter')).map(
      ([one, other]): ToldFilter => ({
        text: `(${one.text}) and (${other.text})`,
        matches: (frame) => one.matches(frame) && other.matches(frame),
      }),
    ),
    fc.tuple(tie('filter'), tie('filter')).map(
      ([one, other]): ToldFilter => ({
        text: `(${one.text}) or (${other.text})`,
        matches: (frame) => one.matches(frame) || other.matches(frame),
      }),
    ),
  ),
})).filter;
