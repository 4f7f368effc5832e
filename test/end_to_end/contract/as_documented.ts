import { Errors } from 'typebox/schema';

/** A served OpenAPI document, as far as these tests read it. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

interface Media {
  readonly schema: object;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

/** One operation of it. */
export interface Operation {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, Media>> }>>;
}

/**
 * What an answer has that the document does not say of it: an unknown status, another content type, a body that is not
 * of the schema. Undefined when all is as it is documented.
 */
export function asDocumented(
  document: OpenApi,
  answer: { readonly method: string; readonly path: string; readonly status: number },
  content_type: string | undefined,
  body: unknown,
): string | undefined {
  const operation = operationOf(document, answer.method, answer.path);
  // What is no route is answered, too, and is no part of the document.
  if (operation === undefined) return undefined;
  const { responses } = operation;
  const documented = responses[String(answer.status)] ?? responses[`${Math.floor(answer.status / 100)}XX`];
  if (documented === undefined) return `${operation.operationId} has no ${answer.status}`;
  if (documented.content === undefined) return body === undefined ? undefined : `${answer.status} has a body`;
  const media = content_type?.split(';', 1)[0] ?? '';
  const content = documented.content[media];
  if (content === undefined) return `${operation.operationId} has no ${media}`;
  if (media !== 'application/json') return undefined;
  const [good, errors] = Errors(resolved(document, content.schema), body);
  return good ? undefined : `${operation.operationId} ${answer.status}: ${JSON.stringify(errors)}`;
}

/** The operation that answers a path, which may have a query. */
export function operationOf(document: OpenApi, method: string, path: string): Operation | undefined {
  const asked = path.split('?', 1)[0] ?? '';
  const literal = (template: string): number => template.replaceAll(/\{\w+\}/g, '').length;
  const found = Object.keys(document.paths)
    .filter((template) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(asked))
    .filter((template) => document.paths[template]?.[method.toLowerCase()] !== undefined)
    .toSorted((one, other) => literal(other) - literal(one));
  return document.paths[found[0] ?? '']?.[method.toLowerCase()];
}

/** The schema with everything that it refers to in its place. Throws for a reference that leads nowhere. */
export function resolved(document: OpenApi, schema: object): object {
  const visit = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    if (!('$ref' in value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, visit(inner)]));
    const name = /^#\/components\/schemas\/(\w+)$/.exec(String(value.$ref))?.[1] ?? '';
    const target = document.components.schemas[name];
    if (target === undefined) throw new Error(`${String(value.$ref)} leads nowhere`);
    return visit(target);
  };
  return visit(schema) as object;
}
