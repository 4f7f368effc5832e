import { spawn } from 'node:child_process';
import { delimiter, join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** One check of the sources: its name in the report, and the command. */
export interface CheckStep {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

/** How a step went. */
export interface CheckOutcome {
  readonly name: string;
  readonly ok: boolean;
  readonly duration_ms: number;
  /** Everything that it wrote. */
  readonly output: string;
}

/** The checks of `npm run check`, the slowest first. */
export const checkSteps: readonly CheckStep[] = [
  { name: 'lint', command: ['oxlint', '--type-aware', '--max-warnings', '0'] },
  { name: 'types', command: ['tsc'] },
  { name: 'dead code', command: ['knip', '--no-progress'] },
  { name: 'format', command: ['biome', 'format', '.'] },
  { name: 'layers', command: ['node', 'tools/layers.ts'] },
  { name: 'errors tested', command: ['node', 'tools/tested_errors.ts'] },
];

/** Runs steps, two at a time; `report` hears of each as it ends. */
export async function runSteps(
  steps: readonly CheckStep[],
  report: (outcome: CheckOutcome) => void,
): Promise<CheckOutcome[]> {
  const outcomes: CheckOutcome[] = [];
  const waiting = [...steps];
  const work = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const outcome = await runStep(step);
      outcomes.push(outcome);
      report(outcome);
    }
  };
  await Promise.all([work(), work()]);
  return outcomes;
}

/** The environment of a tool: the project's own programs, the pinned Node among them, come first. */
export function toolEnvironment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const path = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  return { ...process.env, PATH: path, ...extra };
}

async function runStep({ name, command: [program, ...args] }: CheckStep): Promise<CheckOutcome> {
  const started = performance.now();
  const chunks: Buffer[] = [];
  const child = spawn(program, args, { cwd: root, env: toolEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ok = await new Promise<boolean>((settle) => {
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${program}: ${error.message}\n`));
      settle(false);
    });
    child.on('close', (code) => settle(code === 0));
  });
  return { name, ok, duration_ms: performance.now() - started, output: Buffer.concat(chunks).toString() };
}

/** The report's line of an outcome; what a failed step wrote follows it. */
export function outcomeText({ name, ok, duration_ms, output }: CheckOutcome): string {
  const line = `${ok ? 'ok    ' : 'failed'}  ${name.padEnd(14)} ${(duration_ms / 1000).toFixed(1)} s`;
  return ok ? line : `${line}\n${output.trimEnd().replace(/^/gm, '        ')}`;
}
