import { type WordKind, wordKind } from './expression_words.ts';

/** A piece of a filter expression, cut exactly where libpcap's own scanner cuts. */
export interface Token {
  readonly kind:
    | WordKind
    /** A word that is none of the language: libpcap takes it for the name of a host, network, port or protocol. */
    | 'name'
    /** A name behind a backslash, which `text` includes. */
    | 'escaped'
    | 'address'
    | 'symbol'
    /** A character that begins nothing. */
    | 'bad';
  readonly text: string;
  /** 0 for the first character of the expression. */
  readonly offset: number;
}

const decimal_or_hex = '(?:0[xX][0-9A-Fa-f]+|[0-9]+)';
const blank = /[ \t\n]+/y;
const escaped = /\\[^ !()\n\t]+/y;
const symbol = /&&|\|\||>=|<=|!=|==|<<|>>|[+\-*/%:[\]!<>()&|^=]/y;
const name = /[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?/y;
const number = [/[0-9]+/y, /0[xX][0-9A-Fa-f]+/y];
const address = [...ipv4Patterns(), ...ipv6Patterns(), ...macPatterns()];

/**
 * Cuts an expression of printable ASCII, blanks, tabs and line feeds into tokens. libpcap's scanner has no states: at each
 * place the longest match wins, and among equally long ones a word of the language, then an address, a number, a name. Source:
 * pcap-filter(7) and the scanner of libpcap 1.10.
 */
export function tokenize(expression: string): readonly Token[] {
  const tokens: Token[] = [];
  let offset = 0;
  while (offset < expression.length) {
    const skipped = lengthAt(blank, expression, offset);
    if (skipped === 0) tokens.push(tokenAt(expression, offset));
    offset += skipped === 0 ? (tokens.at(-1)?.text.length ?? 1) : skipped;
  }
  return tokens;
}

function tokenAt(expression: string, offset: number): Token {
  const token = (kind: Token['kind'], length: number): Token => {
    return { kind, text: expression.slice(offset, offset + length), offset };
  };
  const longest = (patterns: readonly RegExp[]): number =>
    Math.max(...patterns.map((pattern) => lengthAt(pattern, expression, offset)));

  const name_length = lengthAt(name, expression, offset);
  const number_length = longest(number);
  const address_length = longest(address);
  const length = Math.max(name_length, number_length, address_length);
  if (length > 0) {
    if (address_length === length) return token('address', length);
    if (number_length === length) return token('number', length);
    return token(wordKind(expression.slice(offset, offset + length)) ?? 'name', length);
  }
  const escaped_length = lengthAt(escaped, expression, offset);
  if (escaped_length > 0) return token('escaped', escaped_length);
  const symbol_length = lengthAt(symbol, expression, offset);
  return symbol_length > 0 ? token('symbol', symbol_length) : token('bad', 1);
}

function lengthAt(pattern: RegExp, text: string, offset: number): number {
  pattern.lastIndex = offset;
  return pattern.exec(text)?.[0].length ?? 0;
}

/** Two to four numbers with dots: libpcap completes short ones with zeros. */
function ipv4Patterns(): readonly RegExp[] {
  return [2, 3, 4].map((count) => new RegExp(parts(count, decimal_or_hex, '\\.'), 'y'));
}

/** Every way to write an IPv6 address, valid or not in its last four numbers. */
function ipv6Patterns(): readonly RegExp[] {
  const group = '[0-9A-Fa-f]{1,4}';
  const quad = parts(4, decimal_or_hex, '\\.');
  const patterns = [parts(8, group, ':'), `${parts(6, group, ':')}:${quad}`];
  for (let groups = 0; groups <= 7; groups++) {
    for (let left = 0; left <= groups; left++) {
      const right = groups - left;
      patterns.push(`${parts(left, group, ':')}::${parts(right, group, ':')}`);
      if (groups <= 5) patterns.push(`${parts(left, group, ':')}::${`${group}:`.repeat(right)}${quad}`);
    }
  }
  return patterns.map((pattern) => new RegExp(pattern, 'y'));
}

/** Ethernet addresses, text that only looks like one (libpcap refuses it as such), and the `$1f` of ARCnet. */
function macPatterns(): readonly RegExp[] {
  const byte = '[0-9A-Fa-f]{1,2}';
  const pair = '[0-9A-Fa-f]{4}';
  return [
    ...[':', '-', '\\.'].map((separator) => parts(6, byte, separator)),
    parts(3, pair, '\\.'),
    parts(3, pair, ''),
    `${byte}:+(?:${byte}:+)+`,
    `\\$${byte}`,
  ].map((pattern) => new RegExp(pattern, 'y'));
}

function parts(count: number, part: string, separator: string): string {
  return Array.from({ length: count }, () => part).join(separator);
}
