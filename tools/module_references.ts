import { type SyntaxNode, argumentsOf, isIdentifier, isNode, memberName, textOf, walk } from './syntax_node.ts';

/** Something that a module names and so depends on. */
export interface ModuleReference {
  /** As written: `./x.ts`, `node:fs`, `koffi`; undefined when it is computed at run time. */
  readonly specifier: string | undefined;
  /** Offset in the source. */
  readonly at: number;
}

const withSource = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
]);

/**
 * Everything that a module refers to: imports and re-exports (types too), `import('x')` as a value and as a type,
 * `require`, and files named for a URL, a worker or a child (`new URL('./x', import.meta.url)`, `import.meta.resolve`,
 * `new Worker('./x')`, `fork('./x')`, `join(import.meta.dirname, 'x')`).
 */
export function moduleReferences(program: SyntaxNode): ModuleReference[] {
  const found: ModuleReference[] = [];
  for (const { node } of walk(program)) {
    const specifier = referenceOf(node);
    if (specifier !== none) found.push({ specifier, at: node.start });
  }
  return found;
}

const none: unique symbol = Symbol('no reference');

function referenceOf(node: SyntaxNode): string | undefined | typeof none {
  if (withSource.has(node.type)) {
    const source = node['source'];
    return source === null || source === undefined ? none : textOf(source);
  }
  if (node.type === 'TSExternalModuleReference') return textOf(node['expression']);
  if (node.type !== 'CallExpression' && node.type !== 'NewExpression') return none;
  const { callee } = node;
  const [first, ...rest] = argumentsOf(node);
  if (node.type === 'NewExpression') {
    if (isIdentifier(callee, 'URL') && isMeta(rest[0], 'url')) return relative(textOf(first));
    // Anything but a text is a URL or a path that is made, and so seen, elsewhere.
    return isIdentifier(callee, 'Worker') && textOf(first) !== undefined ? relative(textOf(first)) : none;
  }
  if (isIdentifier(callee, 'require') || isMeta(callee, 'resolve')) return textOf(first);
  if (isIdentifier(callee, 'fork') || memberName(callee) === 'fork') {
    return textOf(first) === undefined ? none : relative(textOf(first));
  }
  if (isMeta(first, 'dirname') && rest.length > 0) {
    const steps = rest.map(textOf);
    return steps.includes(undefined) ? undefined : relative(steps.join('/'));
  }
  return none;
}

/** `x.ts` named as a file is `./x.ts`; only an import reads it as a package. */
function relative(path: string | undefined): string | undefined {
  return path === undefined || /^(\.{0,2}\/|[a-z]+:)/.test(path) ? path : `./${path}`;
}

/** Is this `import.meta.NAME`? */
function isMeta(node: unknown, name: string): boolean {
  return memberName(node) === name && isNode(node) && isNode(node['object']) && node['object'].type === 'MetaProperty';
}
