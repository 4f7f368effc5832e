import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs programs that read from one another, and gives what the last one says. Rejects when the last one fails. */
export async function runShell(pipeline: readonly (readonly string[])[]): Promise<string> {
  const line = pipeline.map((words) => words.map(quoted).join(' ')).join(' | ');
  const { stdout } = await run('bash', ['-c', line], { maxBuffer: 1 << 24 });
  return stdout;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
