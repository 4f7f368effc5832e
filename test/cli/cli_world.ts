import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { Command } from 'commander';
import Fastify from 'fastify';
import { createApi } from '../../src/api/create_api.ts';
import { type RecordingControl, recorded, recordingControl, testLimits } from '../../src/api/recording_control.ts';
import type { CliIo } from '../../src/cli/cli_io.ts';
import { runCli } from '../../src/cli/run_cli.ts';

/** What a run of the command line did. */
export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stdout_bytes: Buffer;
  readonly stderr: string;
}

/** How to run it. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly terminal?: boolean;
  readonly io?: Partial<CliIo>;
}

/** The command line against the real API over a recording control. */
export interface CliWorld {
  readonly control: RecordingControl;
  readonly url: string;
  /** An empty directory: the user's home, too. */
  readonly directory: string;
  run(argv: readonly string[], options?: RunOptions): Promise<CliRun>;
  /** Presses Ctrl-C in whatever runs. */
  interrupt(): void;
  close(): Promise<void>;
}

/** Starts one. */
export async function cliWorld(): Promise<CliWorld> {
  const control = recordingControl();
  const app = await createApi({
    control,
    logger: Fastify().log,
    version: '1',
    packets_max: 10_000,
    limits: testLimits(),
  });
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-cli-'));
  const handlers = new Set<() => void>();
  return {
    control,
    url,
    directory,
    interrupt: () => {
      for (const handler of handlers) handler();
    },
    close: async () => {
      await app.close();
      rmSync(directory, { recursive: true });
    },
    run: async (argv, { env, stdin = '', terminal = false, io = {} } = {}) => {
      const [stdout, stderr] = [collector(terminal), collector(terminal)];
      const code = await runCli(new Command('edgetap').version('1.2.3'), argv, {
        env: env ?? { EDGETAP_URL: url, EDGETAP_TOKEN: recorded.write_token },
        home: directory,
        stdout: stdout.stream,
        stderr: stderr.stream,
        stdin: Readable.from([stdin]),
        fetch,
        // A minute passes in six milliseconds.
        sleep: async (ms) => await new Promise((resolve) => setTimeout(resolve, Math.ceil(ms / 100))),
        now: Date.now,
        monotonic: () => performance.now(),
        randomId: randomUUID,
        onInterrupt: (handler) => {
          handlers.add(handler);
          return () => handlers.delete(handler);
        },
        ...io,
      });
      return {
        code,
        stdout: stdout.bytes().toString(),
        stdout_bytes: stdout.bytes(),
        stderr: stderr.bytes().toString(),
      };
    },
  };
}

function collector(terminal: boolean): { stream: Writable & { isTTY?: boolean }; bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return {
    stream: terminal ? Object.assign(stream, { isTTY: true }) : stream,
    bytes: () => Buffer.concat(chunks),
  };
}
