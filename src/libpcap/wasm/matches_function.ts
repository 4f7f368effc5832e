import type { Instruction } from '../program.ts';
import { op, WasmCode } from './wasm_code.ts';
import type { WasmFunction } from './wasm_module.ts';

/** Its parameters: where in the memory the captured bytes begin, how many they are, and the packet's length on the wire. */
const [packet, captured, original] = [0, 1, 2];
/** Its locals: the machine's two registers, one to compute with, and as many scratch words as the program names. */
const [a, x, spare, scratch] = [3, 4, 5, 6];

/** The global that counts the packets that were cut short and rejected for what may lie in the rest. */
const unjudged = 0;

/** Lengths of packets are below this, so that an offset that is not cannot be in one. */
const length_limit = 2 ** 31;

/**
 * Translates a checked program (`checkProgram`) into the function `matches`: 0 where the packet does not match, else another number. It reads
 * nothing but the packet's captured bytes. A packet of which less was captured than there was, and that is rejected because a load does not lie in
 * what was captured, counts in the global `unjudged`.
 *
 * Jumps only go forward. So there is one block for each instruction that is jumped to, each within the next, that ends just
 * before that instruction: a jump leaves the block.
 */
export function matchesFunction(instructions: readonly Instruction[]): WasmFunction {
  const words = instructions.map(({ code, k }) => (scratch_codes.has(code) ? k + 1 : 0));
  const { code } = new Translation(instructions);
  return { name: 'matches', parameters: a, locals: scratch - a + Math.max(...words), code: code.bytes };
}

/** Instructions that name a scratch word: ld, ldx, st, stx. */
const scratch_codes: ReadonlySet<number> = new Set([0x60, 0x61, 0x02, 0x03]);

/** What is known of the packet on every way to an instruction: that so many bytes are captured, from its start and from x on. */
interface Seen {
  readonly bytes: number;
  readonly behind_x: number;
}

class Translation {
  readonly code = new WasmCode();
  /** Instructions that are jumped to, in ascending order: where blocks end. */
  readonly #targets: readonly number[];
  /** Their places in that order. */
  readonly #order: ReadonlyMap<number, number>;
  /** So many blocks have ended. */
  #ended = 0;
  /** By instruction that can be reached; what is known there. */
  readonly #seen = new Map<number, Seen>();

