import { type Fault, fault } from '../../model/errors/fault.ts';
import { pointerToken } from './pointer_token.ts';

/** So many are told; whoever sends more has other trouble. */
const told_max = 20;
const name_max_chars = 64;

/** The faults of a query that has parameters beside the known ones; `query` is as it came, with any names. */
export function unknownParameters(
  query: Readonly<Record<string, unknown>>,
  known: readonly string[],
): readonly Fault[] {
  const there = known.length === 0 ? 'there are none here' : `there are ${known.join(', ')}`;
  return Object.keys(query)
    .filter((name) => !known.includes(name))
    .slice(0, told_max)
    .map((name) => {
      const shown = name.length > name_max_chars ? `${name.slice(0, name_max_chars)}…` : name;
      return fault('parameter_unknown', { name: shown, there }, `/${pointerToken(name)}`);
    });
}
