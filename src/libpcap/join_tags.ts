import { codes, type Instruction } from './program.ts';

/** One filter compiled for each depth of VLAN tags, and the programs that tell the depths apart. */
export interface TagPrograms {
  readonly untagged: readonly Instruction[];
  readonly tagged: readonly Instruction[];
  /** Two tags or more. */
  readonly double_tagged: readonly Instruction[];
  /** Accepts packets with a tag. */
  readonly has_tag: readonly Instruction[];
  /** Accepts packets with two tags or more. */
  readonly has_two_tags: readonly Instruction[];
}

/**
 * Makes one program that runs, of three, the one for the packet's own depth of tags. Written as one text, `vlan` would shift the
 * offsets of all that follows it across `or`, and no nesting of the text is right for packets without a tag, with one
 * and with two.
 */
export function joinTags(programs: TagPrograms): readonly Instruction[] {
  const { untagged, tagged, double_tagged, has_tag, has_two_tags } = programs;
  const two_tags = [...asTest(has_two_tags, double_tagged.length), ...double_tagged];
  return [...asTest(has_tag, two_tags.length + tagged.length), ...two_tags, ...tagged, ...untagged];
}

/** Makes one program that accepts what both accept, with the second's number of bytes. */
export function joinBoth(first: readonly Instruction[], second: readonly Instruction[]): readonly Instruction[] {
  return [...asTest(first), ...second];
}

/**
 * Makes a test of a program: where it would accept, the instruction behind it comes next; where it would reject, the one
 * `skip` instructions further on, or without `skip` it still rejects. Unconditional jumps reach that far (32 bits, where
 * conditional ones have 8).
 */
function asTest(program: readonly Instruction[], skip?: number): readonly Instruction[] {
  return program.map((instruction, index) => {
    if (instruction.code !== codes.return_constant) return instruction;
    if (instruction.k === 0 && skip === undefined) return instruction;
    const to_end = program.length - 1 - index;
    return { code: codes.jump, jt: 0, jf: 0, k: instruction.k === 0 ? to_end + (skip ?? 0) : to_end };
  });
}
