import type { IndexTerm } from '../../filter/index_formula.ts';
import type { KeyKind } from './index_layout.ts';

/** The keys of one kind that a term is about, from the least to the greatest, in 32-bit words, the most significant first. */
export interface KeyBounds {
  readonly kind: KeyKind;
  readonly least: readonly number[];
  readonly greatest: readonly number[];
}

/** Which keys a term is about. */
export function keyBounds(term: IndexTerm): KeyBounds {
  if (term.kind === 'port') return { kind: 'port', least: [term.from], greatest: [term.to] };
  if (term.kind === 'protocol') return { kind: 'protocol', least: [term.protocol], greatest: [term.protocol] };
  const { bytes, prefix_bits, family } = term.network;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const least: number[] = [];
  const greatest: number[] = [];
  for (let word = 0; word < bytes.length / 4; word += 1) {
    const fixed_bits = Math.min(32, Math.max(0, prefix_bits - 32 * word));
    const host = fixed_bits === 0 ? 0xffff_ffff : 2 ** (32 - fixed_bits) - 1;
    const value = view.getUint32(4 * word);
    least.push((value & ~host) >>> 0);
    greatest.push((value | host) >>> 0);
  }
  return { kind: family === 4 ? 'ipv4' : 'ipv6', least, greatest };
}

/** Orders keys of the same number of words. */
export function compareKeys(a: readonly number[], b: readonly number[]): number {
  for (const [index, word] of a.entries()) {
    const difference = word - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
