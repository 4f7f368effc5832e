import type { Instruction } from '../program.ts';
import { type Comparison, type Question, questionOf } from './condition.ts';
import type { Expression, ExpressionPool, LoadSize, Operator } from './expression.ts';
import type { GraphPool, Node } from './graph.ts';

/** A register or scratch word of the machine: 0 to 15 are the scratch words. */
const scratch_words = 16;
const register_a = 16;
const register_x = 17;
const registers = 18;

const operators: readonly (Operator | undefined)[] = [
  'add',
  'sub',
  'mul',
  'div',
  'or',
  'and',
  'shl',
  'shr',
  undefined,
  'mod',
  'xor',
];
const comparisons: readonly (Comparison | undefined)[] = [undefined, 'eq', 'gt', 'ge', 'set'];

/** What the registers hold, as expressions. */
type State = readonly Expression[];

/** Instructions that run one after the other, up to a jump, a return or a place that is jumped to. */
interface Block {
  readonly first: number;
  /** Of the last instruction. */
  readonly last: number;
  /** Blocks that it leads to, by their first instruction. */
  readonly leads_to: readonly number[];
}

/** What became of a block. */
interface Ran {
  readonly evaluated: ReadonlySet<Expression>;
  readonly ends: Question | 'goes on' | { readonly returned: Expression };
  readonly state: State;
}

/**
 * Reads a checked program (`checkProgram`) as a graph that says the same of every packet: evaluated and asked is what the program loads and compares, in
 * its order. What a register holds where ways meet that left different values in it becomes a variable.
 */
export function readProgram(instructions: readonly Instruction[], pool: GraphPool): Node {
  return new Reading(instructions, pool).graph();
}

class Reading {
  readonly #instructions: readonly Instruction[];
  readonly #pool: GraphPool;
  readonly #blocks: ReadonlyMap<number, Block>;
  /** By block: the registers that are read before they are written. */
  readonly #live: ReadonlyMap<number, number>;
  /** By block: what came in, by the block it came from. */
  readonly #incoming = new Map<number, Map<number, State>>();
  readonly #variables = new Map<number, ReadonlyMap<number, Expression>>();
  readonly #ran = new Map<number, Ran>();

  constructor(instructions: readonly Instruction[], pool: GraphPool) {
    this.#instructions = instructions;
    this.#pool = pool;
    this.#blocks = blocksOf(instructions);
    this.#live = liveness(instructions, this.#blocks);
  }

  graph(): Node {
    const zero = this.#pool.expressions.constant(0);
    const start = Array.from({ length: registers }, () => zero);
    this.#incoming.set(0, new Map([[-1, start]]));
    // Jumps only lead forward: all that leads to a block comes before it.
    for (const block of this.#blocks.values()) {
      const incoming = this.#incoming.get(block.first);
      if (incoming !== undefined) this.#runBlock(block, incoming);
    }
    return this.#build();
  }

  #runBlock(block: Block, incoming: ReadonlyMap<number, State>): void {
    const state = this.#entryState(block, incoming);
    const run = new BlockRun(state, this.#pool.expressions);
    for (let index = block.first; index <= block.last && !run.rejects; index++) {
      const instruction = this.#instructions[index];
      if (instruction !== undefined) run.step(instruction);
    }
    this.#ran.set(block.first, run.outcome());
    if (run.rejects) return;
    for (const target of this.#reached(block, run.outcome().ends)) {
      const known = this.#incoming.get(target) ?? new Map<number, State>();
      known.set(block.first, run.state);
      this.#incoming.set(target, known);
    }
  }

