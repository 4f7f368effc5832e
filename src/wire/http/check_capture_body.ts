import { Type } from 'typebox';
import { type Fault, fault } from '../../model/errors/fault.ts';
import { limits } from '../../model/limits.ts';
import { type FullRequest, SimpleRequest, fullRequest } from './capture_request.ts';
import { fullEstimateRequest } from './estimate_request.ts';
import { checkFields, isJsonObject, type ObjectSchema } from './check_fields.ts';
import { FilterSchema } from './filter_schema.ts';

/** The fields of a capture request that are valid by themselves: of both kinds when the kind is not known. */
export type CaptureFields = Partial<Omit<SimpleRequest, 'type'> & Omit<FullRequest, 'type'>> & {
  readonly type?: 'simple' | 'full';
};

/** What the schema says of a body. */
export interface CaptureBodyCheck {
  readonly faults: readonly Fault[];
  readonly fields: CaptureFields;
}

/** What the filter, the clock and the account's buckets decide, not the schema. */
const judged_elsewhere = new Set([
  '/filter_expression',
  '/offset_time',
  '/destination_conf',
  ...Object.keys(FilterSchema.properties).map((field) => `/filter_v1/${field}`),
]);

/**
 * Checks the body of POST /pcaps as far as a schema can: every fault with its JSON pointer, and the fields that are good,
 * so that the rest can be judged and reported together. Without a valid `type`, a field is judged as the kind that has it
 * would. `packets_max` is the operator's ceiling for a full capture's `packet_limit`.
 */
export function checkCaptureBody(body: unknown, packets_max: number = limits.packets_max): CaptureBodyCheck {
  return checkBody(body, fullRequest(packets_max));
}

/** Checks the body of POST /pcaps/estimate in the same way. */
export function checkEstimateBody(body: unknown, packets_max: number = limits.packets_max): CaptureBodyCheck {
  return checkBody(body, fullEstimateRequest(packets_max));
}

function checkBody(body: unknown, full: FullSchema): CaptureBodyCheck {
  const given: unknown = isJsonObject(body) && Object.hasOwn(body, 'type') ? body['type'] : undefined;
  const kind = given === 'simple' || given === 'full' ? given : undefined;
  const schema = kind === undefined ? eitherKind(full) : kind === 'simple' ? SimpleRequest : full;
  const { faults, fields } = checkFields(schema, body, {
    judged_elsewhere,
    lacking: kind === undefined ? '' : ` for a ${kind} capture`,
    foreign: (field) => foreignText(field, kind, full),
  });
  return { faults: settleColo(faults, fields), fields };
}

type FullSchema = ReturnType<typeof fullRequest> | ReturnType<typeof fullEstimateRequest>;

function eitherKind(full: FullSchema): ObjectSchema {
  const type = Type.Enum(['simple', 'full']);
  const alike: readonly string[] = SimpleRequest.required;
  return {
    properties: { ...SimpleRequest.properties, ...full.properties, type },
    required: full.required.filter((name) => alike.includes(name)),
  };
}

function foreignText(field: string, kind: 'simple' | 'full' | undefined, full: ObjectSchema): string {
  if (kind === undefined) return '';
  const [other, schema]: [string, ObjectSchema] = kind === 'simple' ? ['full', full] : ['simple', SimpleRequest];
  return Object.hasOwn(schema.properties, field) ? ` (a ${kind} capture; only a ${other} one has it)` : '';
}

/** `colo` stands in for `colo_name`; both at once say two things. */
function settleColo(faults: readonly Fault[], fields: Readonly<Record<string, unknown>>): readonly Fault[] {
  const badColo = faults.some((one) => one.pointer === '/colo');
  if (fields['colo'] === undefined && !badColo) return faults;
  if (fields['colo_name'] !== undefined) {
    return [...faults, fault('field_unknown', { field: 'colo', context: ' beside colo_name' }, '/colo')];
  }
  return faults.filter((one) => !(one.name === 'field_required' && one.pointer === '/colo_name'));
}
