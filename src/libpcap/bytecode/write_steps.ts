import { type Expression, type LoadSize, type Operator, TooComplex } from './expression.ts';
import { expressionsOf, inOrder, type Node, successorsOf } from './graph.ts';
import { machine, type Step, StepPool } from './machine_code.ts';
import { variableWords } from './variable_words.ts';

/** Scratch words of the machine (BPF_MEMWORDS). */
const scratch_words = 16;
/** An expression of so many parts or more is kept in a scratch word where several nodes need it; fewer suffice where they load from behind it. */
const kept_parts = 4;
const kept_base_parts = 3;

const operations: Readonly<Record<Operator, number>> = {
  add: 0x04,
  sub: 0x14,
  mul: 0x24,
  div: 0x34,
  or: 0x44,
  and: 0x54,
  shl: 0x64,
  shr: 0x74,
  mod: 0x94,
  xor: 0xa4,
};

/** What the registers hold at a place, whatever way led there. */
interface Registers {
  readonly a: Expression | undefined;
  readonly x: Expression | undefined;
  readonly words: ReadonlyMap<number, Expression>;
}

interface Written {
  /** Code and operand of each instruction. */
  readonly plain: readonly (readonly [number, number])[];
  /** Ends the node, for a test: code and operand, and whether it asks for the contrary. */
  readonly branch?: { readonly code: number; readonly k: number; readonly negated: boolean };
}

/**
 * Writes a graph as instructions of the machine: what a register holds already, on every way, is not loaded again.
 *
 * @throws TooComplex where the scratch words do not suffice.
 */
export function writeSteps(root: Node): Step {
  const order = inOrder(root);
  const words = keptWords(order);
  const before = new Map<Node, Registers>();
  const written = new Map<Node, Written>();
  for (const node of order) {
    const writer = new NodeWriter(before.get(node) ?? { a: undefined, x: undefined, words: new Map() }, words);
    written.set(node, writer.write(node));
    const behind = writer.registers();
    for (const next of successorsOf(node)) {
      const other = before.get(next);
      before.set(next, other === undefined ? behind : inBoth(other, behind));
    }
  }
  return joined(order, written);
}

/** Which words hold variables, and which may hold expressions that are used again. */
interface KeptWords {
  readonly of: ReadonlyMap<Expression, number>;
  /** The first one that nothing is kept in. */
  readonly first_spare: number;
}

function keptWords(order: readonly Node[]): KeptWords {
  const of = new Map(variableWords(order));
  let first_spare = Math.max(-1, ...of.values()) + 1;
  // What is kept while something else is computed, of the two sides of a test, too.
  let spare = 1;
  for (const node of order) for (const one of expressionsOf(node)) spare = Math.max(spare, one.words + 1);
  if (first_spare + spare > scratch_words)
    throw new TooComplex(`${first_spare} variables at once, ${spare} more words`);
  const uses = new Map<Expression, number>();
  for (const node of order) for (const one of longParts(node)) uses.set(one, (uses.get(one) ?? 0) + 1);
  const worth = ([one, count]: readonly [Expression, number]): number => (count - 1) * one.parts;
  const often = [...uses].filter(([, count]) => count > 1).toSorted((one, other) => worth(other) - worth(one));
  for (const [one] of often) {
    if (first_spare + spare >= scratch_words) break;
    of.set(one, first_spare++);
  }
  return { of, first_spare };
}

/** The parts of a node's expressions that take several instructions. */
function longParts(node: Node): ReadonlySet<Expression> {
  const found = new Set<Expression>();
  const seen = new Set<Expression>();
  const waiting = [...expressionsOf(node)];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (seen.has(one) || headerLengthAt(one) !== undefined) continue;
    seen.add(one);
    if (one.kind === 'binary') {
      waiting.push(one.a, one.b);
      if (one.parts >= kept_parts) found.add(one);
    }
    if (one.kind !== 'indirect') continue;
    waiting.push(one.x);
    if (one.x.parts >= kept_base_parts && headerLengthAt(one.x) === undefined) found.add(one.x);
  }
  return found;
}

function inBoth(one: Registers, other: Registers): Registers {
  const words = new Map<number, Expression>();
  for (const [word, value] of one.words) if (other.words.get(word) === value) words.set(word, value);
  return { a: one.a === other.a ? one.a : undefined, x: one.x === other.x ? one.x : undefined, words };
}

