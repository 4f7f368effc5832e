import type { TSchema } from 'typebox';
import { Errors } from 'typebox/value';
import { type Fault, fault } from '../../model/errors/fault.ts';
import { pointerToken } from './pointer_token.ts';

/** A schema as `Type.Object` makes it, as far as this check reads it. */
export interface ObjectSchema extends TSchema {
  readonly properties: Readonly<Record<string, TSchema>>;
  readonly required?: readonly string[];
}

/** How to check one object. */
export interface FieldCheckOptions {
  /** JSON pointer of the object itself; by default that of the whole body. */
  readonly pointer?: string;
  /** What misses a field, as a message goes on after "is required": ` for a full capture`. */
  readonly lacking?: string;
  /** What has no such field, as a message goes on after "is not a field of this request": by name, or for all. */
  readonly foreign?: (field: string) => string;
  /** JSON pointers of fields whose value another check judges: here only their JSON type is. */
  readonly judged_elsewhere?: ReadonlySet<string>;
}

/** What a check of an object found. */
export interface FieldCheck {
  readonly faults: readonly Fault[];
  /** The known fields that are valid, each by itself. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The most unknown fields that one object is told of. */
const unknown_told_max = 50;

/**
 * Checks a JSON value against an object schema and reports every fault with the JSON pointer of its field: missing, of
 * the wrong type, out of range, unknown. Nothing is coerced. For a field of the schema `null` and `""` mean absent.
 */
export function checkFields(schema: ObjectSchema, value: unknown, options: FieldCheckOptions = {}): FieldCheck {
  const { pointer = '', lacking = '', foreign = () => '' } = options;
  if (!isJsonObject(value)) return { faults: [notAnObject(pointer)], fields: {} };
  const faults: Fault[] = [];
  const fields: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(schema.properties)) {
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    const at = `${pointer}/${name}`;
    if (given === undefined || given === null || given === '') {
      const required = schema.required?.includes(name) === true;
      if (required) faults.push(fault('field_required', { field: name, context: lacking }, at));
    } else if (isObjectSchema(property)) {
      const inner = checkFields(property, given, { ...options, pointer: at });
      faults.push(...inner.faults);
      if (isJsonObject(given)) fields[name] = inner.fields;
    } else {
      const found = valueFault(property, name, given, at, options.judged_elsewhere?.has(at) === true);
      if (found === undefined) fields[name] = given;
      else faults.push(found);
    }
  }
  const unknown = Object.keys(value).filter((name) => !Object.hasOwn(schema.properties, name));
  for (const name of unknown.slice(0, unknown_told_max)) {
    const field = name.length > 64 ? `${name.slice(0, 64)}…` : name;
    faults.push(fault('field_unknown', { field, context: foreign(name) }, `${pointer}/${pointerToken(name)}`));
  }
  return { faults, fields };
}

/** Is this JSON value an object: neither null nor a list? */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isObjectSchema(schema: TSchema): schema is ObjectSchema {
  return 'properties' in schema && 'type' in schema && schema.type === 'object';
}

function notAnObject(pointer: string): Fault {
  if (pointer === '') return fault('body_type', {}, '');
  return fault(
    'field_type',
    { field: pointer.slice(pointer.lastIndexOf('/') + 1), expected: 'a JSON object' },
    pointer,
  );
}

interface Bounds {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
}

function valueFault(
  schema: TSchema & Bounds,
  field: string,
  value: unknown,
  at: string,
  type_only: boolean,
): Fault | undefined {
  const found = Errors(schema, value).map((error) => error.keyword);
  if (found.length === 0) return undefined;
  if (schema.enum !== undefined) return fault('field_value', { field, allowed: schema.enum.join(', ') }, at);
  if (found.includes('type')) return fault('field_type', { field, expected: typeText(schema) }, at);
  if (type_only) return undefined;
  const { minimum: min, maximum: max } = schema;
  if (min !== undefined && max !== undefined) return fault('field_range', { field, min, max }, at);
  return fault('field_length', { field, expected: `${schema.minLength ?? 0} to ${schema.maxLength} characters` }, at);
}

function typeText({ type, minimum, maximum }: Bounds): string {
  if (type === 'boolean') return 'true or false';
  if (type !== 'integer') return 'text';
  return minimum === undefined || maximum === undefined
    ? 'a whole number'
    : `a whole number from ${minimum} to ${maximum}`;
}
