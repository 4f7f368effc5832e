import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { buildPcap, parsePcap, type SamplePacket } from '../../test/support/packet_samples.ts';
import type { CaptureEngine } from '../capture/capture_engine.ts';
import { Spool } from '../capture/spool.ts';
import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import { anywhere } from '../model/endpoint_policy.ts';
import { type Fault, raise } from '../model/errors/fault.ts';
import { guardedAgents } from '../net/guarded_agent.ts';
import type { Assignment, PartReport } from '../wire/bus_fields.ts';
import type { ControlReply } from '../wire/sensor_messages.ts';
import type { AskControl, Question } from './ask_control.ts';
import { newPartFile } from './new_part_file.ts';
import { Outbox } from './outbox.ts';
import { type PartRunner, runPart } from './part_runner.ts';
import { createPartSender } from './part_sender.ts';
import type { PartState } from './part_state.ts';
import { recoverPart } from './recover_part.ts';
import { plainAssignment } from './test_assignment.ts';

/** The capture whose part on eth0 is delivered. */
export const delivered_capture_id = 'd'.repeat(32);

/** A part in a spool, a bucket that is reached over HTTP, and a control that signs for it. */
export interface TestPartDelivery {
  /** The spool. */
  readonly directory: string;
  /** The part's file in it. */
  readonly path: string;
  /** Pieces by attempt and number, as the bucket has them. */
  readonly bucket: ReadonlyMap<string, Buffer>;
  /** What control was told of the part, oldest first. */
  readonly reports: readonly PartReport[];
  /** What the sensor's operator was told. */
  readonly warned: readonly Fault[];
  /** The file as it was last said to be complete in the bucket, and what was said. */
  readonly delivered: Buffer | undefined;
  readonly told: Extract<Question, { kind: 'uploaded' }> | undefined;
  /** Hears each question before control answers it; it may throw in control's place. */
  whenAsked: ((question: Question) => void) | undefined;
  /** Writes a part that has ended, as its sensor leaves it. */
  endedPart(packets: readonly SamplePacket[], change: EndedChange): Promise<PartState>;
  /** Takes a part up as the sensor does after a start, in a spool of that size. */
  takeUp(state: PartState, limit_bytes?: number): Promise<{ readonly runner: PartRunner; readonly spool: Spool }>;
  /** Takes a part up, and waits until it is delivered or can do no more. */
  deliver(state: PartState): Promise<void>;
  /** Packets of `delivered`. */
  packets(): readonly SamplePacket[];
  close(): void;
}

/** What is special in a part that has ended. */
export interface EndedChange {
  readonly assignment?: Partial<Assignment>;
  readonly state?: Partial<PartState>;
}

const now = (): bigint => BigInt(Date.now()) * 1_000_000n;
const monotonic = (): bigint => process.hrtime.bigint();
const sleep = async (): Promise<void> => await new Promise((resolve) => setTimeout(resolve, 1));
const clock = { now, monotonic, sleep };

/** Begins with an empty spool and an empty bucket. */
export async function createTestPartDelivery(): Promise<TestPartDelivery> {
  const agents = guardedAgents({ policy: anywhere });
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-delivery-'));
  const path = join(directory, delivered_capture_id, 'eth0.pcap');
  const bucket = new Map<string, Buffer>();
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
  const server = createServer((request, response) => void take(request, response).catch(() => response.destroy()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const reports: PartReport[] = [];
  const warned: Fault[] = [];
  let [delivered, told]: [Buffer?, Extract<Question, { kind: 'uploaded' }>?] = [];

  const reply = (question: Question): ControlReply => {
    delivery.whenAsked?.(question);
    if (question.kind === 'uploaded') {
      const pieces = question.pieces.map(({ number }) => bucket.get(`?attempt=${question.attempt}&n=${number}`));
      delivered = Buffer.concat(pieces.map((piece) => piece ?? Buffer.alloc(0)));
      told = question;
      const sha256 = createHash('sha256').update(delivered).digest('hex');
      if (sha256 !== question.sha256) throw new Error(`the bucket has ${sha256}, ${question.sha256} was told`);
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

  const delivery: TestPartDelivery = {
    directory,
    path,
    bucket,
    reports,
    warned,
    get delivered() {
      return delivered;
    },
    get told() {
      return told;
    },
    whenAsked: undefined,
    endedPart: async (packets, change) => {
      const assignment = plainAssignment(delivered_capture_id, now(), { interfaces: ['eth0'], ...change.assignment });
      mkdirSync(dirname(path));
      const file = buildPcap([...packets]);
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
        packets: BigInt(packets.length),
        bytes: packets.reduce((sum, { data }) => sum + BigInt(data.length), 0n),
        dropped: 0n,
        stop_reason: 'time_limit',
        file_bytes,
        checksum,
        ...change.state,
      };
    },
    takeUp: async (state, limit_bytes = 1e9) => {
      const { spool, recovered } = await Spool.open(directory, limit_bytes);
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
          crash: (error) => {
            throw error;
          },
        },
        state.assignment,
        'eth0',
        await recoverPart(state, recovered[0]),
      );
      return { runner, spool };
    },
    deliver: async (state) => {
      const { runner } = await delivery.takeUp(state);
      await runner.settled;
    },
    packets: () => parsePcap(delivered ?? Buffer.alloc(0)).packets,
    close: () => {
      agents.close();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return delivery;
}
