import { type Fault, fault } from '../model/errors/fault.ts';
import { type Libpcap, loadLibpcap } from './binding.ts';
import { TooComplex } from './bytecode/expression.ts';
import { GraphPool, type Node } from './bytecode/graph.ts';
import { joinBoth, joinTags, type TagGraphs } from './bytecode/join_graphs.ts';
import { liveGraph } from './bytecode/live_graph.ts';
import { writeProgram } from './bytecode/optimize.ts';
import { simplified } from './bytecode/simplify.ts';
import { readProgram } from './bytecode/read_program.ts';
import { checkInstructions } from './check_program.ts';
import { openCompileHandle } from './compile_handle.ts';
import { compileText } from './compile_text.ts';
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

/** What a filter consists of: a packet must match every text, and a blank one matches everything. */
export interface FilterTexts {
  /** The user's expression by itself, in the form to compile; blank = none. */
  readonly expression_text: string;
  /** Matched against untagged, tagged and double-tagged packets alike, each as if it had no tag. */
  readonly any_tags_text: string;
  /** What the text before is joined of, to be compiled each by itself; absent where it is not known. */
  readonly any_tags_parts?: readonly string[];
  /** Matched as it is written: an expression that names `vlan` itself. */
  readonly own_tags_text: string;
}

/** What a filter is compiled for. */
export interface CompileTarget {
  /** LINKTYPE_ number. */
  readonly linktype: number;
  /** The program goes before a live capture's socket, and says there of a packet what the other one says of it once it is stored. */
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

const accept_all = encodeInstructions([accept(accept_bytes)]);

function isBlank({ any_tags_text, any_tags_parts = [any_tags_text], own_tags_text }: FilterTexts): boolean {
  return [...any_tags_parts, own_tags_text].every((text) => text.trim() === '');
}

/** Why no program comes of a text. */
class Excluded extends Error {}

/**
 * Compiles a filter, whose expression is known to compile alone somewhere, into the one program for a target. libpcap translates each text by
 * itself; what it gives is joined and made shorter as graphs, in steps that change nothing of what it says.
 */
export function compileFilter(
  texts: FilterTexts,
  target: CompileTarget,
  native: Libpcap = loadLibpcap(),
): CompiledFilter {
  // Most full captures have none, and begin the sooner.
  if (isBlank(texts)) return { kind: 'program', program: { linktype: target.linktype, instructions: accept_all } };
  const handle = openCompileHandle(target.linktype, native);
  try {
    return written(new FilterReader(target.linktype, handle.pointer, native).read(texts), texts, target);
  } catch (error) {
    if (error instanceof Excluded) return { kind: 'excluded', reason: error.message };
    if (error instanceof TooComplex) return { kind: 'fault', fault: tooLong(texts, instructions_max + 1) };
    throw error;
  } finally {
    handle.close();
  }
}

function written({ root, pool }: ReadFilter, texts: FilterTexts, { linktype, live }: CompileTarget): CompiledFilter {
  if (root === pool.reject) throw new Excluded(excluded_empty);
  let graph = root;
  if (live) {
    const moved = liveGraph(root, linktype, pool);
    if (moved.kind === 'impossible') throw new Excluded(moved.reason);
    graph = simplified(moved.root, pool);
    if (graph === pool.reject) throw new Excluded(excluded_empty);
  }
  const instructions = writeProgram(graph);
  if (instructions.length > instructions_limit) return { kind: 'fault', fault: tooLong(texts, instructions.length) };
  return { kind: 'program', program: { linktype, instructions: encodeInstructions(instructions) } };
}

/** What is left for a filter when its prefixes are before it. */
const instructions_limit = instructions_max - prefix_instructions_max;

function tooLong({ expression_text }: FilterTexts, instructions: number): Fault {
  const [field, pointer] =
    expression_text === '' ? ['filter_v1', '/filter_v1'] : ['filter_expression', '/filter_expression'];
  return fault('expression_too_long', { field, instructions, limit: instructions_limit }, pointer);
}

interface ReadFilter {
  readonly root: Node;
  readonly pool: GraphPool;
}

/** Reads texts as graphs for stored packets of one link type. */
class FilterReader {
  readonly #linktype: number;
  readonly #pointer: PcapPointer;
  readonly #native: Libpcap;
  readonly #pool = new GraphPool();
  #tag_tests: Pick<TagGraphs, 'has_tag' | 'has_two_tags'> | undefined;

  constructor(linktype: number, pointer: PcapPointer, native: Libpcap) {
    this.#linktype = linktype;
    this.#pointer = pointer;
    this.#native = native;
  }

  read({ any_tags_text, any_tags_parts = [any_tags_text], own_tags_text }: FilterTexts): ReadFilter {
    const graphs: Node[] = [];
    for (const text of any_tags_parts) if (text.trim() !== '') graphs.push(this.#anyTags(text));
    if (own_tags_text.trim() !== '') graphs.push(this.#plain(own_tags_text));
    const pool = this.#pool;
    const [last = this.#read([accept(accept_bytes)]), ...before] = graphs.toReversed();
    const root = before.reduce((joined, graph) => joinBoth(graph, joined, pool), last);
    return { root: simplified(root, pool), pool };
  }

  #anyTags(text: string): Node {
    const untagged = this.#plain(text);
    if (this.#linktype !== ethernet) return untagged;
    const [tagged, double_tagged] = [this.#plain(`vlan and (${text})`), this.#plain(`vlan and vlan and (${text})`)];
    this.#tag_tests ??= { has_tag: this.#plain('vlan'), has_two_tags: this.#plain('vlan and vlan') };
    return joinTags({ untagged, tagged, double_tagged, ...this.#tag_tests }, this.#pool);
  }

  #plain(text: string): Node {
    const compiled = compileText(this.#pointer, text, this.#native);
    if (compiled.kind === 'error') throw new Excluded(compiled.reason);
    return this.#read(compiled.instructions);
  }

  #read(instructions: readonly Instruction[]): Node {
    checkInstructions(instructions);
    return simplified(readProgram(instructions, this.#pool), this.#pool);
  }
}
