import { type SyntaxNode, type Visit, argumentsOf, isIdentifier, isNode, memberName, walk } from './syntax_node.ts';

/** A use of something that the module's folder must not use. */
export interface ImpureUse {
  readonly what: string;
  /** Offset in the source. */
  readonly at: number;
}

/** Globals of the platform that give a clock, randomness, the environment, I/O or Node's own types. */
const platform: ReadonlySet<string> = new Set(
  (
    'process Buffer console performance crypto global globalThis navigator require eval Function NodeJS ' +
    'setTimeout setInterval setImmediate queueMicrotask clearTimeout clearInterval clearImmediate ' +
    'fetch WebSocket EventSource Worker MessageChannel BroadcastChannel localStorage sessionStorage ' +
    '__dirname __filename'
  ).split(' '),
);

/** Children that are names of members, not names in scope. */
const notInScope: ReadonlySet<string> = new Set(
  (
    'MemberExpression.property Property.key MethodDefinition.key PropertyDefinition.key AccessorProperty.key ' +
    'TSPropertySignature.key TSMethodSignature.key TSAbstractMethodDefinition.key TSAbstractPropertyDefinition.key ' +
    'ImportSpecifier.imported ExportSpecifier.exported MetaProperty.meta MetaProperty.property ' +
    'TSQualifiedName.right TSNamedTupleMember.label'
  ).split(' '),
);

/**
 * What makes a module impure: any platform global (so also a local of that name: call it something else), the present
 * time (`Date.now`, `new Date()`), `Math.random`, `import.meta`.
 */
export function impureUses(program: SyntaxNode): ImpureUse[] {
  const found: ImpureUse[] = [];
  for (const visit of walk(program)) {
    const what = impurity(visit);
    if (what !== undefined) found.push({ what, at: visit.node.start });
  }
  return found;
}

function impurity(visit: Visit): string | undefined {
  const { node, parent } = visit;
  if (node.type === 'MetaProperty' && isIdentifier(node['meta'], 'import')) return 'import.meta';
  const name = scopeName(visit);
  if (name === undefined) return undefined;
  if (platform.has(name)) return name;
  if (name === 'Date' && !timelessDate(visit)) return 'Date without an argument';
  const inType = parent?.type.startsWith('TS') === true;
  if (name === 'Math' && !inType && [undefined, 'random'].includes(memberOf(visit))) return 'Math.random';
  return undefined;
}

/** `new Date(time)`, `Date.UTC`, `x instanceof Date` and the type are fine: they read no clock. */
function timelessDate(visit: Visit): boolean {
  const { parent, name } = visit;
  if (parent === undefined) return false;
  if (parent.type.startsWith('TS')) return true;
  if (parent.type === 'NewExpression') {
    const [first] = argumentsOf(parent);
    return name === 'callee' && first !== undefined && first.type !== 'SpreadElement';
  }
  if (parent.type === 'BinaryExpression') return parent['operator'] === 'instanceof';
  return !['now', undefined].includes(memberOf(visit));
}

/**
 * Reads of the environment: `process.env` however it is spelled. `process` used as a value could be read anywhere, so it
 * counts as well; `process.pid` and the like do not.
 */
export function environmentReads(program: SyntaxNode): ImpureUse[] {
  const found: ImpureUse[] = [];
  for (const visit of walk(program)) {
    const { node, parent } = visit;
    const isProcess =
      scopeName(visit) === 'process' ||
      (memberName(node) === 'process' && ['globalThis', 'global'].some((name) => isIdentifier(node['object'], name)));
    if (!isProcess || isImported(parent)) continue;
    const taken = memberOf(visit);
    if (taken === 'env') found.push({ what: 'process.env', at: node.start });
    if (taken === undefined && !isTypeQuery(parent)) found.push({ what: 'process as a value', at: node.start });
  }
  return found;
}

function isTypeQuery(parent: SyntaxNode | undefined): boolean {
  return parent?.type === 'TSTypeQuery' || parent?.type === 'TSQualifiedName';
}

function isImported(parent: SyntaxNode | undefined): boolean {
  return parent?.type.startsWith('Import') === true;
}

/** The name of an identifier that is looked up in scope; undefined for every other node. */
function scopeName({ node, parent, name }: Visit): string | undefined {
  if (node.type !== 'Identifier' || typeof node['name'] !== 'string') return undefined;
  const computed = parent?.['computed'] === true;
  if (!computed && parent !== undefined && notInScope.has(`${parent.type}.${name}`)) return undefined;
  return node['name'];
}

/** The property taken of a visited node, when it is the object of a member expression and the name is plain. */
function memberOf({ parent, name }: Visit): string | undefined {
  return name === 'object' && isNode(parent) ? memberName(parent) : undefined;
}
