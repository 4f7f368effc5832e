/**
 * Gives every schema that has a title a place of its own under `components/schemas`, and a reference wherever it is used,
 * so that generators of clients make one type of it. A title stands for one schema only.
 */
export function hoistSchemas<Document extends object>(document: Document): Document {
  const named = new Map<string, unknown>();
  const visit = (value: unknown, name?: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => visit(item));
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, inner]) => [key, visit(inner, key)] as const);
    const copy: Record<string, unknown> = Object.fromEntries(entries);
    const title = copy['title'];
    // `info.title` is the document's own.
    if (typeof title !== 'string' || name === 'info') return copy;
    const known = named.get(title);
    if (known === undefined) named.set(title, copy);
    else if (JSON.stringify(known) !== JSON.stringify(copy)) throw new Error(`two schemas have the title ${title}`);
    return { $ref: `#/components/schemas/${title}` };
  };
  const whole = visit(document) as Document & { components?: { schemas?: object } };
  const schemas = Object.fromEntries([...named].sort(([a], [b]) => (a < b ? -1 : 1)));
  return { ...whole, components: { ...whole.components, schemas } };
}
