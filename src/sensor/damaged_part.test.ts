import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  appendFileSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
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
import { runPart } from './part_runner.ts';
import { createPartSender } from './part_sender.ts';
import type { PartState } from './part_state.ts';
import { recoverPart } from './recover_part.ts';
import { plainAssignment } from './test_assignment.ts';

const capture_id = 'd'.repeat(32);
const count = 1500;
const record_bytes = 1016;
const agents = guardedAgents({ policy: anywhere });

let server: Server;
let origin: string;
let directory: string;
/** Pieces by upload and number, as the bucket has them. */
let bucket: Map<string, Buffer>;
let delivered: Buffer | undefined;
let reports: PartReport[];
let warned: Fault[];
let whenSent: ((number: number) => void) | undefined;

beforeAll(async () => {
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    const md5 = createHash('md5').update(body).digest();
    if (request.headers['content-md5'] !== md5.toString('base64')) {
      response.writeHead(400).end('<Error><Code>BadDigest</Code></Error>');
      return;
    }
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
  directory = mkdtempSync(join(tmpdir(), 'edgetap-damaged-'));
  [bucket, delivered, reports, warned, whenSent] = [new Map(), undefined, [], [], undefined];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const packets: readonly SamplePacket[] = Array.from({ length: count }, (_, number) => {
  const data = new Uint8Array(record_bytes - 16).fill(number % 251);
  new DataView(data.buffer).setUint32(0, number);
  return { time: 1_700_000_000_000_000_000n + BigInt(number), original: data.length, data };
});
const numberOf = ({ data }: SamplePacket): number => new DataView(data.buffer, data.byteOffset).getUint32(0);

const isSame = (one: SamplePacket, other: SamplePacket | undefined): boolean =>
  other?.time === one.time && other.original === one.original && Buffer.compare(one.data, other.data) === 0;

const now = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** A part that has ended whole, as its sensor left it. */
async function endedPart(): Promise<PartState> {
  const assignment = plainAssignment(capture_id, now(), { interfaces: ['eth0'] });
  const path = join(directory, capture_id, 'eth0.pcap');
  mkdirSync(dirname(path));
  const file = buildPcap(packets);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < file.length; at += 10_000) yield file.subarray(at, at + 10_000);
  };
  const { file_bytes, checksum } = await newPartFile(path, assignment.piece_bytes, chunks());
  return {
    layout: 1,
    assignment,
    interface: 'eth0',
    phase: 'ended',
    attempt: 0,
    linktype: 1,
    packets: BigInt(count),
    bytes: BigInt(count * (record_bytes - 16)),
    dropped: 2n,
    stop_reason: 'time_limit',
    file_bytes,
    checksum,
  };
}

/** Delivers a part as the sensor does after a start, to a bucket that keeps what comes. */
async function deliver(state: PartState): Promise<void> {
  const { spool, recovered } = await Spool.open(directory, 1e9);
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
    if (question.kind === 'uploaded') {
      const pieces = question.pieces.map(
        ({ number }) => bucket.get(`?attempt=${question.attempt}&n=${number}`) ?? Buffer.alloc(0),
      );
      delivered = Buffer.concat(pieces);
      expect(createHash('sha256').update(delivered).digest('hex')).toBe(question.sha256);
      return { kind: 'uploaded_ok' };
    }
    if (question.kind !== 'sign') return raise('request_malformed', { reason: question.kind });
    whenSent?.(question.piece.number);
    const url = `${origin}/piece?attempt=${question.attempt}&n=${question.piece.number}`;
    const headers = { 'content-length': String(question.piece.length_bytes), 'content-md5': question.piece.md5_base64 };
    return { kind: 'signed', url, headers, expires_at: now() + 900_000_000_000n, own: true };
  };
  const ask: AskControl = async (question, kind) => {
    const answer = reply(question);
    if (answer.kind === kind) return answer as Extract<ControlReply, { kind: typeof kind }>;
    return raise('request_malformed', { reason: answer.kind });
  };
  const clock = {
    now,
    monotonic,
    sleep: async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 1)),
  };
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
  await runner.settled;
}

type Damage = (path: string, file: Buffer) => void;
const rewrite =
  (change: (file: Buffer) => void): Damage =>
  (path, file) => {
    change(file);
    writeFileSync(path, file);
  };
const flip = (at: number): Damage => rewrite((file) => void (file[at] = (file[at] ?? 0) ^ 0x10));
const half = 24 + (count / 2) * record_bytes;

