import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../src/main/edgetap.ts', import.meta.url));

/** How a start of `edgetap serve` ended. */
export interface FailedStart {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `edgetap serve` that cannot start, to its end; one that does start is killed after half a minute. */
export function failedStart(env: Readonly<Record<string, string>>): FailedStart {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, 'serve'], {
    env: { PATH: process.env['PATH'], EDGETAP_LISTEN: '127.0.0.1:0', ...env },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { code: status, stdout, stderr };
}
