import { describe, expect, test } from 'vitest';
import { accept, type Instruction } from '../program.ts';
import { GraphPool } from './graph.ts';
import { liveGraph } from './live_graph.ts';
import { writeProgram } from './optimize.ts';
import { simplified } from './simplify.ts';
import { readProgram } from './read_program.ts';

function step(code: number, k = 0, jt = 0, jf = 0): Instruction {
  return { code, jt, jf, k };
}

/** What becomes of a load whose value is compared with 5: the instructions before the comparison, or the reason. */
function moved(linktype: number, ...loads: readonly Instruction[]): readonly (readonly number[])[] | string {
  const pool = new GraphPool();
  const root = readProgram([...loads, step(0x15, 5, 1, 0), accept(0), accept(7)], pool);
  const live = liveGraph(root, linktype, pool);
  if (live.kind === 'impossible') return live.reason;
  const written = writeProgram(simplified(live.root, pool));
  return written.slice(0, -3).map(({ code, k }) => [code, k]);
}

describe.each([
  [113, 16],
  [276, 20],
])('link type %i', (linktype, header_bytes) => {
  test('loads behind the header move to the front', () => {
    for (const code of [0x20, 0x28, 0x30]) {
      expect(moved(linktype, step(code, header_bytes))).toEqual([[code, 0]]);
      expect(moved(linktype, step(code, header_bytes + 9))).toEqual([[code, 9]]);
    }
    const behind_header = [step(0xb1, header_bytes), step(0x48, header_bytes + 2)];
    expect(moved(linktype, ...behind_header)).toEqual([
      [0xb1, 0],
      [0x48, 2],
    ]);
  });

  test('the length is that of the stored packet', () => {
    // As many bytes less.
    expect(moved(linktype, step(0x80), step(0x54, 0xff))).toEqual([
      [0x80, 0],
      [0x04, header_bytes],
      [0x54, 0xff],
    ]);
  });

  test('bytes of the header that the kernel does not know cannot be read', () => {
    const unknown = linktype === 113 ? 4 : 12;
    expect(moved(linktype, step(0x28, unknown))).toBe(
      `it reads byte ${unknown} of the link-layer header, which the kernel does not have on such an interface`,
    );
    expect(moved(linktype, step(0x20, linktype === 113 ? 2 : 8))).toMatch('of the link-layer header');
    // Where an indirect load ends up is not known.
    expect(moved(linktype, step(0xb1, header_bytes), step(0x48, 0))).toMatch('byte 0 of');
  });

  test('fields that the kernel has beside the packet', () => {
    const fields =
      linktype === 113
        ? [
            [0x28, 0, 4],
            [0x28, 2, 0x1c],
            [0x28, 14, 0],
          ]
        : [
            [0x28, 0, 0],
            [0x20, 4, 8],
            [0x28, 8, 0x1c],
            [0x30, 10, 4],
          ];
    for (const [code = 0, k = 0, fact = 0] of fields) {
      expect(moved(linktype, step(code, k))).toEqual([[0x20, 0xffff_f000 + fact]]);
    }
  });
});

test('other link types stay as they are', () => {
  expect(moved(101, step(0x30, 9))).toEqual([[0x30, 9]]);
});

test('Ethernet asks for the tag first, and loads before it are one', () => {
  expect(moved(1, step(0x28, 0))).toEqual([[0x28, 0]]);
  expect(moved(1, step(0x28, 20))[0]).toEqual([0x20, 0xffff_f030]);
});
