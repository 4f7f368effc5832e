import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { Assignment, count, FaultValue, FilterOrder, PartReport, signed } from './bus_fields.ts';

/** What keeps nothing of what it does not know. */
const only = { additionalProperties: false };
const told = PartReport.properties;
const whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const fields = {
  layout: Type.Literal(1),
  assignment: Assignment,
  interface: told.interface,
  phase: Type.Enum(['arming', 'armed', 'ended', 'delivered', 'failed', 'excluded']),
  armed_at: Type.Optional(signed),
  clock_offset: Type.Optional(signed),
  linktype: told.linktype,
  packets: Type.Optional(count),
  bytes: Type.Optional(count),
  dropped: Type.Optional(count),
  dropped_is_upper_bound: told.dropped_is_upper_bound,
  interface_dropped: Type.Optional(count),
  stop_reason: told.stop_reason,
  unordered: told.unordered,
  fault: Type.Optional(Type.Object({ ...FaultValue.properties, pointer: Type.Optional(Type.String()) }, only)),
  missing: told.missing,
  note: told.note,
  damaged: Type.Optional(Type.Boolean()),
  sorted: Type.Optional(Type.Boolean()),
  sorted_on_its_way: Type.Optional(Type.Boolean()),
  file: Type.Optional(Type.String({ pattern: '^(sorted|mended-[0-9]{1,9})$' })),
  file_bytes: Type.Optional(whole),
  checksum: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })),
  attempt: Type.Integer({ minimum: 0, maximum: 1_000_000_000 }),
};

const known = Compile(Type.Object(fields));
const exact = Compile(
  Type.Object(
    {
      ...fields,
      assignment: Type.Object({ ...Assignment.properties, filter: Type.Object(FilterOrder.properties, only) }, only),
    },
    only,
  ),
);

/**
 * Is this what a sensor writes down of a part? Says what is wrong with it, or undefined. `exactly`: fields that this edgetap does not know are
 * wrong too, for nothing else says that the value is what was written.
 */
export function wrongInKeptPart(value: unknown, exactly: boolean): string | undefined {
  const check = exactly ? exact : known;
  if (check.Check(value)) return undefined;
  const [first] = check.Errors(value);
  if (first === undefined) return 'it has not the shape of a state';
  return `${first.instancePath === '' ? 'it' : first.instancePath} ${first.message}`;
}
