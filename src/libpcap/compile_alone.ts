import { GraphPool } from './bytecode/graph.ts';
import { readProgram } from './bytecode/read_program.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { openCompileHandle } from './compile_handle.ts';
import { type CompiledText, compileText } from './compile_text.ts';

/**
 * Link types that between them understand every word of pcap-filter(7): Ethernet, Linux cooked (two), raw IP, PPP, 802.11 (two),
 * SunATM, MTP2, IP over Fibre Channel, ARCNET, FDDI, Token Ring, BSD loopback.
 */
const reference_linktypes: readonly number[] = [1, 113, 276, 101, 9, 105, 127, 123, 140, 122, 7, 10, 6, 0];

/**
 * Longer than any packet, and far enough before the first of the offsets that the kernel takes for something else (SKF_LL_OFF,
 * linux/filter.h) that no tag's length leads from below it to them.
 */
const far_offset = 0xffe0_0000 - 65_536;

/** What an expression is by itself. */
export type AloneResult =
  | { readonly kind: 'fine' }
  /** A good expression that does not fit this link type. */
  | { readonly kind: 'excluded'; readonly reason: string }
  /** Good for no link type. */
  | { readonly kind: 'syntax'; readonly reason: string };

/**
 * Compiles an expression alone, before it is joined with anything: pasted between parentheses, `tcp) or (udp` would compile, and
 * mean more than its author may see. Gives one result per link type asked for.
 */
export function compileAlone(
  expression_text: string,
  linktypes: readonly number[],
  native: Libpcap = loadLibpcap(),
): readonly AloneResult[] {
  const known = new Map<number, CompiledText>();
  const compiled = (linktype: number): CompiledText => {
    const result = known.get(linktype) ?? compileFor(linktype, expression_text, native);
    known.set(linktype, result);
    return result;
  };
  return linktypes.map((linktype) => {
    const here = compiled(linktype);
    const far = here.kind === 'program' ? farOffset(here) : undefined;
    if (far !== undefined) return { kind: 'syntax', reason: `no packet has a byte at offset ${far}` };
    if (here.kind !== 'error') return { kind: 'fine' };
    if (reference_linktypes.some((one) => compiled(one).kind !== 'error')) {
      return { kind: 'excluded', reason: here.reason };
    }
    return { kind: 'syntax', reason: here.reason };
  });
}

function compileFor(linktype: number, text: string, native: Libpcap): CompiledText {
  const handle = openCompileHandle(linktype, native);
  try {
    return compileText(handle.pointer, text, native);
  } finally {
    handle.close();
  }
}

/** Where it loads from, if that is where the kernel has its own words about a packet, or right before: who asks for it is mistaken. */
function farOffset({ instructions }: Extract<CompiledText, { readonly kind: 'program' }>): number | undefined {
  const pool = new GraphPool();
  readProgram(instructions, pool);
  const furthest = pool.expressions.beyond_packets;
  return furthest === undefined || furthest < far_offset ? undefined : furthest;
}
