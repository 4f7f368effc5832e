import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** A test file and the programs of the system that it may start, of those that were asked about. */
export interface TestNeeds {
  /** Path from the root, with slashes. */
  readonly file: string;
  readonly programs: ReadonlySet<string>;
}

interface TestModule {
  /** The modules that it names, as paths from the root. */
  readonly references: readonly string[];
  readonly programs: readonly string[];
}

const folders = ['src', 'test', 'tools', 'bench'];
/** Modules that tests alone use: what starts a program of the system is one of them. */
const of_tests = /^test\/|\.test\.ts$|\/test_[^/]*\.ts$|_suite\.ts$|\/suite\//;
const module_name = /\.(ts|mjs)$/;
const named_module = /(['"`])(\.{1,2}\/[^'"`\n]+)\1/g;
/** A filter may be the word `ip`: whoever starts the program says it first. */
const also_words: ReadonlySet<string> = new Set(['ip']);

/**
 * What each test file under `root` needs of the system: the programs whose names stand, as a text of their own, in it or in a test's module that
 * it leads to. One too many costs an installation; a name that is put together at run time would be missed.
 */
export function testNeeds(root: string, programs: readonly string[]): readonly TestNeeds[] {
  const modules = new Map(modulesOf(root).map((file) => [file, readModule(root, file, programs)]));
  return [...modules.keys()]
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => {
      const reached = new Set([file]);
      for (const one of reached) {
        for (const next of modules.get(one)?.references ?? []) if (modules.has(next)) reached.add(next);
      }
      return { file, programs: new Set([...reached].flatMap((one) => modules.get(one)?.programs ?? [])) };
    });
}

function modulesOf(root: string): readonly string[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    )
    .filter((file) => module_name.test(file))
    .map((file) => file.replaceAll(sep, '/'))
    .toSorted();
}

function readModule(root: string, file: string, programs: readonly string[]): TestModule {
  const text = readFileSync(join(root, file), 'utf8');
  const references = [...text.matchAll(named_module)].map(([, , name = '']) =>
    relative(root, resolve(root, dirname(file), name)).replaceAll(sep, '/'),
  );
  const named = of_tests.test(file) ? programs.filter((name) => startsProgram(text, name)) : [];
  return { references, programs: named };
}

function startsProgram(text: string, name: string): boolean {
  return also_words.has(name) ? new RegExp(`[([]\\s*'${name}'`).test(text) : text.includes(`'${name}'`);
}
