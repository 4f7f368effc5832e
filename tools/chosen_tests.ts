import type { TestNeeds } from './test_needs.ts';

/** What a test run was asked for. */
export interface TestRequest {
  /** Many more runs of everything that is random or repeated. */
  readonly soak: boolean;
  /** Unit tests alone. */
  readonly fast: boolean;
  /** Parts of paths: files whose path has one of them. All, where there are none. */
  readonly files: readonly string[];
  /** What is handed on to vitest. */
  readonly options: readonly string[];
}

/** Options of vitest that are followed by a value. */
const with_value: ReadonlySet<string> = new Set(['-t', '--testNamePattern']);
/** Where these are started, a test has namespaces, mounts or servers: it is no unit test. */
const machinery: readonly string[] = ['ip', 'unshare', 'mount', 'radosgw'];
/** These damage a file in each of its places in turn, or end something at each of its moments. */
const trials = /(table|damage|crash)[^/]*\.test\.ts$/;

/** Reads a command line: `[--soak] [--fast] [PART OF A PATH ...] [options of vitest]`. */
export function readTestRequest(args: readonly string[]): TestRequest {
  const [files, options]: [string[], string[]] = [[], []];
  for (const [index, arg] of args.entries()) {
    if (arg === '--soak' || arg === '--fast') continue;
    const isValue = index > 0 && with_value.has(args[index - 1] ?? '');
    (arg.startsWith('-') || isValue ? options : files).push(arg);
  }
  return { soak: args.includes('--soak'), fast: args.includes('--fast'), files, options };
}

/** The names of programs that tell a unit test from others, beside those that have to be installed. */
export const telling_programs: readonly string[] = machinery;

/** The test files that a request means. Throws an `Error` for a part of a path that none has. */
export function chosenTests(
  { fast, files }: Pick<TestRequest, 'fast' | 'files'>,
  all: readonly TestNeeds[],
): readonly TestNeeds[] {
  const unknown = files.filter((part) => !all.some(({ file }) => file.includes(part)));
  if (unknown.length > 0)
    throw new Error(`There is no test file whose path has ${unknown.map((one) => `"${one}"`).join(' or ')}.`);
  const named = files.length === 0 ? all : all.filter(({ file }) => files.some((part) => file.includes(part)));
  return fast ? named.filter(isUnitTest) : named;
}

function isUnitTest({ file, programs }: TestNeeds): boolean {
  return !file.startsWith('test/') && !trials.test(file) && !machinery.some((name) => programs.has(name));
}