  #reached({ leads_to }: Block, ends: Ran['ends']): readonly number[] {
    if (typeof ends !== 'boolean') return leads_to;
    return leads_to.slice(ends ? 0 : 1, ends ? 1 : 2);
  }

  #entryState({ first }: Block, incoming: ReadonlyMap<number, State>): State {
    const [one = [], ...others] = incoming.values();
    const live = this.#live.get(first) ?? 0;
    const variables = new Map<number, Expression>();
    const state = one.map((value, register) => {
      if (((live >> register) & 1) === 0 || others.every((other) => other[register] === value)) return value;
      const variable = this.#pool.newVariable([value, ...others.map((other) => other[register] ?? value)]);
      variables.set(register, variable);
      return variable;
    });
    this.#variables.set(first, variables);
    return state;
  }

  #build(): Node {
    const nodes = new Map<number, Node>();
    for (const block of [...this.#blocks.values()].toReversed()) {
      const ran = this.#ran.get(block.first);
      if (ran !== undefined) nodes.set(block.first, this.#node(block, ran, nodes));
    }
    return nodes.get(0) ?? this.#pool.reject;
  }

  #node({ leads_to }: Block, { evaluated, ends, state }: Ran, nodes: ReadonlyMap<number, Node>): Node {
    const pool = this.#pool;
    if (typeof ends === 'object' && 'returned' in ends) {
      return pool.evaluate(evaluated, pool.result(ends.returned));
    }
    const [yes, no] = leads_to.map((target) => {
      let node = nodes.get(target) ?? pool.reject;
      for (const [register, variable] of this.#variables.get(target) ?? []) {
        const value = state[register];
        if (value !== undefined) node = pool.assign(variable, value, node);
      }
      return node;
    });
    const first = yes ?? pool.reject;
    return pool.evaluate(evaluated, ends === 'goes on' ? first : pool.ask(ends, first, no ?? first));
  }
}

/** Runs one block on expressions. */
class BlockRun {
  readonly state: Expression[];
  readonly #pool: ExpressionPool;
  readonly #evaluated = new Set<Expression>();
  #ends: Ran['ends'] = 'goes on';
  rejects = false;

  constructor(state: State, pool: ExpressionPool) {
    this.state = [...state];
    this.#pool = pool;
  }

  outcome(): Ran {
    const ends = this.rejects ? { returned: this.#pool.constant(0) } : this.#ends;
    return { evaluated: this.#evaluated, ends, state: this.state };
  }

  step({ code, k }: Instruction): void {
    switch (code & 0x07) {
      case 0x00:
        return this.#set(register_a, this.#loaded(code, k));
      case 0x01:
        return this.#set(register_x, this.#loaded(code, k));
      case 0x02:
        return this.#set(k, this.#get(register_a));
      case 0x03:
        return this.#set(k, this.#get(register_x));
      case 0x04:
        return this.#set(register_a, this.#computed(code, k));
      case 0x05:
        return code === 0x05 ? undefined : this.#compare(code, k);
      case 0x06:
        this.#ends = { returned: code === 0x16 ? this.#get(register_a) : this.#pool.constant(k) };
        return undefined;
      default:
        if (code === 0x07) return this.#set(register_x, this.#get(register_a));
        return this.#set(register_a, this.#get(register_x));
    }
  }

  #get(register: number): Expression {
    const value = this.state[register];
    if (value === undefined) throw new RangeError(`there is no scratch word ${register}`);
    return value;
  }

  #set(register: number, value: Expression): void {
    if (value.kind === 'never') this.rejects = true;
    for (const trap of value.traps) this.#evaluated.add(trap);
    this.state[register] = value;
  }

  #loaded(code: number, k: number): Expression {
    const pool = this.#pool;
    const size: LoadSize = (code & 0x18) === 0x00 ? 4 : (code & 0x18) === 0x08 ? 2 : 1;
    switch (code & 0xe0) {
      case 0x20:
        return pool.load(size, k);
      case 0x40:
        return pool.indirect(size, this.#get(register_x), k);
      case 0x60:
        return this.#get(k);
      case 0x80:
        return pool.length;
      case 0xa0:
        return pool.headerLength(k);
      default:
        return pool.constant(k);
    }
  }

