import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildPcap, parsePcap, type SamplePacket } from '../../test/support/packet_samples.ts';
import type { CaptureEngine } from '../capture/capture_engine.ts';
import { Spool } from '../capture/spool.ts';
import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import { anywhere } from '../model/endpoint_policy.ts';
import { type Fault, raise } from '../model/errors/fault.ts';
import { guardedAgents } from '../net/guarded_agent.ts';
import type { PartReport } from '../wire/bus_fields.ts';
import type { ControlReply } from '../wire/sensor_messages.ts';
import type { AskControl, Question } from './ask_control.ts';
import { newPartFile } from './new_part_file.ts';
import { Outbox } from './outbox.ts';
import { type PartRunner, runPart } from './part_runner.ts';
import { createPartSender } from './part_sender.ts';
import { partPaths, readStates } from './part_shelf.ts';
import { partKey, type PartState } from './part_state.ts';
import { recoverPart } from './recover_part.ts';
import { plainAssignment } from './test_assignment.ts';

const capture_id = 'd'.repeat(32);
const piece_bytes = 5_242_880;
const agents = guardedAgents({ policy: anywhere });
const now = (): bigint => BigInt(Date.now()) * 1_000_000n;

let server: Server;
let origin: string;
let directory: string;
let bucket: Map<string, Buffer>;
let delivered: Buffer | undefined;
let told: Extract<Question, { kind: 'uploaded' }> | undefined;
let reports: PartReport[];
let warned: Fault[];
/** The most bytes that were in the spool at any of the moments at which something was asked of control. */
let most_bytes: number;
let whenAsked: ((question: Question) => void) | undefined;

beforeAll(async () => {
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const md5 = createHash('md5').update(body).digest();
    bucket.set(new URL(request.url ?? '', origin).search, body);
    response.writeHead(200, { etag: `"${md5.toString('hex')}"` }).end();
  };
  server = createServer((request, response) => void take(request, response).catch(() => response.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  agents.close();
  server.close();
});
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-unordered-'));
  [bucket, delivered, told, reports, warned, most_bytes] = [new Map(), undefined, undefined, [], [], 0];
  whenAsked = undefined;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function spoolBytes(): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** A clock that was set back in the middle, and two sending processors all the time; some packets have the same time. */
function unordered(count: number, length: number): readonly SamplePacket[] {
  return Array.from({ length: count }, (_, number) => {
    const data = new Uint8Array(length).fill(number % 251);
    new DataView(data.buffer).setUint32(0, number);
    const time = (number < count / 2 ? number : number - Math.floor(count / 3)) + (number % 5 === 0 ? -40 : 0);
    return { time: 1_700_000_000_000_000_000n + BigInt(Math.floor(time / 3)) * 1000n, original: length, data };
  });
}
const numberOf = ({ data }: SamplePacket): number => new DataView(data.buffer, data.byteOffset).getUint32(0);
const inOrder = (packets: readonly SamplePacket[]): readonly number[] =>
  packets
    .map((packet, index) => ({ packet, index }))
    .toSorted((one, other) =>
      one.packet.time === other.packet.time ? one.index - other.index : one.packet.time < other.packet.time ? -1 : 1,
    )
    .map(({ packet }) => numberOf(packet));

/** A part that has ended, out of order, as its sensor left it. */
async function endedPart(packets: readonly SamplePacket[]): Promise<PartState> {
  const assignment = plainAssignment(capture_id, now(), { interfaces: ['eth0'], piece_bytes });
  const path = join(directory, capture_id, 'eth0.pcap');
  mkdirSync(dirname(path));
  const file = buildPcap([...packets]);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < file.length; at += 100_000) yield file.subarray(at, at + 100_000);
  };
  const { file_bytes, checksum } = await newPartFile(path, piece_bytes, chunks());
  const bytes = packets.reduce((sum, { data }) => sum + BigInt(data.length), 0n);
  return {
    layout: 1,
    assignment,
    interface: 'eth0',
    phase: 'ended',
    attempt: 0,
    linktype: 1,
    packets: BigInt(packets.length),
    bytes,
    dropped: 0n,
    stop_reason: 'time_limit',
    unordered: true,
    file_bytes,
    checksum,
  };
}

/** Takes a part up as the sensor does after a start, in a spool of that size. */
async function takeUp(state: PartState, limit_bytes: number): Promise<{ runner: PartRunner; spool: Spool }> {
  const { spool, recovered } = await Spool.open(directory, limit_bytes);
  const monotonic = (): bigint => process.hrtime.bigint();
  const outbox = new Outbox(
    () =>
      setImmediate(() => {
        for (const report of outbox.pending()) {
          reports.push(report);
          outbox.commit(report.capture_id, report.interface, report.sequence);
        }
      }),
    monotonic,
  );
  const reply = (question: Question): ControlReply => {
    most_bytes = Math.max(most_bytes, spoolBytes());
    whenAsked?.(question);
    if (question.kind === 'uploaded') {
      told = question;
      const pieces = question.pieces.map(
        ({ number }) => bucket.get(`?attempt=${question.attempt}&n=${number}`) ?? Buffer.alloc(0),
      );
      delivered = Buffer.concat(pieces);
      expect(createHash('sha256').update(delivered).digest('hex')).toBe(question.sha256);
      return { kind: 'uploaded_ok' };
    }
    if (question.kind !== 'sign') return raise('request_malformed', { reason: question.kind });
    const url = `${origin}/piece?attempt=${question.attempt}&n=${question.piece.number}`;
    const headers = { 'content-length': String(question.piece.length_bytes), 'content-md5': question.piece.md5_base64 };
    return { kind: 'signed', url, headers, expires_at: now() + 900_000_000_000n, own: true };
  };
  const ask: AskControl = async (question, kind) => {
    const answer = reply(question);
    if (answer.kind === kind) return answer as Extract<ControlReply, { kind: typeof kind }>;
    return raise('request_malformed', { reason: answer.kind });
  };
  const sleep = async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 1));
  const clock = { now, monotonic, sleep };
  const runner = runPart(
    {
      spool,
      // Nothing is captured here.
      engine: {} as CaptureEngine,
      compiler: {} as FilterCompiler,
      sender: createPartSender({ ask, agentsFor: () => agents, clock, random: () => 0 }),
      clock,
      random: () => 0,
      outbox,
      findInterface: () => undefined,
      warn: (one) => void warned.push(one),
      crash: (error) => expect(error).toBeUndefined(),
    },
    state.assignment,
    'eth0',
    await recoverPart(state, recovered[0]),
  );
  return { runner, spool };
}

