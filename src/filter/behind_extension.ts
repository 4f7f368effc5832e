import type { Token } from './expression_tokens.ts';
import type { FilterTree } from './filter_tree.ts';
import { allOf, any, anyOf, type IndexFormula, termFormula } from './formula.ts';
import { plainNumber } from './plain_number.ts';

/**
 * IPv6 extension headers that say their own length, in units of 8 bytes beside the first 8: hop-by-hop options (of which jumbograms, and so
 * BIG TCP, have one), routing, destination options (RFC 8200, section 4).
 */
const sized: readonly number[] = [0, 43, 60];
const fragment = 44;
/** Protocols with ports where their headers begin. */
const with_ports: readonly number[] = [6, 17, 132];
/** All that may stand between IPv6's own header and the transport: what follows one of them is not the last. */
const extensions: readonly number[] = [...sized, fragment, 51, 135, 139, 140];

/** Byte 41, reserved, and the offset are zero: a first fragment. */
const first_fragment = 'ip6[40:4] & 0xfffff8 = 0';
const next_header = 'ip6[40:2] & 0xff00';
const ports_at = { src: 48, dst: 50 } as const;

/**
 * The protocol that one extension header right behind IPv6's own names as the next, as libpcap text. Behind a fragment header libpcap's
 * `ip6 proto` finds it by itself. (Two bytes are looked at, as everybody does who follows the header: of a packet that is cut off
 * between them nothing is known.)
 */
export function protocolBehindExtension(protocol: number): string {
  return `((${either('ip6[6]', sized)}) and ${next_header} = ${protocol << 8})`;
}

/** A port of TCP, UDP or SCTP behind one extension header right behind IPv6's own, as libpcap text; of fragments the first has them. */
export function portBehindExtension(end: 'src' | 'dst', port: number): string {
  const header = `(${either('ip6[6]', sized)} or (ip6[6] = ${fragment} and ${first_fragment}))`;
  const transport = `(${either(
    next_header,
    with_ports.map((protocol) => protocol << 8),
  )})`;
  return `(${header} and ${transport} and ip6[${ports_at[end]} + ip6[41] * 8 : 2] = ${port})`;
}

function either(left: string, values: readonly number[]): string {
  return values.map((value) => `${left} = ${value}`).join(' or ');
}

/**
 * What an index can say of parts that are joined by `and`, where they are those of the two texts above; `any` of all others. What is behind the
 * header is in the index as the protocol behind all extension headers, and as a port.
 */
export function behindExtensionFormula(parts: readonly FilterTree[]): IndexFormula {
  const headers = parts.map(firstHeaders).find((one) => one !== undefined);
  const protocols = parts.map(nextHeaders).find((one) => one !== undefined);
  if (headers === undefined || protocols === undefined) return any;
  const formula = anyOf(
    protocols.map((protocol) => (extensions.includes(protocol) ? any : termFormula({ kind: 'protocol', protocol }))),
  );
  if (!protocols.every((protocol) => with_ports.includes(protocol))) return formula;
  const ports = parts.flatMap((part) => portBehind(part) ?? []);
  return allOf([formula, ...ports.map((port) => termFormula({ kind: 'port', from: port, to: port }))]);
}

/** The extension headers of which a part says that one is the first; undefined where it says anything else. */
function firstHeaders(part: FilterTree): readonly number[] | undefined {
  const alternatives = joinedBy('or', part);
  const read = alternatives.map((one) => {
    const [first, check, ...more] = joinedBy('and', one);
    if (first === undefined || more.length > 0) return undefined;
    const header = valueOf(first, 'ip6[6]');
    if (header === undefined) return undefined;
    if (check === undefined) return sized.includes(header) ? header : undefined;
    return header === fragment && valueOf(check, 'ip6[40:4]&0xfffff8') === 0 ? header : undefined;
  });
  return read.every((header) => header !== undefined) ? read : undefined;
}

/** The protocols of which a part says that one is the next. */
function nextHeaders(part: FilterTree): readonly number[] | undefined {
  const values = joinedBy('or', part).map((one) => valueOf(one, 'ip6[40:2]&0xff00'));
  return values.every((value) => value !== undefined && value % 256 === 0 && value < 65_536)
    ? values.map((value) => (value ?? 0) >> 8)
    : undefined;
}

function portBehind(part: FilterTree): number | undefined {
  const ports = Object.values(ports_at).map((at) => valueOf(part, `ip6[${at}+ip6[41]*8:2]`));
  return ports.find((port) => port !== undefined && port < 65_536);
}

/** What a chain of one operator joins; of anything else, that alone. */
function joinedBy(operator: 'and' | 'or', tree: FilterTree): readonly FilterTree[] {
  if (tree.kind !== 'chain' || tree.links.length === 0) return [tree];
  if (!tree.links.every((link) => link.operator === operator)) return [tree];
  return [tree.first, ...tree.links.map((link) => link.tree)];
}

/** The number that a part says this is. */
function valueOf(tree: FilterTree, left: string): number | undefined {
  if (tree.kind !== 'relation' || (tree.operator !== '=' && tree.operator !== '==')) return undefined;
  if (joinedText(tree.left) !== left || tree.right.length !== 1) return undefined;
  return plainNumber(tree.right[0]?.text);
}

function joinedText(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join('');
}
