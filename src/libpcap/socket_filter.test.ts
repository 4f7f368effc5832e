import { expect, test } from 'vitest';
import { loadLibpcap } from './binding.ts';
import { addressOf } from './native_bytes.ts';
import { accept, encodeInstructions } from './program.ts';
import { attachSocketFilter } from './socket_filter.ts';

test('hands the kernel one piece of memory, so that nothing it points to can be collected before the call', () => {
  const native = loadLibpcap();
  const instructions = encodeInstructions([accept(7), accept(9)]);
  const libc = {
    ...native.libc,
    setsockopt: (_socket: number, level: number, name: number, value: Uint8Array, bytes: number): number => {
      const view = new DataView(value.buffer);
      expect([level, name, bytes, view.getUint16(0, true)]).toEqual([1, 26, 16, 2]);
      const offset = Number(view.getBigUint64(8, true) - addressOf(new Uint8Array(value.buffer as ArrayBuffer)));
      expect(new Uint8Array(value.buffer, offset, instructions.length)).toEqual(instructions);
      return 0;
    },
  };
  expect(attachSocketFilter(-1, instructions, { ...native, libc })).toBeUndefined();
});

test('says why the kernel refuses', () => {
  const instructions = encodeInstructions([accept(7)]);
  expect(attachSocketFilter(-1, instructions)).toBe('bad file descriptor (EBADF) for a program of 1 instructions');
});
