import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { edgetapProgram } from './edgetap_program.ts';

/** How a start of `edgetap serve` ended. */
export interface FailedStart {
  readonly code: number | null;
  readonly stdout: string;
  /** Without the log's lines of level info. */
  readonly stderr: string;
}

/** Runs `edgetap serve` that cannot start, to its end; one that does start is killed after five minutes. */
export async function failedStart(env: Readonly<Record<string, string>>): Promise<FailedStart> {
  const child = spawn(edgetapProgram, ['serve'], {
    env: { PATH: process.env['PATH'], EDGETAP_LISTEN: '127.0.0.1:0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 300_000,
  });
  const [[code], stdout, written] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  const stderr = written.replace(/^\{"level":30,.*\n/gm, '');
  return { code: code as number | null, stdout, stderr };
}
