import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parseSync } from 'oxc-parser';

import { environmentReads, impureUses } from './impure_uses.ts';
import { type LayerRule, layerRules, testPackages } from './layer_rules.ts';
import { moduleReferences } from './module_references.ts';
import { isNode } from './syntax_node.ts';

/** One breach of the layers. */
export interface LayerBreach {
  /** Path from the root, with slashes. */
  readonly file: string;
  readonly line: number;
  readonly what: string;
}

/** What the check saw. */
export interface LayerReport {
  /** Modules read: a check that sees none has checked nothing. */
  readonly modules: number;
  /** References that were followed. */
  readonly references: number;
  readonly breaches: readonly LayerBreach[];
}

/** Checks every module under `ROOT/src` against the rules of `layer_rules.ts`. */
export function checkLayers(root: string): LayerReport {
  const src = join(root, 'src');
  const breaches: LayerBreach[] = [];
  const edges = new Map<string, Set<string>>();
  let references = 0;
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => /\.[cm]?[jt]sx?$/.test(name));
  for (const name of files.toSorted()) {
    const module = readModule(root, join(src, name));
    const breach = (at: number, what: string): void => {
      breaches.push({ file: module.file, line: module.text.slice(0, at).split('\n').length, what });
    };
    if (module.error !== undefined) breach(0, `does not parse: ${module.error}`);
    const rule = layerRules.get(module.folder);
    if (rule === undefined) {
      breach(0, `src/${module.folder} is not in tools/layer_rules.ts`);
      continue;
    }
    for (const { specifier, at } of moduleReferences(module.program)) {
      references += 1;
      const refused = judge(module, rule, specifier, root);
      if (refused !== undefined) breach(at, refused);
      const target = specifier === undefined ? undefined : targetFolder(root, module.file, specifier);
      if (!module.isTest && target !== undefined)
        edges.set(module.folder, (edges.get(module.folder) ?? new Set()).add(target));
    }
    if (module.isTest) continue;
    if (rule.pure === true) {
      for (const { what, at } of impureUses(module.program))
        breach(at, `${module.folder} is pure: it cannot use ${what}`);
    } else if (rule.environment !== true) {
      for (const { what, at } of environmentReads(module.program))
        breach(at, `only main reads the environment: ${what}`);
    }
  }
  return { modules: files.length, references, breaches: [...breaches, ...reachedAnyway(edges)] };
}

/** Tests, and what only tests use: suites that several of them call (`bus_suite.ts`, `suite/…`), makers of data (`test_…`). */
const testFile = /(\.test|_suite)\.[cm]?tsx?$|\/suite\/|\/test_[^/]*$/;

interface Module {
  readonly file: string;
  readonly folder: string;
  readonly isTest: boolean;
  readonly text: string;
  readonly program: Parameters<typeof moduleReferences>[0];
  readonly error: string | undefined;
}

function readModule(root: string, path: string): Module {
  const text = readFileSync(path, 'utf8');
  const parsed = parseSync(path, text);
  const program: unknown = parsed.program;
  if (!isNode(program)) throw new Error(`${path}: the parser gave no program`);
  const file = relative(root, path).replaceAll(sep, '/');
  const isTest = testFile.test(file);
  return { file, folder: file.split('/')[1] ?? '', isTest, text, program, error: parsed.errors[0]?.message };
}

/** Why a module may not refer to that; undefined when it may. */
function judge(module: Module, rule: LayerRule, specifier: string | undefined, root: string): string | undefined {
  const { folder, isTest } = module;
  if (specifier === undefined) return 'refers to a module by a computed name, which cannot be checked';
  const below = isTest ? lowerFolders(folder) : rule.folders;
  if (specifier.startsWith('node:')) {
    if (isTest) return undefined;
    if (rule.pure === true) return `${folder} is pure: it cannot import ${specifier}`;
    return specifier === 'node:process' ? 'use the global process, which this check can see' : undefined;
  }
  if (!/^\.{1,2}(\/|$)/.test(specifier)) return judgePackage(module, rule, specifier);
  const target = relative(root, resolve(root, dirname(module.file), specifier)).replaceAll(sep, '/');
  if (isTest && (target === 'test' || target.startsWith('test/'))) return undefined;
  if (!isTest && testFile.test(target)) return `only tests may import ${target}`;
  const other = targetFolder(root, module.file, specifier);
  if (other === undefined) {
    const isData = /\.(json|sql|txt|html|css|svg)$/.test(target) && !target.startsWith('..');
    return isData && rule.pure !== true ? undefined : `${folder} cannot refer to ${target}, outside src`;
  }
  return other === folder || below.includes(other) ? undefined : `${folder} cannot import ${other}`;
}

function judgePackage({ folder, isTest }: Module, rule: LayerRule, specifier: string): string | undefined {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const own = isTest
    ? [...testPackages, ...[folder, ...lowerFolders(folder)].flatMap((one) => layerRules.get(one)?.packages ?? [])]
    : rule.packages;
  const fits = own.some((one) => one === name || (one.endsWith('/*') && name.startsWith(one.slice(0, -1))));
  return fits ? undefined : `${folder} cannot import the package ${name}`;
}

function lowerFolders(folder: string): string[] {
  const all = [...layerRules.keys()];
  return all.slice(0, all.indexOf(folder));
}

/** The folder of `src/` that a relative path leads to; undefined when it leads elsewhere. */
function targetFolder(root: string, file: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const steps = relative(join(root, 'src'), resolve(root, dirname(file), specifier)).split(sep);
  return steps[0] === '..' || steps[0] === '' ? undefined : steps[0];
}

/** The folders that a layer must never meet and yet reaches through others. */
function reachedAnyway(edges: ReadonlyMap<string, ReadonlySet<string>>): LayerBreach[] {
  return [...layerRules].flatMap(([folder, { never = [] }]) => {
    const reached = new Set([folder]);
    for (const one of reached) for (const next of edges.get(one) ?? []) reached.add(next);
    const met = never.filter((one) => reached.has(one));
    return met.map((one) => ({
      file: `src/${folder}`,
      line: 0,
      what: `${folder} reaches ${one}, which it must never`,
    }));
  });
}

/** The least number of modules that the real tree has: fewer means that the check looks at the wrong place. */
const LEAST_MODULES = 20;

if (import.meta.main) {
  const report = checkLayers(resolve(import.meta.dirname, '..'));
  for (const { file, line, what } of report.breaches) console.log(`${file}:${line}: ${what}`);
  if (report.modules < LEAST_MODULES) console.log(`only ${report.modules} modules seen: is this the right folder?`);
  console.log(`${report.modules} modules, ${report.references} references, ${report.breaches.length} breaches`);
  process.exitCode = report.breaches.length === 0 && report.modules >= LEAST_MODULES ? 0 : 1;
}