  constructor(instructions: readonly Instruction[]) {
    this.#targets = jumpTargets(instructions);
    this.#order = new Map(this.#targets.map((target, order) => [target, order]));
    // The outermost block ends where the packet is rejected.
    for (const _ of [...this.#targets, 'reject']) this.code.block();
    this.#reach(0, { bytes: 0, behind_x: 0 });
    for (const [index, instruction] of instructions.entries()) {
      if (this.#targets[this.#ended] === index) {
        this.#ended++;
        this.code.end();
      }
      const seen = this.#seen.get(index);
      if (seen !== undefined) this.#translate(instruction, index, seen);
    }
    this.code.end().get(captured).get(original).emit(op.i32_lt_u).if().increment(unjudged).end().constant(0);
  }

  /** Notes that an instruction can be reached, and what is known then. */
  #reach(index: number, seen: Seen): void {
    const before = this.#seen.get(index) ?? seen;
    this.#seen.set(index, {
      bytes: Math.min(before.bytes, seen.bytes),
      behind_x: Math.min(before.behind_x, seen.behind_x),
    });
  }

  #translate(instruction: Instruction, index: number, seen: Seen): void {
    const { code: operation, k } = instruction;
    const next = (known: Seen): void => this.#reach(index + 1, known);
    switch (operation & 0x07) {
      case 0x00:
        return this.#load(instruction, seen, next);
      case 0x01:
        return this.#loadX(instruction, seen, next);
      case 0x02:
        this.code.get(a).set(scratch + k);
        return next(seen);
      case 0x03:
        this.code.get(x).set(scratch + k);
        return next(seen);
      case 0x04:
        this.#compute(instruction);
        return next(seen);
      case 0x05:
        return this.#jump(instruction, index, seen);
      case 0x06:
        if (operation === 0x16) this.code.get(a);
        else this.code.constant(k);
        this.code.emit(op.return);
        return undefined;
      default:
        if (operation === 0x07) this.code.get(a).set(x);
        else this.code.get(x).set(a);
        return next(operation === 0x07 ? { ...seen, behind_x: 0 } : seen);
    }
  }

  #load({ code: operation, k }: Instruction, seen: Seen, next: (seen: Seen) => void): void {
    const mode = operation & 0xe0;
    if (mode === 0x20 || mode === 0x40) return this.#loadPacket(operation, k, seen, next);
    if (mode === 0x00) this.code.constant(k);
    else if (mode === 0x60) this.code.get(scratch + k);
    else this.code.get(original);
    this.code.set(a);
    next(seen);
  }

  #loadX({ code: operation, k }: Instruction, seen: Seen, next: (seen: Seen) => void): void {
    const mode = operation & 0xe0;
    if (mode === 0xa0) {
      if (k + 1 > length_limit) return this.#reject();
      this.#needBytes(k + 1, seen);
      this.code.get(packet).load(op.i32_load8_u, k);
      this.code.constant(0x0f).emit(op.i32_and).constant(2).emit(op.i32_shl).set(x);
      return next({ bytes: Math.max(seen.bytes, k + 1), behind_x: 0 });
    }
    if (mode === 0x00) this.code.constant(k);
    else if (mode === 0x60) this.code.get(scratch + k);
    else this.code.get(original);
    this.code.set(x);
    return next({ ...seen, behind_x: 0 });
  }

  #loadPacket(operation: number, k: number, seen: Seen, next: (seen: Seen) => void): void {
    const size = operation & 0x18;
    const end = k + (size === 0x00 ? 4 : size === 0x08 ? 2 : 1);
    if (end > length_limit) return this.#reject();
    const behindX = (operation & 0xe0) === 0x40;
    if (behindX) {
      if (seen.behind_x < end) {
        // Two steps, because the sum of x and the offset may not fit into 32 bits.
        this.#needBytes(end, seen);
        this.code.get(x).get(captured).constant(end).emit(op.i32_sub, op.i32_gt_u);
        this.#rejectIf();
      }
      this.code.get(packet).get(x).emit(op.i32_add);
    } else {
      this.#needBytes(end, seen);
      this.code.get(packet);
    }
    this.#loadBigEndian(size, k);
    this.code.set(a);
    const bytes = Math.max(seen.bytes, end);
    return next({ bytes, behind_x: behindX ? Math.max(seen.behind_x, end) : seen.behind_x });
  }

  /** Loads from the address on the stack: WebAssembly has the other byte order. */
  #loadBigEndian(size: number, offset: number): void {
    const { code } = this;
    if (size === 0x10) {
      code.load(op.i32_load8_u, offset);
    } else if (size === 0x08) {
      code.load(op.i32_load16_u, offset).tee(spare).constant(8).emit(op.i32_shl);
      code.get(spare).constant(8).emit(op.i32_shr_u, op.i32_or).constant(0xffff).emit(op.i32_and);
    } else {
      code.load(op.i32_load, offset).tee(spare);
      code.constant(8).emit(op.i32_rotl).constant(0x00ff_00ff).emit(op.i32_and);
      code.get(spare).constant(0x00ff_00ff).emit(op.i32_and).constant(24).emit(op.i32_rotl, op.i32_or);
    }
  }

  #needBytes(bytes: number, seen: Seen): void {
    if (seen.bytes >= bytes) return;
    this.code.get(captured).constant(bytes).emit(op.i32_lt_u);
    this.#rejectIf();
  }

  #rejectIf(): void {
    this.code.brIf(this.#targets.length - this.#ended);
  }

  /** For a load that lies in no packet, however much of it was captured. */
  #reject(): void {
    this.code.constant(0).emit(op.return);
  }

  #compute({ code: operation, k }: Instruction): void {
    const { code } = this;
    const kind = operation & 0xf0;
    const byX = (operation & 0x08) !== 0;
    if (kind === 0x80) {
      code.constant(0).get(a).emit(op.i32_sub).set(a);
      return;
    }
    if (byX && (kind === 0x30 || kind === 0x90)) {
      code.get(x).emit(op.i32_eqz).if().constant(0).emit(op.return).end();
    }
    code.get(a);
    if (byX) code.get(x);
    else code.constant(k);
    code.emit(arithmetic(kind));
    if (byX && (kind === 0x60 || kind === 0x70)) {
      // WebAssembly takes the number of bits modulo 32; here all bits are shifted out.
      code.constant(0).get(x).constant(32).emit(op.i32_lt_u, op.select);
    }
    code.set(a);
  }

  #jump({ code: operation, jt, jf, k }: Instruction, index: number, seen: Seen): void {
    const [taken, other] = operation === 0x05 ? [index + 1 + k, index + 1 + k] : [index + 1 + jt, index + 1 + jf];
    this.#reach(taken, seen);
    this.#reach(other, seen);
    if (taken === other) {
      if (taken !== index + 1) this.code.br(this.#depth(taken));
      return;
    }
    this.code.get(a);
    if ((operation & 0x08) !== 0) this.code.get(x);
    else this.code.constant(k);
    const { yes, no } = comparison(operation & 0xf0);
    if (taken === index + 1) {
      this.code.emit(...no).brIf(this.#depth(other));
      return;
    }
    this.code.emit(...yes).brIf(this.#depth(taken));
    if (other !== index + 1) this.code.br(this.#depth(other));
  }

  #depth(target: number): number {
    const order = this.#order.get(target);
    if (order === undefined) throw new Error(`nothing was known to jump to instruction ${target}`);
    return order - this.#ended;
  }
}

/** Instructions that something jumps to, other than from just before, in ascending order. */
function jumpTargets(instructions: readonly Instruction[]): number[] {
  const targets = new Set<number>();
  for (const [index, { code, jt, jf, k }] of instructions.entries()) {
    if ((code & 0x07) !== 0x05) continue;
    const skips = code === 0x05 ? [k] : [jt, jf];
    for (const skip of skips) if (skip > 0) targets.add(index + 1 + skip);
  }
  return [...targets].toSorted((a, b) => a - b);
}

function arithmetic(kind: number): number {
  switch (kind) {
    case 0x00:
      return op.i32_add;
    case 0x10:
      return op.i32_sub;
    case 0x20:
      return op.i32_mul;
    case 0x30:
      return op.i32_div_u;
    case 0x40:
      return op.i32_or;
    case 0x50:
      return op.i32_and;
    case 0x60:
      return op.i32_shl;
    case 0x70:
      return op.i32_shr_u;
    case 0x90:
      return op.i32_rem_u;
    default:
      return op.i32_xor;
  }
}

/** How two numbers are compared for "yes", and for its contrary. */
function comparison(kind: number): { readonly yes: readonly number[]; readonly no: readonly number[] } {
  switch (kind) {
    case 0x10:
      return { yes: [op.i32_eq], no: [op.i32_ne] };
    case 0x20:
      return { yes: [op.i32_gt_u], no: [op.i32_le_u] };
    case 0x30:
      return { yes: [op.i32_ge_u], no: [op.i32_lt_u] };
    default:
      return { yes: [op.i32_and], no: [op.i32_and, op.i32_eqz] };
  }
}
