import type { Network } from '../../src/filter/address.ts';
import type { IndexFormula, IndexTerm } from '../../src/filter/index_formula.ts';
import { createPeek, type Peek, peekPacket } from '../../src/pcap/peek.ts';

/** A packet, and what the peek sees of it. */
export interface PeekedPacket {
  readonly bytes: Uint8Array;
  readonly peek: Peek;
}

/** Peeks into a packet that is all of `bytes`. */
export function peeked(linktype: number, bytes: Uint8Array): PeekedPacket {
  const peek = createPeek();
  peekPacket(linktype, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, peek);
  return { bytes, peek };
}

/** Does a packet fulfil a formula? By the words of `filter/formula.ts`, term by term, without an index. */
export function formulaHolds(formula: IndexFormula, packet: PeekedPacket): boolean {
  switch (formula.kind) {
    case 'any':
      return true;
    case 'none':
      return false;
    case 'term':
      return termHolds(formula.term, packet);
    case 'and':
      return formula.of.every((one) => formulaHolds(one, packet));
    case 'or':
      return formula.of.some((one) => formulaHolds(one, packet));
    default:
      return formula satisfies never;
  }
}

function termHolds(term: IndexTerm, { bytes, peek }: PeekedPacket): boolean {
  if (term.kind === 'protocol') {
    return [peek.protocol, peek.fragment_protocol, peek.transport].includes(term.protocol);
  }
  if (term.kind === 'port') {
    return [peek.source_port, peek.destination_port].some((port) => term.from <= port && port <= term.to);
  }
  const { network } = term;
  if (peek.address_length !== network.bytes.length) return false;
  const offsets = [peek.source_offset, peek.destination_offset];
  if (network.family === 6 && offsets.includes(-1)) return true;
  return offsets.some((offset) => offset >= 0 && lies(bytes.subarray(offset), network));
}

function lies(address: Uint8Array, { bytes, prefix_bits }: Network): boolean {
  for (let bit = 0; bit < prefix_bits; bit++) {
    const differing = (address[bit >> 3] ?? 0) ^ (bytes[bit >> 3] ?? 0);
    if (((differing >> (7 - (bit & 7))) & 1) !== 0) return false;
  }
  return true;
}
