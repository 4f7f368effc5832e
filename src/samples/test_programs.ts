import { accept, accept_bytes, encodeInstructions, type Program } from '../libpcap/program.ts';

/** The filter that takes everything, for every link type that tests use. */
export const takeAll: ReadonlyMap<number, Program> = new Map(
  [1, 101, 113].map((linktype) => [linktype, { linktype, instructions: encodeInstructions([accept(accept_bytes)]) }]),
);
