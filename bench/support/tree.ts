import { resolve } from 'node:path';
import { type LineProcess, startLines } from './line_process.ts';

/** Sources of edgetap with their packages, whose product is measured: these here, or those of a commit. */
export interface Tree {
  /** `ours`, or the short hash of the commit. */
  readonly name: string;
  /** Its root directory. */
  readonly root: string;
  /** The Node that runs it. */
  readonly node: string;
}

/** The tree that this file is in. */
export const this_tree: Tree = { name: 'ours', root: resolve(import.meta.dirname, '../..'), node: process.execPath };

/** A program of a tree's `bench/support`. */
export function supportOf({ root }: Tree, script: string): string {
  return resolve(root, 'bench/support', script);
}

/**
 * Starts the part of a tree that is measured, `bench/support/NAME_subject.ts`, with the options that a sensor of that tree is started with.
 * What such a program takes and answers stays as it is, or has another name: the harness is of this tree, whatever tree it measures.
 */
export async function startSubject(
  tree: Tree,
  name: string,
  args: readonly string[],
  { via = [] }: { readonly via?: readonly string[] } = {},
): Promise<LineProcess> {
  const { sensor_options } = (await import(supportOf(tree, 'sensor_options.ts'))) as {
    readonly sensor_options: readonly string[];
  };
  const script = supportOf(tree, `${name}_subject.ts`);
  const [command = tree.node, ...rest] = [...via, tree.node, ...sensor_options, script, ...args];
  return startLines(command, rest);
}