const count = 40_000;
const packets = unordered(count, 500);
const numbers = (): readonly number[] => parsePcap(delivered ?? Buffer.alloc(0)).packets.map(numberOf);
/** Beside the parts: states, sums and journals. */
const aside_bytes = 1 << 20;

test('a part that is out of order is delivered in order from a spool that has no room for it twice', async () => {
  const state = await endedPart(packets);
  const limit_bytes = (state.file_bytes ?? 0) + aside_bytes;
  const { runner, spool } = await takeUp(state, limit_bytes);
  await runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect(most_bytes).toBeLessThanOrEqual(limit_bytes);
  expect(reports.at(-1)).toMatchObject({ phase: 'ended', packets: BigInt(count) });
  expect([warned, spool.budget.used_bytes]).toEqual([[], 0]);
  // What it was is told of what was sent.
  const { file_bytes } = state;
  expect(told?.sums?.at(-1)).toMatchObject({ end_bytes: file_bytes, packets: count });
});

test('where there is room a copy is made, and counted as long as it is there', async () => {
  const state = await endedPart(packets);
  const { runner, spool } = await takeUp(state, 1e9);
  let copied = 0;
  whenAsked = () => (copied = Math.max(copied, spool.budget.used_bytes));
  await runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect(copied).toBe(2 * (state.file_bytes ?? 0));
  expect(spool.budget.used_bytes).toBe(0);
});

test('a disk that takes no copy keeps none from being delivered in order', async () => {
  const state = await endedPart(packets);
  const obstacle = `${partPaths(directory, capture_id, 'eth0').copy('sorted')}.run-0`;
  mkdirSync(obstacle);
  whenAsked = () => rmSync(obstacle, { recursive: true, force: true });
  const { runner, spool } = await takeUp(state, 1e9);
  await runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect([...new Set(warned.map(({ name }) => name))]).toEqual(['spool_write_failed']);
  expect(spool.budget.used_bytes).toBe(0);
});

test('what a process that died left of its copy goes before anything else is written', async () => {
  const state = await endedPart(packets);
  const limit_bytes = (state.file_bytes ?? 0) + aside_bytes;
  const paths = partPaths(directory, capture_id, 'eth0');
  for (const name of ['sorted', 'sorted.sums', 'sorted.run-0', 'sorted.run-17', 'sorted.run-17.sums'])
    writeFileSync(paths.copy(name), Buffer.alloc(5_000_000));
  const { runner } = await takeUp(state, limit_bytes);
  await runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect(most_bytes).toBeLessThanOrEqual(limit_bytes);
});

test('after a crash in its midst it goes on, and sends the same', async () => {
  const state = await endedPart(packets);
  const limit_bytes = (state.file_bytes ?? 0) + aside_bytes;
  let asked = 0;
  whenAsked = (question) => {
    // The first process gets no further.
    if (question.kind === 'sign' && (asked += 1) > 2) raise('bus_closed', { peer: 'control' });
  };
  const first = await takeUp(state, limit_bytes);
  await expect.poll(() => asked, { timeout: 60_000 }).toBeGreaterThan(4);
  const { states } = await readStates(directory);
  const kept = states.get(partKey(capture_id, 'eth0'));
  if (kept === undefined) throw new Error('its state is gone');
  whenAsked = undefined;
  const before = new Set(bucket.keys());
  const second = await takeUp(kept, limit_bytes);
  await second.runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect(before.size).toBeGreaterThan(0);
  await first.runner.forget();
});

test('damage in a part that is put in order on its way costs what is damaged, and nothing else', async () => {
  const state = await endedPart(packets);
  const path = join(directory, capture_id, 'eth0.pcap');
  const limit_bytes = (state.file_bytes ?? 0) + aside_bytes;
  let spoiled = false;
  whenAsked = (question) => {
    if (question.kind !== 'sign' || spoiled) return;
    spoiled = true;
    const file = Buffer.from(buildPcap([...packets]));
    file.fill(0xff, 15_000_000, 15_000_100);
    writeFileSync(path, file);
  };
  const { runner } = await takeUp(state, limit_bytes);
  await runner.settled;
  const found = numbers();
  expect(spoiled).toBe(true);
  expect(found.length).toBeGreaterThan(count * 0.9);
  const kept = new Set(found);
  expect(found).toEqual(inOrder(packets.filter((packet) => kept.has(numberOf(packet)))));
  expect(reports.at(-1)).toMatchObject({ packets: BigInt(found.length), dropped: BigInt(count - found.length) });
});
