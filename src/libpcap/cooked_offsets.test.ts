import { describe, expect, test } from 'vitest';
import { cookedOffsets } from './cooked_offsets.ts';
import type { Instruction } from './program.ts';

function load(code: number, k: number): Instruction {
  return { code, jt: 0, jf: 0, k };
}

/** What becomes of one load: its code and operand, or the reason. */
function moved(linktype: number, code: number, k: number): readonly number[] | string {
  const result = cookedOffsets([load(code, k)], linktype);
  return result.kind === 'impossible' ? result.reason : result.instructions.flatMap((one) => [one.code, one.k]);
}

describe.each([
  [113, 16],
  [276, 20],
])('link type %i', (linktype, header_bytes) => {
  test('loads behind the header move to the front', () => {
    for (const code of [0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0xb1]) {
      expect(moved(linktype, code, header_bytes)).toEqual([code, 0]);
      expect(moved(linktype, code, header_bytes + 9)).toEqual([code, 9]);
    }
  });

  test('facts of the kernel, constants, lengths and memory stay', () => {
    expect(moved(linktype, 0x20, 0xffff_f038)).toEqual([0x20, 0xffff_f038]);
    for (const code of [0x00, 0x80, 0x60, 0x61, 0x02, 0x15, 0x54, 0x06])
      expect(moved(linktype, code, 3)).toEqual([code, 3]);
  });

  test('other bytes of the header cannot be read', () => {
    expect(moved(linktype, 0x28, 2)).toBe(
      'it reads byte 2 of the link-layer header, which the kernel does not have on such an interface',
    );
    // Not the same bytes as the field that begins there.
    expect(moved(linktype, 0x30, 0)).toMatch('byte 0 of');
    // Where an indirect load ends up is not known.
    expect(moved(linktype, 0x48, 0)).toMatch('byte 0 of');
    expect(moved(linktype, 0xb1, header_bytes - 1)).toMatch('of the link-layer header');
  });

  test('fields that the kernel has beside the packet', () => {
    const fields =
      linktype === 113
        ? [
            [0x28, 0, 4],
            [0x28, 14, 0],
          ]
        : [
            [0x28, 0, 0],
            [0x20, 4, 8],
            [0x30, 10, 4],
          ];
    for (const [code = 0, k = 0, fact = 0] of fields)
      expect(moved(linktype, code, k)).toEqual([0x20, 0xffff_f000 + fact]);
  });
});

test('other link types stay as they are', () => {
  const program = [load(0x28, 12), load(0x30, 0)];
  expect(cookedOffsets(program, 1)).toEqual({ kind: 'program', instructions: program });
});
