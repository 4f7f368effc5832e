import { FaultError, raise } from '../model/errors/fault.ts';
import type { FilterV1 } from '../model/filter_v1.ts';
import type { Scope } from '../model/scope.ts';
import { contains, type Network, networkText, parseNetwork } from './address.ts';
import { checkExpression, namesVlan } from './check_expression.ts';
import { filterText, hostOrNet } from './filter_text.ts';

/** All that a capture is filtered by, as texts that the compiler makes one program of: a packet must match every one. */
export interface JoinedFilter {
  /** The user's expression in the form to compile, blank = none. It must compile alone before anything else is done with it. */
  readonly expression_text: string;
  /** Matched against untagged, tagged and double-tagged packets alike; blank = no restriction. */
  readonly any_tags_text: string;
  /** Of what it consists: scope, filter_v1 and expression, as far as they are there; each is compiled by itself. */
  readonly any_tags_parts?: string[];
  /** The expression again where it names `vlan` itself: matched as it is written; blank = none. */
  readonly own_tags_text: string;
  /** Where IP packets further in may match instead; absent where only the outside counts. */
  readonly inner?: InnerFilter;
}

/** A packet matches by what is inside of it when its outside is within the scope, and an IP packet further in matches the text. */
export interface InnerFilter {
  /** As `any_tags_text`, of the scope alone. */
  readonly scope_text: string;
  /** filter_v1 and expression, for link type RAW: an inner packet has no link layer. Blank = no restriction. */
  readonly text: string;
}

/** Matches no packet: stands for a scope that grants no network. */
const nothing_text = '1 = 0';

/**
 * Joins what a user asks for with what the account may see: the networks of its scope, `filter_v1` and the expression, each in its
 * own parentheses, and the expression last, because `mpls`, `pppoes` and `geneve` change the meaning of all that follows
 * them. An expression that names `vlan` would do so too and is kept apart.
 *
 * @throws FaultError with the faults of `checkExpression`, or `filter_address` for a network of the scope that is none.
 */
export function joinFilter(parts: {
  readonly filter_v1: FilterV1;
  readonly expression?: string | undefined;
  readonly networks: Scope['networks'];
  readonly match_inner?: boolean | undefined;
}): JoinedFilter {
  const expression = checkExpression(parts.expression ?? '');
  const [first, ...more] = expression.ok ? [] : expression.faults;
  if (first !== undefined) throw new FaultError([first, ...more]);
  const expression_text = expression.ok ? expression.value.trim() : '';
  const own_tags = namesVlan(expression_text);
  const [scope, fields] = [scopeText(parts.networks), filterText(parts.filter_v1)];
  const parts_of_all = [scope, fields, own_tags ? '' : expression_text].filter((text) => text !== '');
  return {
    expression_text,
    any_tags_text: every(...parts_of_all),
    any_tags_parts: parts_of_all,
    own_tags_text: own_tags ? expression_text : '',
    ...(parts.match_inner === true
      ? { inner: { scope_text: every(scope), text: every(fields, expression_text) } }
      : {}),
  };
}

function every(...texts: readonly string[]): string {
  return texts
    .filter((text) => text !== '')
    .map((text) => `(${text})`)
    .join(' and ');
}

/** `net 192.0.2.0/24 or host 2001:db8::1`: the source or the destination is in one of them. */
function scopeText(networks: Scope['networks']): string {
  if (networks === 'all') return '';
  const parsed = networks.map((text): Network => parseNetwork(text) ?? raise('filter_address', { field: text }));
  const widest = parsed.filter((network, index) => {
    return !parsed.some(
      (other, at) => at !== index && contains(other, network) && (at < index || !contains(network, other)),
    );
  });
  return widest.length === 0 ? nothing_text : widest.map((network) => hostOrNet(networkText(network))).join(' or ');
}
