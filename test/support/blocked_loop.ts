import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './wait_for.ts';

/** Children of `edgetap serve` whose main thread can be made to stand still. */
export interface BlockedLoop {
  readonly env: Readonly<Record<string, string>>;
  /** From now on nothing of this process's main thread runs; returns once it is so. */
  block(pid: number): Promise<void>;
  remove(): void;
}

const program = `
import { existsSync, writeFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
const file = process.env.EDGETAP_TEST_BLOCK + '/' + process.pid;
if (isMainThread && /_process\\.[jt]s$/.test(process.argv[1] ?? '')) {
  setInterval(() => {
    if (!existsSync(file)) return;
    writeFileSync(file + '.blocked', '');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }, 20).unref();
}
`;

/** Makes what is loaded into each process before its own program. */
export function blockedLoop(): BlockedLoop {
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-block-'));
  const module = join(directory, 'block.mjs');
  writeFileSync(module, program);
  return {
    env: { NODE_OPTIONS: `--import=${module}`, EDGETAP_TEST_BLOCK: directory },
    block: async (pid) => {
      const file = join(directory, String(pid));
      writeFileSync(file, '');
      await waitFor(() => existsSync(`${file}.blocked`), { what: `process ${pid} to stand still` });
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
