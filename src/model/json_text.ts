const tag = '$bigint';

/** Writes a value as JSON text; bigints go as `{"$bigint":"123"}`, so that none loses a digit. Undefined fields are left out. */
export function toJsonText(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) => {
    if (typeof field === 'bigint') return { [tag]: field.toString() };
    if (isTagged(field)) throw new TypeError(`an object with the only field "${tag}" cannot be stored as JSON`);
    return field;
  });
}

/** Reads what `toJsonText` wrote. */
export function fromJsonText(text: string): unknown {
  return JSON.parse(text, (_, field: unknown) => (isTagged(field) ? BigInt(field[tag]) : field));
}

function isTagged(value: unknown): value is { readonly [tag]: string } {
  if (typeof value !== 'object' || value === null) return false;
  const [first, ...more] = Object.entries(value);
  return first !== undefined && more.length === 0 && first[0] === tag && typeof first[1] === 'string';
}
