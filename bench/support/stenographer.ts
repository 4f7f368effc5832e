import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createNamespacePair } from '../../test/support/namespace_pair.ts';
import { freePort } from '../../test/support/free_port.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { startLines } from './line_process.ts';
import type { LookbackCase } from './lookback_cases.ts';
import { progress } from './progress.ts';
import { runShell } from './run_shell.ts';

const run = promisify(execFile);

/** Packets a second that it is fed with: slow enough that it loses none while others use the machine. */
const feed_rate = 200_000;
/** Of its ring: 1 MiB each. It wants at least 128. */
const [feed_blocks, idle_blocks] = [1024, 128];
const programs = { stenographer: '/usr/sbin/stenographer', stenotype: '/usr/sbin/stenotype', stenokeys: 'stenokeys' };
const root = ['--uid=root', '--gid=root'];

/** A Stenographer that answers. */
export interface Stenographer {
  /** Asks at its socket with curl, as its own client does; resolves with milliseconds. The answer is thrown away. */
  ask(one: LookbackCase, packet_limit?: number): Promise<number>;
  /** Asks, and counts the packets of the answer. */
  count(one: LookbackCase, packet_limit?: number): Promise<number>;
  end(): Promise<void>;
}

/** Throws where it is not installed. */
export function requireStenographer(): void {
  for (const path of [programs.stenographer, programs.stenotype]) {
    if (!existsSync(path)) throw new Error(`the peer Stenographer is not installed: there is no ${path}`);
  }
}

/**
 * Has Stenographer's own capture program take the packets of some files off a cable, as many bytes of each as the files have, and
 * write its packet and index files; does nothing where that was done before. The times of the packets are those of now.
 */
export async function feedStenographer(directory: string, files: readonly string[], packets: number): Promise<void> {
  const done = join(directory, 'fed');
  if (existsSync(done)) return;
  rmSync(directory, { recursive: true, force: true });
  for (const name of ['PKT0', 'IDX0', 'temporary']) mkdirSync(join(directory, name), { recursive: true });
  progress(`feeding ${packets} packets to Stenographer in ${directory}`);
  const pair = await createNamespacePair();
  const flags = [`--iface=${pair.near.name}`, `--dir=${directory}/`, '--threads=1', `--count=${packets}`];
  const taker = startLines(programs.stenotype, ['-v', ...flags, `--blocks=${feed_blocks}`, ...root]);
  try {
    await waitFor(() => taker.said.includes('starting to process packets'), { what: 'stenotype captures' });
    const script = new URL('feed_frames.ts', import.meta.url).pathname;
    const { name, namespace = '' } = pair.far;
    const feeder = startLines(process.execPath, [script, name, namespace, String(feed_rate), ...files]);
    const { sent } = JSON.parse(await feeder.read()) as { readonly sent: number };
    await feeder.end();
    if (sent !== packets) throw new Error(`there are ${sent} packets to be fed, and not ${packets}`);
    // It ends by itself once it has seen as many as there are.
    const what = 'stenotype to have taken all packets: where it does not end it has lost some';
    await waitFor(() => taker.said.includes('Process exiting successfully'), { what, limit_ms: 60_000, every_ms: 200 });
    writeFileSync(done, `${packets}\n`);
  } catch (error) {
    throw new Error(`${String(error)}\n${taker.said.slice(-2000)}`, { cause: error });
  } finally {
    await taker.end('SIGKILL').catch(() => undefined);
    await pair.remove();
  }
}

/** Starts it on what it was fed with, and a cable on which nothing comes. */
export async function startStenographer(directory: string): Promise<Stenographer> {
  const port = await freePort();
  const [config, certificates] = [join(directory, 'config'), join(directory, 'certificates')];
  const temporary = join(directory, 'temporary');
  const pair = await createNamespacePair();
  const written = {
    Threads: [
      {
        PacketsDirectory: join(directory, 'PKT0'),
        IndexDirectory: join(directory, 'IDX0'),
        MaxDirectoryFiles: 30_000,
        DiskFreePercentage: 1,
      },
    ],
    StenotypePath: programs.stenotype,
    Interface: pair.near.name,
    Host: '127.0.0.1',
    Port: port,
    Flags: [`--blocks=${idle_blocks}`, ...root],
    CertPath: certificates,
  };
  writeFileSync(config, JSON.stringify(written));
  // Makes what is missing of them only.
  await run(programs.stenokeys, ['root', 'root'], { env: { ...process.env, STENOGRAPHER_CONFIG: config } });
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary);
  // It ends with this process, whatever ends that, and its capture program with it.
  const command = ['--pdeathsig=KILL', programs.stenographer, '-syslog=false', '-config', config];
  const server = startLines('setpriv', command, { TMPDIR: temporary });
  const end = async (): Promise<void> => {
    await server.end('SIGKILL').catch(() => undefined);
    await pair.remove();
  };
  const of = (name: string): string => join(certificates, name);
  const keys = ['--cert', of('client_cert.pem'), '--key', of('client_key.pem'), '--cacert', of('ca_cert.pem')];
  const request = ['curl', '--silent', '--show-error', '--fail', ...keys, '--data'];
  const curl = (one: LookbackCase, packet_limit?: number): string[] => [
    ...request,
    one.stenographer,
    // The oldest ones: it has no other limit.
    ...(packet_limit === undefined ? [] : ['--header', `Steno-Limit-Packets: ${packet_limit}`]),
    `https://127.0.0.1:${port}/query`,
  ];
  const tcpdump = (one: LookbackCase): string[] => ['tcpdump', '-n', '-r', '-', '-Z', 'root', one.expression];
  const limited = (packet_limit?: number): string[] => (packet_limit === undefined ? [] : ['-c', String(packet_limit)]);
  const steno: Stenographer = {
    async ask(one, packet_limit) {
      if (one.filtered) {
        const filter = [...tcpdump(one), ...limited(packet_limit), '-w', '/dev/null'];
        const begun = performance.now();
        await runShell([curl(one), filter]);
        return performance.now() - begun;
      }
      // Its own time: that of the connection and the answer, without that of the start of a process.
      const timed = [...curl(one, packet_limit), '--output', '/dev/null', '--write-out', '%{time_total}'];
      return Number(await runShell([timed])) * 1000;
    },
    async count(one, packet_limit) {
      const counting = [...tcpdump(one), '--count', ...(one.filtered ? limited(packet_limit) : [])];
      return Number.parseInt(await runShell([curl(one, one.filtered ? undefined : packet_limit), counting]), 10);
    },
    end,
  };
  try {
    await waitFor(async () => await run('curl', ['--silent', ...keys, `https://127.0.0.1:${port}/debug/stats`]), {
      what: 'Stenographer answers',
    });
    return steno;
  } catch (error) {
    await end();
    throw new Error(`${String(error)}\n${server.said.slice(-2000)}`, { cause: error });
  }
}
