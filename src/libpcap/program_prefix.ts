import {
  accept,
  ancillary,
  codes,
  decodeInstructions,
  encodeInstructions,
  type Instruction,
  instructions_max,
  type Program,
} from './program.ts';
import type { OwnTraffic } from './own_traffic.ts';
import { rejectOwn } from './reject_own.ts';

/** PACKET_OUTGOING of linux/if_packet.h. */
const outgoing = 4;

/** Instructions of `rejectOwn` at most. */
const own_instructions_max = 640;

/** Instructions that the prefixes of this file add at most: no compiled program is longer than the kernel's limit less these. */
export const prefix_instructions_max = 6 + own_instructions_max;

/**
 * Makes a program reject the outgoing copy of each packet: on loopback every packet is seen twice, going out and coming in,
 * and libpcap leaves the first out only after the kernel has stored and counted it. For live capture only.
 */
export function rejectOutgoing(program: Program): Program {
  return withPrefix(program, [
    { code: codes.load_word, jt: 0, jf: 0, k: ancillary.packet_type },
    { code: codes.jump_if_equal, jt: 0, jf: 1, k: outgoing },
    accept(0),
  ]);
}

/**
 * Makes a program reject all but 1 in `rate` packets, chosen by the kernel's random numbers before the filter is asked. A
 * rate of 1 changes nothing. For live capture only.
 */
export function sampleOneIn(program: Program, rate: number): Program {
  if (!Number.isInteger(rate) || rate < 1 || rate > 2 ** 32) throw new RangeError(`a rate of 1 in ${rate} cannot be`);
  if (rate === 1) return program;
  return withPrefix(program, [
    { code: codes.load_word, jt: 0, jf: 0, k: ancillary.random },
    { code: codes.jump_if_at_least, jt: 0, jf: 1, k: Math.floor(2 ** 32 / rate) },
    accept(0),
  ]);
}

/**
 * Makes a program reject edgetap's own traffic; see `rejectOwn`. For live capture only.
 *
 * @throws RangeError where it takes too many instructions
 */
export function leaveOutOwn(program: Program, groups: readonly OwnTraffic[]): Program {
  const prefix = rejectOwn(program.linktype, groups);
  if (prefix.length > own_instructions_max) throw new RangeError(`${prefix.length} instructions are too many`);
  return prefix.length === 0 ? program : withPrefix(program, prefix);
}

/** Makes a program keep at most `bytes` of each packet that it lets through. */
export function keepBytes(program: Program, bytes: number): Program {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes >= 2 ** 32) throw new RangeError(`${bytes} bytes cannot be kept`);
  const instructions = decodeInstructions(program.instructions).map((one) => {
    return one.code === codes.return_constant && one.k !== 0 ? accept(bytes) : one;
  });
  return { ...program, instructions: encodeInstructions(instructions) };
}

function withPrefix(program: Program, prefix: readonly Instruction[]): Program {
  const instructions = [...prefix, ...decodeInstructions(program.instructions)];
  if (instructions.length > instructions_max) throw new RangeError(`${instructions.length} instructions are too many`);
  return { ...program, instructions: encodeInstructions(instructions) };
}
