import type { Token } from './expression_tokens.ts';

/**
 * What libpcap does with a name at some place of an expression: looks it up as an IP protocol, in its own table of
 * Ethernet or ISO protocols or of frame types, as a range of ports, or, `lookup`, as a host, network or port.
 */
export type NameUse = 'ip_protocol' | 'own_table' | 'port_range' | 'lookup';

/**
 * Follows an expression token by token and says how libpcap would use a name at the present place. libpcap's grammar hands
 * the qualifiers of one term (`portrange`, `ip proto`) on to bare names after `and`, `or` and `not`; a group in parentheses
 * begins with those in force before it and leaves them as they were. Anything not known to be harmless is a `lookup`.
 */
export class NameContext {
  #use: NameUse = 'lookup';
  #previous: Token | undefined;
  readonly #outer: NameUse[] = [];

  /** How a name that comes next is used. */
  get use(): NameUse {
    return this.#previous?.kind === 'takes_word' ? 'own_table' : this.#use;
  }

  /** Takes the next token in. */
  follow(token: Token): void {
    if (token.text === '(') this.#outer.push(this.#use);
    else if (token.text === ')') this.#use = this.#outer.pop() ?? 'lookup';
    else if (!keepsUse(token)) this.#use = useAfter(token, this.#previous);
    this.#previous = token;
  }
}

/** Can this token stand between a qualifier and a bare name that inherits it? */
function keepsUse(token: Token): boolean {
  const kept: readonly Token['kind'][] = ['and_or_not', 'name', 'escaped', 'number'];
  return kept.includes(token.kind) || ['&&', '||', '!'].includes(token.text);
}

function useAfter(token: Token, previous: Token | undefined): NameUse {
  if (token.kind === 'portrange') return 'port_range';
  if (token.kind !== 'proto') return 'lookup';
  if (previous?.kind === 'link' || previous?.kind === 'iso') return 'own_table';
  return previous?.kind === 'protocol' ? 'lookup' : 'ip_protocol';
}