const damages: readonly (readonly [string, Damage, least: number, most: number])[] = [
  ['cut at the end of a record', (path) => truncateSync(path, half), count / 2 - 300, count / 2],
  ['cut within a record', (path) => truncateSync(path, half + 7), count / 2 - 300, count / 2],
  ['cut by its last byte', (path, file) => truncateSync(path, file.length - 1), count - 300, count - 1],
  ['cut to its header', (path) => truncateSync(path, 24), 0, 0],
  ['cut to nothing', (path) => truncateSync(path, 0), 0, 0],
  ['gone', (path) => rmSync(path), 0, 0],
  ['with a bit changed in the first packet', flip(24 + 16 + 500), count - 300, count - 1],
  ['with a bit changed in a time in the middle', flip(half + 2), count - 300, count - 1],
  ['with a bit changed in a length in the middle', flip(half + 9), count - 300, count - 1],
  ['with a bit changed in the last packet', flip(24 + count * record_bytes - 1), count - 300, count - 1],
  ['with a bit changed in its header', flip(20), count, count],
  ['with a page of zeros', rewrite((file) => void file.fill(0, 409_600, 413_696)), count - 300, count - 1],
  ['of zeros to its end', rewrite((file) => void file.fill(0, half)), count / 2 - 300, count / 2],
  ['of zeros', rewrite((file) => void file.fill(0)), 0, 0],
  ['replaced by an older one', rewrite((file) => void buildPcap(packets.slice(0, 900)).copy(file)), count, count],
  ['extended', (path) => appendFileSync(path, buildPcap(packets).subarray(24, 24 + record_bytes)), count, count],
];

/** Nothing but packets that were captured, in their order, and every other one counted. */
function judge(least: number, most: number): void {
  const last = reports.at(-1);
  if (most === 0) {
    expect(delivered).toBeUndefined();
    expect(last).toMatchObject({ phase: 'failed', fault: { message: expect.stringMatching(/eth0\.pcap/) } });
    return;
  }
  const found = parsePcap(delivered ?? Buffer.alloc(0)).packets;
  // Byte by byte, by a quicker way than a deep comparison.
  expect(found.every((packet) => isSame(packet, packets[numberOf(packet)]))).toBe(true);
  const numbers = found.map(numberOf);
  expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
  expect(found.length).toBeGreaterThanOrEqual(least);
  expect(found.length).toBeLessThanOrEqual(most);
  expect(last).toMatchObject({
    phase: 'ended',
    packets: BigInt(found.length),
    dropped: 2n + BigInt(count - found.length),
  });
  if (found.length === count) expect(last).not.toHaveProperty('missing');
  else {
    expect(last?.missing).toMatch(new RegExp(`${count - found.length} of ${count} packets are lost: .*eth0\\.pcap`));
    expect(warned.map(({ name }) => name)).toEqual(['part_file_damaged']);
  }
}

describe('a complete file of a part, waiting in the spool', () => {
  test.each(damages)('%s: never altered packets, never silent', async (_, damage, least, most) => {
    const state = await endedPart();
    const path = join(directory, capture_id, 'eth0.pcap');
    damage(path, readFileSync(path));
    await deliver(state);
    judge(least, most);
    expect(readdirSync(join(directory, capture_id)).filter((name) => !/state\.json|upload/.test(name))).toEqual(
      most === 0 ? expect.anything() : [],
    );
  });

  test.each(damages.filter(([name]) => !/replaced|extended|header/.test(name)))(
    '%s between its hashing and its sending',
    async (_, damage, least, most) => {
      const state = await endedPart();
      const path = join(directory, capture_id, 'eth0.pcap');
      let done = false;
      whenSent = () => {
        if (!done) damage(path, readFileSync(path));
        done = true;
      };
      await deliver(state);
      // What is open is still there, whatever became of its name.
      if (delivered !== undefined && reports.at(-1)?.packets === BigInt(count)) return judge(count, count);
      judge(least, most);
    },
  );

  test.each(damages)('%s, its sums gone: all or nothing', async (_, damage, __, most) => {
    const state = await endedPart();
    const path = join(directory, capture_id, 'eth0.pcap');
    rmSync(`${path}.sums`);
    damage(path, readFileSync(path));
    await deliver(state);
    if (most === count && delivered !== undefined) judge(count, count);
    else expect(reports.at(-1)).toMatchObject({ phase: 'failed' });
  });
});
