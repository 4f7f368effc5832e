/** Instructions of WebAssembly, as far as filters need them (https://webassembly.github.io/spec/core/binary/instructions.html). */
export const op = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  br: 0x0c,
  br_if: 0x0d,
  return: 0x0f,
  call: 0x10,
  select: 0x1b,
  local_get: 0x20,
  local_set: 0x21,
  local_tee: 0x22,
  global_get: 0x23,
  global_set: 0x24,
  i32_load: 0x28,
  i32_load8_u: 0x2d,
  i32_load16_u: 0x2f,
  i32_const: 0x41,
  i32_eqz: 0x45,
  i32_eq: 0x46,
  i32_ne: 0x47,
  i32_lt_u: 0x49,
  i32_gt_u: 0x4b,
  i32_le_u: 0x4d,
  i32_ge_u: 0x4f,
  i32_add: 0x6a,
  i32_sub: 0x6b,
  i32_mul: 0x6c,
  i32_div_u: 0x6e,
  i32_rem_u: 0x70,
  i32_and: 0x71,
  i32_or: 0x72,
  i32_xor: 0x73,
  i32_shl: 0x74,
  i32_shr_u: 0x76,
  i32_rotl: 0x77,
} as const;

/** The type of a block that leaves nothing on the stack. */
const no_result = 0x40;

/** Takes the instructions of one function. Numbers of locals begin with the function's parameters. */
export class WasmCode {
  readonly bytes: number[] = [];

  /** Instructions that have no operands in the code. */
  emit(...codes: readonly number[]): this {
    this.bytes.push(...codes);
    return this;
  }

  get(local: number): this {
    this.bytes.push(op.local_get);
    return this.#unsigned(local);
  }

  set(local: number): this {
    this.bytes.push(op.local_set);
    return this.#unsigned(local);
  }

  tee(local: number): this {
    this.bytes.push(op.local_tee);
    return this.#unsigned(local);
  }

  /** A number of 32 bits, signed or not. */
  constant(value: number): this {
    this.bytes.push(op.i32_const);
    let rest = value | 0;
    while (rest < -64 || rest > 63) {
      this.bytes.push((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.bytes.push(rest & 0x7f);
    return this;
  }

  block(): this {
    return this.emit(op.block, no_result);
  }

  loop(): this {
    return this.emit(op.loop, no_result);
  }

  if(): this {
    return this.emit(op.if, no_result);
  }

  end(): this {
    return this.emit(op.end);
  }

  /** To the end of the block (or the begin of the loop) that is so many further out: 0 is the innermost. */
  br(depth: number): this {
    this.bytes.push(op.br);
    return this.#unsigned(depth);
  }

  brIf(depth: number): this {
    this.bytes.push(op.br_if);
    return this.#unsigned(depth);
  }

  /** Adds one to a global. */
  increment(global: number): this {
    this.bytes.push(op.global_get);
    this.#unsigned(global).constant(1).emit(op.i32_add);
    this.bytes.push(op.global_set);
    return this.#unsigned(global);
  }

  call(index: number): this {
    this.bytes.push(op.call);
    return this.#unsigned(index);
  }

  /** Loads from the address on the stack plus `offset`, wherever that is aligned. */
  load(code: number, offset: number): this {
    this.bytes.push(code, 0);
    return this.#unsigned(offset);
  }

  /** memory.copy: takes destination, source and length from the stack. */
  copy(): this {
    return this.emit(0xfc, 0x0a, 0x00, 0x00);
  }

  #unsigned(value: number): this {
    pushLeb(this.bytes, value);
    return this;
  }
}

/** A number without a sign, below 2^32, as LEB128. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  pushLeb(bytes, value);
  return bytes;
}

function pushLeb(bytes: number[], value: number): void {
  let rest = value >>> 0;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
}
