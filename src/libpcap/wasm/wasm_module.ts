import { leb } from './wasm_code.ts';

/** A function: all its parameters, locals and its one result are 32-bit integers. */
export interface WasmFunction {
  /** Name that it is exported by. */
  readonly name: string;
  readonly parameters: number;
  /** Locals beside the parameters; they begin as 0. */
  readonly locals: number;
  /** Its instructions, without the last `end`. */
  readonly code: readonly number[];
}

const i32 = 0x7f;

/**
 * Puts a module together that imports a memory as `memory.memory` and exports its functions, and globals of 32 bits that begin as 0
 * (https://webassembly.github.io/spec/core/binary/modules.html).
 */
export function encodeModule(functions: readonly WasmFunction[], globals: readonly string[] = []): Uint8Array {
  const exported = [
    ...functions.map(({ name }, index) => [...text(name), 0x00, ...leb(index)]),
    ...globals.map((name, index) => [...text(name), 0x03, ...leb(index)]),
  ];
  return concat([
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, vector(functions.map(({ parameters }) => [0x60, ...vector(repeat(parameters, [i32])), 1, i32]))),
    section(2, vector([[...text('memory'), ...text('memory'), 0x02, 0x00, 0x00]])),
    section(3, vector(functions.map((_, index) => leb(index)))),
    section(6, vector(globals.map(() => [i32, 0x01, 0x41, 0x00, 0x0b]))),
    section(7, vector(exported)),
    ...codeSection(functions),
  ]);
}

/** The one section that may be long: its pieces, uncopied. */
function codeSection(functions: readonly WasmFunction[]): readonly (readonly number[])[] {
  const bodies = functions.flatMap(({ locals, code }) => {
    const declared = locals === 0 ? [0] : [1, ...leb(locals), i32];
    return [[...leb(declared.length + code.length + 1), ...declared], code, [0x0b]];
  });
  const content = [leb(functions.length), ...bodies];
  return [[10, ...leb(content.reduce((sum, piece) => sum + piece.length, 0))], ...content];
}

function concat(pieces: readonly (readonly number[])[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let end = 0;
  for (const piece of pieces) {
    bytes.set(piece, end);
    end += piece.length;
  }
  return bytes;
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

function vector(elements: readonly (readonly number[])[]): number[] {
  return [...leb(elements.length), ...elements.flat()];
}

function repeat(count: number, bytes: readonly number[]): (readonly number[])[] {
  return Array.from({ length: count }, () => bytes);
}

function text(value: string): number[] {
  return vector(Array.from(Buffer.from(value), (byte) => [byte]));
}
