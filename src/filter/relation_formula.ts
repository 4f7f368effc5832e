import type { Token } from './expression_tokens.ts';
import { allOf, any, type IndexFormula, none, termFormula } from './formula.ts';
import { plainNumber } from './plain_number.ts';
import { protocolWords } from './protocol_words.ts';

/**
 * What an index can say of a comparison such as `tcp[13] & 2 != 0`. libpcap looks whether the packet is of the protocol that a
 * side of it begins with (in IPv4 and with its transport header; `icmp6` in IPv6), and forgets to do so for all that
 * stands further right: `2 & tcp[13] != 0` is true of UDP as well. Of two numbers, nothing or everything.
 */
export function relationFormula(left: readonly Token[], operator: string, right: readonly Token[]): IndexFormula {
  const numbers = [left, right].map((side) => (side.length === 1 ? plainNumber(side[0]?.text) : undefined));
  const [a, b] = numbers;
  if (a !== undefined && b !== undefined) return isTrue(a, operator, b) ? any : none;
  return allOf([...[left, right].map(checkedProtocol), firstHeader(left, operator, b)]);
}

/** `ip6[6] = 0`: the first next header of IPv6, by its place. */
function firstHeader(left: readonly Token[], operator: string, value: number | undefined): IndexFormula {
  const named = left.map(({ text }) => text).join('') === 'ip6[6]' && ['=', '=='].includes(operator);
  if (!named || value === undefined) return any;
  return value < 256 ? termFormula({ kind: 'protocol', protocol: value }) : none;
}

/** The protocol that a side is looked at for: of what stands first in it, signs and parentheses aside. */
function checkedProtocol(side: readonly Token[]): IndexFormula {
  const at = side.findIndex(({ text }) => text !== '(' && text !== '-');
  const protocol = side[at + 1]?.text === '[' ? protocolWords.get(side[at]?.text ?? '') : undefined;
  return protocol === undefined ? any : termFormula({ kind: 'protocol', protocol });
}

function isTrue(a: number, operator: string, b: number): boolean {
  switch (operator) {
    case '=':
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '>':
      return a > b;
    case '<':
      return a < b;
    case '>=':
      return a >= b;
    default:
      return a <= b;
  }
}