function joined(order: readonly Node[], written: ReadonlyMap<Node, Written>): Step {
  const pool = new StepPool();
  const made = new Map<Node, Step>();
  const now = (node: Node): Step => made.get(node) ?? pool.result(machine.return_constant, 0);
  for (const node of order.toReversed()) {
    const { plain, branch } = written.get(node) ?? { plain: [] };
    let step: Step;
    if (node.kind === 'return') {
      const { value } = node;
      step =
        value.kind === 'constant' ? pool.result(machine.return_constant, value.k) : pool.result(machine.return_a, 0);
    } else if (node.kind === 'test') {
      if (branch === undefined) throw new Error('a test was written without a branch');
      const [yes, no] = branch.negated ? [node.no, node.yes] : [node.yes, node.no];
      step = pool.branch(branch.code, branch.k, now(yes), now(no));
    } else {
      step = now(node.next);
    }
    for (const [code, k] of plain.toReversed()) step = pool.plain(code, k, step);
    made.set(node, step);
  }
  const [root] = order;
  if (root === undefined) throw new Error('a graph has a root');
  return now(root);
}

/** Writes the instructions of one node. */
class NodeWriter {
  #a: Expression | undefined;
  #x: Expression | undefined;
  readonly #words: Map<number, Expression>;
  readonly #kept: KeptWords;
  #next_spare: number;
  readonly #plain: (readonly [number, number])[] = [];

  constructor({ a, x, words }: Registers, kept: KeptWords) {
    this.#a = a;
    this.#x = x;
    this.#words = new Map(words);
    this.#kept = kept;
    this.#next_spare = kept.first_spare;
  }

