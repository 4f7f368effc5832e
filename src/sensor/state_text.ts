import { crc32 } from 'node:zlib';
import { fromJsonText, toJsonText } from '../model/json_text.ts';
import { wrongInKeptPart } from '../wire/kept_part.ts';
import { type PartState, partKey } from './part_state.ts';

const head = /^\{"crc32":"([0-9a-f]{8})",/;
const head_bytes = '{"crc32":"00000000",'.length;

/** Writes a part's state as the text of its file: JSON whose first field is the CRC-32 of all the rest. */
export function stateText(state: PartState): string {
  const text = toJsonText(state);
  return `{"crc32":"${hex(crc32(text))}",${text.slice(1)}`;
}

/**
 * Reads the state of the part of this key from its file. Files of before have no sum: of those whatever does not have its exact shape is
 * refused. Throws an Error that says what is wrong.
 */
export function readStateText(bytes: Buffer, key: string): PartState {
  const sum = head.exec(bytes.toString('latin1', 0, head_bytes))?.[1];
  const rest = sum === undefined ? bytes : Buffer.concat([Buffer.from('{'), bytes.subarray(head_bytes)]);
  if (sum !== undefined && hex(crc32(rest)) !== sum) throw new Error('its CRC-32 is not that of what was written');
  const state = fromJsonText(new TextDecoder('utf-8', { fatal: true }).decode(rest));
  const wrong = wrongInKeptPart(state, sum === undefined);
  if (wrong !== undefined) throw new Error(wrong);
  // Checked by the schema right now.
  const known = state as PartState;
  if (partKey(known.assignment.capture_id, known.interface) !== key) throw new Error('it is the state of another part');
  return known;
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}
