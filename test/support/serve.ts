import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callApi } from './call_api.ts';
import { descendants } from './process_tree.ts';
import { waitFor } from './wait_for.ts';

const this_root = fileURLToPath(new URL('../..', import.meta.url));

/** A real `edgetap serve` in processes of its own. */
export interface Served {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** With the API's base path, as an SDK wants it. */
  readonly base_url: string;
  readonly account_id: string;
  readonly token: string;
  readonly data_dir: string;
  readonly process: ChildProcess;
  /** Pid of a child, as it is now. */
  pidOf(child: 'control' | 'sensor'): number;
  /** All that it has written to standard output and standard error. */
  output(): string;
  /** One API call as a client makes it: status, headers and the envelope. */
  call(method: string, path: string, body?: unknown): Promise<{ status: number; headers: Headers; body: Envelope }>;
  /** SIGTERM, and waits for the end. Gives the exit code. */
  stop(): Promise<number | null>;
  /** Ends what is left and removes the data. */
  remove(): Promise<void>;
}

/** The API's envelope. */
export interface Envelope {
  readonly success: boolean;
  readonly result: Readonly<Record<string, unknown>>;
  readonly errors: readonly {
    readonly code: number;
    readonly message: string;
    readonly source?: { pointer?: string };
  }[];
}

/** What to serve. */
export interface ServeOptions {
  readonly interfaces: readonly string[];
  readonly colo?: string;
  /** Goes on with the data of an earlier one. */
  readonly data_dir?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The source tree whose `bin/edgetap` is started; by default the one that this file is in. */
  readonly tree?: { readonly root: string };
  /** A program that becomes edgetap in the end, and its arguments up to there: `unshare --mount …`. */
  readonly via?: readonly string[];
  /** In a process group of its own, as a shell's foreground job. */
  readonly detached?: boolean;
  /** What is run in the place of Node and its program, where they are: `npm start`. */
  readonly command?: readonly [string, ...string[]];
  /** Descriptors in the place of the pipes that `output` is read from; where the API listens has to be given then. */
  readonly written_to?: { readonly stdout: number; readonly stderr: number; readonly port: number };
}

const token = 'et-test-token-0123456789';
const account_id = 'a'.repeat(32);

/** The URL, once all works. */
async function isReady(port: number): Promise<string | undefined> {
  const url = `http://127.0.0.1:${port}`;
  const response = await fetch(`${url}/readyz`);
  const { status } = (await response.json()) as { readonly status: string };
  return status === 'ok' ? url : undefined;
}

/** Starts edgetap on a free port and waits until both its children are ready. */
export async function startServe(options: ServeOptions): Promise<Served> {
  const data_dir = options.data_dir ?? mkdtempSync(join(tmpdir(), 'edgetap-serve-'));
  const root = options.tree?.root ?? this_root;
  const program = options.command ?? [join(root, 'bin/edgetap'), 'serve'];
  const [command = '', ...args] = [...(options.via ?? []), ...program];
  const { stdout, stderr, port } = options.written_to ?? { stdout: 'pipe' as const, stderr: 'pipe' as const, port: 0 };
  const child: ChildProcess = spawn(command, args, {
    detached: options.detached ?? false,
    cwd: root,
    stdio: ['ignore', stdout, stderr],
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: join(this_root, `.cache/compile-${process.getuid?.()}`),
      EDGETAP_LISTEN: `127.0.0.1:${port}`,
      EDGETAP_DATA_DIR: data_dir,
      EDGETAP_INTERFACES: options.interfaces.join(','),
      EDGETAP_COLO: options.colo ?? 'lab01',
      EDGETAP_SENSOR: 's1',
      EDGETAP_ACCOUNT_ID: account_id,
      EDGETAP_BOOTSTRAP_TOKEN: token,
      // What the trees of older commits know.
      ...(options.tree === undefined
        ? {
            EDGETAP_BUCKETS_PENDING: '10000',
            EDGETAP_BUCKET_ADDS_PER_MINUTE: '100000',
            // Some tests have a small disk.
            EDGETAP_DISK_FREE_BYTES: String(16 << 20),
          }
        : { EDGETAP_TOKEN: token }),
      EDGETAP_CREATES_PER_MINUTE: '100000',
      EDGETAP_RUNNING_MAX: '1000',
      // The trees of older commits do not know it.
      ...(options.tree === undefined ? { EDGETAP_REFUSALS_PER_MINUTE: '100000' } : {}),
      EDGETAP_SPOOL_BYTES: '4000000000',
      EDGETAP_SAMPLE_BYTES: '500000000',
      ...options.env,
    },
  });
  let written = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const exited = once(child, 'exit');
  const remove = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      const below = descendants(child.pid ?? 0);
      child.kill('SIGKILL');
      // One that a test has stopped hears nothing until it goes on.
      for (const pid of below) goOn(pid);
      await exited;
    }
    rmSync(data_dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  };
  const url = await Promise.race([
    waitFor(async () => /URL\s+(\S+)\/client\/v4/.exec(written)?.[1] ?? (port !== 0 && (await isReady(port))), {
      what: 'edgetap serve to be ready',
    }),
    exited.then(() => {
      throw new Error(`edgetap serve ended with ${child.exitCode}`);
    }),
  ]).catch(async (error: unknown) => {
    await remove();
    throw new Error(`${String(error)}\n${written}`, { cause: error });
  });
  return {
    url,
    base_url: `${url}/client/v4`,
    account_id,
    token,
    data_dir,
    process: child,
    pidOf: (name) => Number(readFileSync(join(data_dir, name, `${name}.pid`), 'utf8')),
    output: () => written,
    call: callApi(url, { account_id, token }),
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
    remove,
  };
}

function goOn(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