  registers(): Registers {
    return { a: this.#a, x: this.#x, words: this.#words };
  }

  write(node: Node): Written {
    switch (node.kind) {
      case 'test':
        return this.#test(node.condition.op, node.condition.a, node.condition.b);
      case 'evaluate':
        this.#toA(node.expression);
        break;
      case 'assign': {
        const word = this.#kept.of.get(node.variable);
        if (word === undefined) throw new Error('a variable has no word');
        this.#toA(node.value);
        this.#emit(machine.store, word);
        this.#words.set(word, node.variable);
        break;
      }
      case 'return':
        if (node.value.kind !== 'constant') this.#toA(node.value);
        break;
      default:
        node satisfies never;
    }
    return { plain: this.#plain };
  }

  #test(op: 'eq' | 'ge', a: Expression, b: Expression): Written {
    if (op === 'ge') return this.#branch(machine.jump_if_at_least, a, b, false);
    const zero = b.kind === 'constant' && b.k === 0;
    // No bit of the mask is set.
    if (zero && a.kind === 'binary' && a.op === 'and' && this.#a !== a) {
      return this.#branch(machine.jump_if_set, a.a, a.b, true);
    }
    if (b.kind !== 'constant' && this.#x === a) return this.#branch(machine.jump_if_equal, b, a, false);
    return this.#branch(machine.jump_if_equal, a, b, false);
  }

  #branch(code: number, a: Expression, b: Expression, negated: boolean): Written {
    if (b.kind === 'constant') {
      this.#toA(a);
      return { plain: this.#plain, branch: { code, k: b.k, negated } };
    }
    this.#toBoth(a, b);
    return { plain: this.#plain, branch: { code: code | machine.by_x, k: 0, negated } };
  }

  #emit(code: number, k: number): void {
    this.#plain.push([code, k]);
  }

  #toBoth(a: Expression, b: Expression): void {
    if (this.#x === b && !this.#changesX(a, this.#a, b)) return this.#toA(a);
    if (this.#a === a && this.#isDirectX(b)) return this.#toX(b);
    // Loading x may take a.
    if (!this.#changesX(a, undefined, b)) {
      this.#toX(b);
      return this.#toA(a);
    }
    if (this.#isDirectX(b)) {
      this.#toA(a);
      return this.#toX(b);
    }
    const word = this.#next_spare;
    if (word >= scratch_words) throw new TooComplex('more to be kept than the machine has words');
    const [first, second] = a.words > b.words ? [a, b] : [b, a];
    this.#toA(first);
    this.#emit(machine.store, word);
    this.#next_spare += 1;
    this.#toA(second);
    this.#next_spare -= 1;
    if (first === b) {
      this.#emit(machine.load_x_scratch, word);
      this.#x = b;
      return undefined;
    }
    this.#emit(machine.a_to_x, 0);
    this.#x = b;
    this.#emit(machine.load_scratch, word);
    this.#a = a;
    return undefined;
  }

  /** With these values in the registers, does it take another value in x to compute this one? */
  #changesX(one: Expression, a: Expression | undefined, x: Expression): boolean {
    if (one === a || one === x || this.#wordOf(one) !== undefined) return false;
    if (one.kind === 'indirect') return one.x !== x;
    if (one.kind !== 'binary') return false;
    return one.b.kind !== 'constant' || this.#changesX(one.a, a, x);
  }

  /** Can x be loaded with it at any time, and without a? */
  #isDirectX(one: Expression): boolean {
    if (one.kind === 'constant' || one.kind === 'length') return true;
    return this.#wordOf(one) !== undefined || headerLengthAt(one) !== undefined;
  }

  #wordOf(one: Expression): number | undefined {
    const word = this.#kept.of.get(one);
    return word !== undefined && this.#words.get(word) === one ? word : undefined;
  }

  #toA(one: Expression): void {
    if (this.#a === one) return;
    const word = this.#wordOf(one);
    if (word !== undefined) this.#emit(machine.load_scratch, word);
    else if (this.#x === one) this.#emit(machine.x_to_a, 0);
    else {
      this.#compute(one);
      this.#keep(one);
    }
    this.#a = one;
  }

  #compute(one: Expression): void {
    switch (one.kind) {
      case 'constant':
        return this.#emit(machine.load_constant, one.k);
      case 'length':
        return this.#emit(machine.load_length, 0);
      case 'load':
        return this.#emit(loadCode(one.size), one.k);
      case 'ancillary':
        return this.#emit(machine.load_word, one.k);
      case 'indirect':
        this.#toX(one.x);
        return this.#emit(loadCode(one.size) + (machine.load_word_indirect - machine.load_word), one.k);
      case 'binary': {
        const { op, a, b } = one;
        if (b.kind === 'constant') {
          this.#toA(a);
          return this.#emit(operations[op], b.k);
        }
        if (op === 'sub' && a.kind === 'constant' && a.k === 0) {
          this.#toA(b);
          return this.#emit(0x84, 0);
        }
        this.#toBoth(a, b);
        return this.#emit(operations[op] | machine.by_x, 0);
      }
      case 'variable':
      case 'never':
        throw new Error(`there is nothing to compute: ${one.kind}`);
      default:
        one satisfies never;
    }
  }

  #toX(one: Expression): void {
    if (this.#x === one) return;
    const word = this.#wordOf(one);
    const header = headerLengthAt(one);
    if (word !== undefined) this.#emit(machine.load_x_scratch, word);
    else if (one.kind === 'constant') this.#emit(machine.load_x_constant, one.k);
    else if (one.kind === 'length') this.#emit(machine.load_x_length, 0);
    else if (header !== undefined && this.#a !== one) this.#emit(machine.load_x_header_length, header);
    else {
      this.#toA(one);
      this.#emit(machine.a_to_x, 0);
    }
    this.#x = one;
  }

  /** Keeps what has been computed into a, if it is of what is needed again. */
  #keep(one: Expression): void {
    const word = this.#kept.of.get(one);
    if (word === undefined || one.kind === 'variable') return;
    this.#emit(machine.store, word);
    this.#words.set(word, one);
  }
}

function loadCode(size: LoadSize): number {
  if (size === 4) return machine.load_word;
  return size === 2 ? machine.load_half : machine.load_byte;
}

/** Where the header is whose length in IPv4's way this is: one instruction loads it. */
function headerLengthAt(one: Expression): number | undefined {
  if (one.kind !== 'binary' || one.op !== 'shl' || one.b.kind !== 'constant' || one.b.k !== 2) return undefined;
  const low = one.a;
  if (low.kind !== 'binary' || low.op !== 'and' || low.b.kind !== 'constant' || low.b.k !== 0x0f) return undefined;
  return low.a.kind === 'load' && low.a.size === 1 ? low.a.k : undefined;
}
