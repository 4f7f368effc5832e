import { codes, type Instruction } from './program.ts';

/** A line of a program: an instruction whose jumps lead to labels, or a label for what comes next. */
export type Line =
  | {
      readonly code: number;
      readonly k?: number;
      /** Where a question leads that is answered with yes, and with no; to the next line by default. */
      readonly yes?: string;
      readonly no?: string;
      /** Where a `jump` leads, however far that is. */
      readonly to?: string;
    }
  | { readonly label: string };

/**
 * Puts lines together. Jumps lead forward only, as the machine has it.
 *
 * @throws RangeError where a label is missing or behind, or a question leads over more than 255 instructions
 */
export function assemble(lines: readonly Line[]): readonly Instruction[] {
  const places = new Map<string, number>();
  let count = 0;
  for (const line of lines) {
    if ('label' in line) places.set(line.label, count);
    else count += 1;
  }
  let index = 0;
  const over = (label: string | undefined, most: number): number => {
    if (label === undefined) return 0;
    const distance = (places.get(label) ?? -1) - index;
    if (distance < 0 || distance > most) throw new RangeError(`"${label}" is ${distance} instructions ahead`);
    return distance;
  };
  return lines.flatMap((line) => {
    if ('label' in line) return [];
    index += 1;
    const { code, k = 0, yes, no, to } = line;
    if (code === codes.jump) return [{ code, jt: 0, jf: 0, k: over(to, 0xffff) }];
    return [{ code, jt: over(yes, 255), jf: over(no, 255), k }];
  });
}
