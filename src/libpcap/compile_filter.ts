import { type Fault, fault } from '../model/errors/fault.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { type CompiledText, compileText } from './compile_text.ts';
import { cookedOffsets } from './cooked_offsets.ts';
import { joinBoth, joinTags } from './join_tags.ts';
import type { PcapPointer } from './pointer.ts';
import {
  accept,
  accept_bytes,
  encodeInstructions,
  type Instruction,
  instructions_max,
  type Program,
} from './program.ts';
import { prefix_instructions_max } from './program_prefix.ts';

/** What a filter consists of: a packet must match both texts, and a blank one matches everything. */
export interface FilterTexts {
  /** The user's expression by itself, in the form to compile; blank = none. */
  readonly expression_text: string;
  /** Matched against untagged, tagged and double-tagged packets alike, each as if it had no tag. */
  readonly any_tags_text: string;
  /** Matched as it is written: an expression that names `vlan` itself. */
  readonly own_tags_text: string;
}

/** What a filter is compiled for. */
export interface CompileTarget {
  /** LINKTYPE_ number. */
  readonly linktype: number;
  /** An open handle of that link type, live for a live capture of Ethernet. */
  readonly pointer: PcapPointer;
  /** The program goes before a live capture's socket. */
  readonly live: boolean;
}

/** The outcome of compiling a filter that is right in itself. */
export type CompiledFilter =
  | { readonly kind: 'program'; readonly program: Program }
  /** No packet of this link type can match. */
  | { readonly kind: 'excluded'; readonly reason: string }
  | { readonly kind: 'fault'; readonly fault: Fault };

/** The one link type whose packets carry VLAN tags. */
const ethernet = 1;

const excluded_empty = 'no packet can match it';

/** Compiles a filter, whose expression is known to compile alone somewhere, into the one program for a target. */
export function compileFilter(
  texts: FilterTexts,
  target: CompileTarget,
  native: Libpcap = loadLibpcap(),
): CompiledFilter {
  const parts: (readonly Instruction[])[] = [];
  for (const [text, compile] of [
    [texts.any_tags_text, compileAnyTags],
    [texts.own_tags_text, compilePlain],
  ] as const) {
    if (text.trim() === '') continue;
    const compiled = compile(text, target, native);
    if (compiled.kind !== 'program') {
      return { kind: 'excluded', reason: compiled.kind === 'error' ? compiled.reason : excluded_empty };
    }
    parts.push(compiled.instructions);
  }
  const [first = [accept(accept_bytes)], second] = parts;
  const joined = second === undefined ? first : joinBoth(first, second);
  const limit = instructions_max - prefix_instructions_max;
  if (joined.length > limit) {
    const [field, pointer] =
      texts.expression_text === '' ? ['filter_v1', '/filter_v1'] : ['filter_expression', '/filter_expression'];
    return {
      kind: 'fault',
      fault: fault('expression_too_long', { field, instructions: joined.length, limit }, pointer),
    };
  }
  const moved = target.live
    ? cookedOffsets(joined, target.linktype)
    : ({ kind: 'program', instructions: joined } as const);
  if (moved.kind === 'impossible') return { kind: 'excluded', reason: moved.reason };
  const instructions = encodeInstructions(moved.instructions);
  return { kind: 'program', program: { linktype: target.linktype, instructions } };
}

function compilePlain(text: string, target: CompileTarget, native: Libpcap): CompiledText {
  return compileText(target.pointer, text, native);
}

function compileAnyTags(text: string, target: CompileTarget, native: Libpcap): CompiledText {
  if (target.linktype !== ethernet) return compilePlain(text, target, native);
  const depths = [text, `vlan and (${text})`, `vlan and vlan and (${text})`];
  const compiled = [...depths, 'vlan', 'vlan and vlan'].map((one) => compilePlain(one, target, native));
  const failed = compiled.find((one) => one.kind === 'error');
  if (failed !== undefined) return failed;
  if (compiled.slice(0, depths.length).every((one) => one.kind === 'rejects_all')) return { kind: 'rejects_all' };
  const [untagged = [], tagged = [], double_tagged = [], has_tag = [], has_two_tags = []] = compiled.map((one) =>
    one.kind === 'program' ? one.instructions : [accept(0)],
  );
  return { kind: 'program', instructions: joinTags({ untagged, tagged, double_tagged, has_tag, has_two_tags }) };
}
