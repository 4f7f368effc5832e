import { openCompileHandle } from '../../src/libpcap/compile_handle.ts';
import { compileText } from '../../src/libpcap/compile_text.ts';
import { encodeInstructions, type Instruction } from '../../src/libpcap/program.ts';
import { runBpf } from '../support/bpf_machine.ts';

const tag_types: readonly number[] = [0x8100, 0x88a8, 0x9100];

/** What libpcap makes of a text before its optimizer sees it; undefined where it refuses the text. */
export function unoptimized(text: string, linktype = 1): readonly Instruction[] | undefined {
  const handle = openCompileHandle(linktype);
  try {
    const compiled = compileText(handle.pointer, text);
    return compiled.kind === 'program' ? compiled.instructions : undefined;
  } finally {
    handle.close();
  }
}

/** A text's meaning by libpcap's own programs, one for each depth of tags, and the depth by the bytes. */
export class Meaning {
  readonly depths: readonly (readonly Instruction[])[];
  readonly #encoded: readonly Uint8Array[];

  constructor(depths: readonly (readonly Instruction[])[]) {
    this.depths = depths;
    this.#encoded = depths.map(encodeInstructions);
  }

  accepts(bytes: Uint8Array, wire_length = bytes.length): boolean {
    const program = this.#encoded[this.#encoded.length === 1 ? 0 : depthOf(bytes)];
    if (program === undefined || (this.#encoded.length > 1 && bytes.length < 14)) return false;
    return runBpf(program, { bytes, wire_length }) !== 0;
  }
}

/** For a text that sees through tags; undefined where libpcap refuses it. */
export function anyTagsMeaning(text: string): Meaning | undefined {
  const depths = [text, `vlan and (${text})`, `vlan and vlan and (${text})`].map((one) => unoptimized(one));
  const known = depths.filter((one) => one !== undefined);
  return known.length === depths.length ? new Meaning(known) : undefined;
}

/** Tags up to two; a frame that ends within its second type has none there. */
function depthOf(bytes: Uint8Array): number {
  const typeAt = (offset: number): number => ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
  if (!tag_types.includes(typeAt(12))) return 0;
  if (bytes.length < 18) return -1;
  return tag_types.includes(typeAt(16)) ? 2 : 1;
}
