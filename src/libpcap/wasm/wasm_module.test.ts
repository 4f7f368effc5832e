import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { op, WasmCode } from './wasm_code.ts';
import { encodeModule, type WasmFunction } from './wasm_module.ts';

// The oracle is the engine: it refuses what is malformed, and runs the rest.

type Run = (...numbers: readonly number[]) => number;

function exportsOf(...functions: readonly WasmFunction[]): Readonly<Record<string, Run>> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  new Uint8Array(memory.buffer).forEach((_, index, bytes) => (bytes[index] = index * 7));
  const module = new WebAssembly.Module(encodeModule(functions));
  // All of them are functions.
  return new WebAssembly.Instance(module, { memory: { memory } }).exports as Readonly<Record<string, Run>>;
}

const word = fc.oneof(
  fc.integer(),
  fc.nat(200).map((near) => near - 100),
  fc.tuple(fc.nat(31), fc.integer({ min: -1, max: 1 })).map(([bits, more]) => ((1 << bits) + more) | 0),
);

test('a constant is the number that it was', () => {
  fc.assert(
    fc.property(word, (value) => {
      const { constant } = exportsOf({
        name: 'constant',
        parameters: 0,
        locals: 0,
        code: new WasmCode().constant(value).bytes,
      });
      expect(constant?.()).toBe(value);
    }),
    { numRuns: 400 },
  );
  const { unsigned } = exportsOf({
    name: 'unsigned',
    parameters: 0,
    locals: 0,
    code: new WasmCode().constant(0xffff_fffe).bytes,
  });
  expect(unsigned?.()).toBe(-2);
});

test('any number of functions, parameters and locals, each found by its name', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ parameters: fc.nat(150), locals: fc.nat(300) }), { minLength: 1, maxLength: 150 }),
      (shapes) => {
        const functions = shapes.map(({ parameters, locals }, index) => {
          // The last parameter through the last local.
          const last = parameters + locals - 1;
          const code = new WasmCode();
          if (last < 0) code.constant(index);
          else if (locals === 0) code.get(last);
          else code.constant(index).tee(last).set(parameters).get(last);
          return { name: `f${index}`, parameters, locals, code: code.bytes };
        });
        const exported = exportsOf(...functions);
        expect(Object.keys(exported)).toEqual(functions.map(({ name }) => name));
        for (const [index, { parameters, locals }] of shapes.entries()) {
          const numbers = Array.from({ length: parameters }, (_, at) => at + 1000);
          expect(exported[`f${index}`]?.(...numbers)).toBe(parameters > 0 && locals === 0 ? parameters + 999 : index);
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('loads find their byte at any offset, and trap outside of the memory', () => {
  const load = (offset: number): Run | undefined =>
    exportsOf({
      name: 'load',
      parameters: 1,
      locals: 0,
      code: new WasmCode().get(0).load(op.i32_load8_u, offset).bytes,
    })['load'];
  fc.assert(
    fc.property(fc.nat(65_535), fc.nat(65_535), (offset, address) => {
      const run = load(offset);
      if (offset + address < 65_536) expect(run?.(address)).toBe(((offset + address) * 7) & 0xff);
      else expect(() => run?.(address)).toThrow('out of bounds');
    }),
    { numRuns: 300 },
  );
  expect(() => load(0xffff_ffff)?.(1)).toThrow('out of bounds');
});
