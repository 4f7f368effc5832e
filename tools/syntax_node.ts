/** A node of the ESTree that oxc-parser gives, seen without its type: a kind, a place, and children by name. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly [child: string]: unknown;
}

/** A node on the way from the root: what holds it, and under which name. */
export interface Visit {
  readonly node: SyntaxNode;
  readonly parent: SyntaxNode | undefined;
  readonly name: string;
}

/** Is this value a node? */
export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** Every node of a tree, parents first. */
export function* walk(node: SyntaxNode, parent?: SyntaxNode, name = ''): Generator<Visit> {
  yield { node, parent, name };
  for (const [key, child] of Object.entries(node)) {
    for (const one of Array.isArray(child) ? child : [child]) if (isNode(one)) yield* walk(one, node, key);
  }
}

/** The text of a string literal or of a template without holes; undefined for anything else. */
export function textOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value'];
  if (node.type === 'TemplateLiteral' && Array.isArray(node['expressions']) && node['expressions'].length === 0) {
    const [quasi] = Array.isArray(node['quasis']) ? (node['quasis'] as readonly unknown[]) : [];
    const value = isNode(quasi) ? quasi['value'] : undefined;
    if (typeof value === 'object' && value !== null && 'cooked' in value && typeof value.cooked === 'string') {
      return value.cooked;
    }
  }
  return undefined;
}

/** Is this the identifier of that name? */
export function isIdentifier(node: unknown, name: string): boolean {
  return isNode(node) && node.type === 'Identifier' && node['name'] === name;
}

/** The name of the property that a member expression takes, also from `a['b']`; undefined when it is computed. */
export function memberName(node: unknown): string | undefined {
  if (!isNode(node) || node.type !== 'MemberExpression') return undefined;
  const property = node['property'];
  if (node['computed'] === true) return textOf(property);
  return isNode(property) && typeof property['name'] === 'string' ? property['name'] : undefined;
}

/** The arguments of a call or a `new`. */
export function argumentsOf(node: SyntaxNode): readonly SyntaxNode[] {
  return Array.isArray(node['arguments']) ? node['arguments'].filter(isNode) : [];
}
