import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import type { NamespacePair } from '../../test/support/namespace_pair.ts';
import { parsePcap, type SamplePacket } from '../../test/support/packet_samples.ts';
import { type HostInterface, listInterfaces } from '../libpcap/interfaces.ts';
import { accept, encodeInstructions, type Program } from '../libpcap/program.ts';
import { type CaptureEngine, type CaptureEngineOptions, createCaptureEngine } from './capture_engine.ts';
import type { ArmRequest, Part, PartEnd } from './part.ts';
import { Spool } from './spool.ts';

/** An engine with a spool of its own. */
export interface TestEngine {
  readonly engine: CaptureEngine;
  readonly spool: Spool;
  /** Arms an interface for everything on it, for longer than any test waits, unless told otherwise. */
  arm(name: string, more?: Partial<ArmRequest>): Promise<Part>;
  close(): Promise<void>;
}

let captures = 0;

/** Starts one; `limit_bytes` is the spool's. */
export async function startEngine(
  options: Partial<CaptureEngineOptions> & { readonly limit_bytes?: number; readonly directory?: string } = {},
): Promise<TestEngine> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'edgetap-engine-')));
  const { spool } = await Spool.open(directory, options.limit_bytes ?? 4e9);
  const engine = await createCaptureEngine({
    spool,
    workers_max: 6,
    workers_warm: 1,
    ring_bytes: 32 << 20,
    ...options,
  });
  return {
    engine,
    spool,
    async arm(name, more = {}) {
      const of = interfaceNamed(name);
      const program = more.program ?? acceptAll(await engine.probeLinktype(of));
      captures += 1;
      const capture_id = captures.toString(16).padStart(32, '0');
      const usual = { capture_id, part: name, interface: of, snaplen_bytes: 262_144, time_limit_ms: 3_600_000 };
      return await engine.arm({ ...usual, ...more, program });
    },
    async close() {
      await engine.close('shutdown');
      if (options.directory === undefined) await rm(directory, { recursive: true });
    },
  };
}

/** An interface of this host. */
export function interfaceNamed(name: string): HostInterface {
  const found = listInterfaces().find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no interface ${name}`);
  return found;
}

/** The program that lets everything through. */
export function acceptAll(linktype: number): Program {
  return { linktype, instructions: encodeInstructions([accept(262_144)]) };
}

/** Waits for the end of a part and reads its file; the file, the counts and the order must agree. */
export async function endOf(part: Part): Promise<{ readonly end: PartEnd; readonly packets: readonly SamplePacket[] }> {
  const end = await part.ended;
  const file = readFileSync(part.path);
  const { linktype, packets } = parsePcap(file);
  expect(linktype).toBe(part.linktype);
  expect([file.length, BigInt(packets.length)]).toEqual([end.file_bytes, end.packets]);
  expect(packets.reduce((sum, { data }) => sum + BigInt(data.length), 0n)).toBe(end.bytes);
  expect(end.packets + end.dropped + end.beyond_limit + end.earlier + end.unread).toBe(end.accepted);
  const times = packets.map(({ time }) => time);
  expect(times.some((time, index) => time < (times[index - 1] ?? 0n))).toBe(end.unordered);
  if (end.unread === 0n && packets.length > 0) {
    expect([end.first_time, end.last_time]).toEqual([times.reduce(least), times.reduce(greatest)]);
  }
  const { packets: count, bytes, dropped, file_bytes } = end;
  expect(part.progress()).toMatchObject({ packets: count, bytes, dropped, file_bytes });
  return { end, packets };
}

const least = (one: bigint, other: bigint): bigint => (one < other ? one : other);
const greatest = (one: bigint, other: bigint): bigint => (one > other ? one : other);

/** Numbered frames that come from the far side as fast as it can send. */
export interface Flood {
  /** Ends it; resolves with the number of frames that were sent. */
  stop(): Promise<number>;
}

/** Starts a flood of frames of one length, or of different ones (0); it ends by itself after `frames_max`, or with the test. */
export async function startFlood(pair: NamespacePair, frame_bytes: number, frames_max = 1e9): Promise<Flood> {
  const script = new URL('test_sender_child.ts', import.meta.url).pathname;
  // In this namespace: the child enters the other one for its socket only.
  const args = [script, pair.far.name, pair.far.namespace ?? '', String(frame_bytes), String(frames_max)];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('the child has no output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('sending');
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return {
    async stop() {
      if (frames_max === 1e9) child.stdin?.end();
      const sent = Number((await lines.next()).value);
      child.stdin?.end();
      await ended;
      return sent;
    },
  };
}

/** Resolves after a while. */
export async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}