  #computed(code: number, k: number): Expression {
    const a = this.#get(register_a);
    if ((code & 0xf0) === 0x80) return this.#pool.binary('sub', this.#pool.constant(0), a);
    const operator = operators[(code & 0xf0) >> 4];
    if (operator === undefined) throw new RangeError(`there is no operation 0x${code.toString(16)}`);
    return this.#pool.binary(operator, a, (code & 0x08) === 0 ? this.#pool.constant(k) : this.#get(register_x));
  }

  #compare(code: number, k: number): void {
    const comparison = comparisons[(code & 0xf0) >> 4];
    if (comparison === undefined) throw new RangeError(`there is no comparison 0x${code.toString(16)}`);
    const operand = (code & 0x08) === 0 ? this.#pool.constant(k) : this.#get(register_x);
    this.#ends = questionOf(this.#pool, comparison, this.#get(register_a), operand);
  }
}

/** The blocks of a program in order, by their first instruction. */
function blocksOf(instructions: readonly Instruction[]): ReadonlyMap<number, Block> {
  const starts = new Set([0]);
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    const kind = code & 0x07;
    if (kind !== 0x05 && kind !== 0x06) continue;
    starts.add(index + 1);
    if (kind === 0x06) continue;
    for (const skip of code === 0x05 ? [k] : [jt, jf]) starts.add(index + 1 + skip);
  }
  const ordered = [...starts].filter((start) => start < instructions.length).toSorted((a, b) => a - b);
  return new Map(
    ordered.map((first, at) => {
      const last = (ordered[at + 1] ?? instructions.length) - 1;
      return [first, { first, last, leads_to: leadsTo(instructions[last], last) }];
    }),
  );
}

function leadsTo(instruction: Instruction | undefined, index: number): readonly number[] {
  if (instruction === undefined || (instruction.code & 0x07) === 0x06) return [];
  const { code, jt, jf, k } = instruction;
  if (code === 0x05) return [index + 1 + k];
  return (code & 0x07) === 0x05 ? [index + 1 + jt, index + 1 + jf] : [index + 1];
}

/** For each block the registers, as bits, whose value on entry matters. */
function liveness(
  instructions: readonly Instruction[],
  blocks: ReadonlyMap<number, Block>,
): ReadonlyMap<number, number> {
  const live = new Map<number, number>();
  for (const { first, last, leads_to } of [...blocks.values()].toReversed()) {
    let bits = 0;
    for (const target of leads_to) bits |= live.get(target) ?? 0;
    for (let index = last; index >= first; index--) {
      const instruction = instructions[index];
      if (instruction === undefined) continue;
      const written = writtenBy(instruction);
      if (written !== undefined) bits &= ~(1 << written);
      for (const register of readBy(instruction)) bits |= 1 << register;
    }
    live.set(first, bits);
  }
  return live;
}

function writtenBy({ code, k }: Instruction): number | undefined {
  const kind = code & 0x07;
  if (kind === 0x00 || kind === 0x04 || code === 0x87) return register_a;
  if (kind === 0x01 || code === 0x07) return register_x;
  return kind === 0x02 || kind === 0x03 ? k : undefined;
}

function readBy({ code, k }: Instruction): readonly number[] {
  const kind = code & 0x07;
  const by_x = (code & 0x08) !== 0 && code !== 0x84;
  if (kind === 0x00 || kind === 0x01) {
    const mode = code & 0xe0;
    if (mode === 0x60) return k < scratch_words ? [k] : [];
    return mode === 0x40 ? [register_x] : [];
  }
  if (kind === 0x02 || code === 0x07 || code === 0x16) return [register_a];
  if (kind === 0x03 || code === 0x87) return [register_x];
  if (kind === 0x04 || (kind === 0x05 && code !== 0x05)) return by_x ? [register_a, register_x] : [register_a];
  return [];
}
