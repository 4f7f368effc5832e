import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll } from 'vitest';
import { times } from './soak.ts';

/** What the field's own tools (tcpdump, Wireshark's command line) said about some bytes. */
export interface ToolOutput {
  readonly stdout: Buffer;
  /** Trimmed; complaints come here even where the tool ends well. */
  readonly stderr: string;
  readonly status: number | null;
}

/** Runs one of the field's tools to its end. It failing to start is an error; everything else is for the test to judge. */
export function runTool(name: string, args: readonly string[]): ToolOutput {
  const environment = { ...process.env, TZ: 'UTC', WIRESHARK_CONFIG_DIR: '/nonexistent' };
  const result = spawnSync(name, args, { maxBuffer: 1 << 28, env: environment });
  if (result.error !== undefined) throw result.error;
  // tshark warns of root; tcpdump tells what it reads.
  const noise = /^(Running as user .*|reading from file .*|tcpdump: listening .*)$/gm;
  return { stdout: result.stdout, stderr: result.stderr.toString().replace(noise, '').trim(), status: result.status };
}

/** Runs a tool that must end well and without a complaint; returns its output as text. */
export function runClean(name: string, args: readonly string[]): string {
  const { stdout, stderr, status } = runTool(name, args);
  if (status !== 0 || stderr !== '') throw new Error(`${name} ${args.join(' ')}: ${status}: ${stderr}`);
  return stdout.toString();
}

/** A folder for the files of one test file; it goes when the tests have ended. */
export function scratchFolder(): (name: string, content?: Uint8Array) => string {
  const folder = mkdtempSync(join(tmpdir(), 'edgetap-packets-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (name, content) => {
    const path = join(folder, name);
    if (content !== undefined) writeFileSync(path, content);
    return path;
  };
}

/** Capture files of other projects, where a checkout has them beside it; the tests do not need them. */
export function corpus(): string[] {
  const folder = resolve(import.meta.dirname, '../../../shared/captures');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /\.pcap(ng)?$/.test(name))
    .map((name) => join(folder, name));
}

/** How many times a randomised test runs: more when the suite soaks. */
export function runs(usual: number): number {
  return times(usual);
}
