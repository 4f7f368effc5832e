import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { anywhere } from '../model/endpoint_policy.ts';
import { type Fault, raise } from '../model/errors/fault.ts';
import type { TimeNs } from '../model/time.ts';
import { guardedAgents } from '../net/guarded_agent.ts';
import type { ControlReply } from '../wire/sensor_messages.ts';
import type { AskControl, Question } from './ask_control.ts';
import { createPartSender } from './part_sender.ts';
import type { PartShipment } from './send_part.ts';
import { plainAssignment } from './test_assignment.ts';

const capture_id = 'c'.repeat(32);
const start: TimeNs = 1_800_000_000_000_000_000n;
const content = Buffer.from('a part of two pieces');
const agents = guardedAgents({ policy: anywhere });
const assignment = plainAssignment(capture_id, start, { piece_bytes: 12 });

let server: Server;
let origin: string;
let directory: string;
let arrived: string[];

beforeAll(async () => {
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request);
    arrived.push(body.toString());
    response.writeHead(200, { etag: `"${createHash('md5').update(body).digest('hex')}"` }).end();
  };
  server = createServer((request, response) => void take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  agents.close();
  server.close();
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'edgetap-send-'));
  await writeFile(join(directory, 'eth0.pcap'), content);
  arrived = [];
});
afterEach(async () => await rm(directory, { recursive: true }));

/** Sends the part to a bucket that takes everything, by a control that answers `uploaded` as it likes. */
function sending(uploaded: () => ControlReply): {
  send: () => Promise<void>;
  /** What was asked, told and tried, in order. */
  said: string[];
  orders: Extract<Question, { kind: 'uploaded' }>[];
  slept: number[];
  given_up: AbortController;
} {
  const said: string[] = [];
  const slept: number[] = [];
  const orders: Extract<Question, { kind: 'uploaded' }>[] = [];
  const given_up = new AbortController();
  let now = start;
  const control = (question: Question): ControlReply => {
    said.push(question.kind);
    if (question.kind === 'uploaded') {
      orders.push(question);
      return uploaded();
    }
    const expires_at = now + 900_000_000_000n;
    return { kind: 'signed', url: `${origin}/piece`, headers: {}, expires_at, own: true };
  };
  const ask: AskControl = async (question, kind) => {
    const reply = control(question);
    // What was asked for is what came.
    if (reply.kind === kind) return reply as Extract<ControlReply, { kind: typeof kind }>;
    return raise('request_malformed', { reason: reply.kind });
  };
  const sender = createPartSender({
    ask,
    agentsFor: () => agents,
    clock: {
      now: () => now,
      monotonic: () => now,
      sleep: async (ms) => {
        slept.push(ms);
        now += BigInt(Math.round(ms)) * 1_000_000n;
      },
    },
    random: () => 0.5,
  });
  const shipment: PartShipment = {
    assignment,
    interface: 'eth0',
    attempt: 3,
    path: join(directory, 'eth0.pcap'),
    journal_path: join(directory, 'eth0.journal'),
    deliverUntil: () => assignment.deliver_before,
    growing: undefined,
    told: async () => void said.push('told'),
    trouble: (fault: Fault | undefined) => void said.push(fault?.name ?? 'well'),
    signal: given_up.signal,
  };
  return { send: async () => await sender.send(shipment), said, orders, slept, given_up };
}

describe('the sender of parts', () => {
  test('brings the pieces to their place, tells that the part has ended, and then has them put together', async () => {
    const { send, said, orders } = sending(() => ({ kind: 'uploaded_ok' }));
    await send();
    expect(arrived.toSorted()).toEqual(['a part of tw', 'o pieces']);
    expect(said.filter((one) => one !== 'well')).toEqual(['sign', 'sign', 'told', 'uploaded']);
    expect(orders).toHaveLength(1);
    expect(orders[0]).toMatchObject({ capture_id, interface: 'eth0', attempt: 3, size_bytes: BigInt(content.length) });
    expect(orders[0]?.sha256).toBe(createHash('sha256').update(content).digest('hex'));
    expect(orders[0]?.pieces.map(({ number }) => number)).toEqual([1, 2]);
  });

  test('what control could not do is told, and asked again after growing pauses; nothing is sent twice', async () => {
    let failures = 3;
    const { send, said, slept } = sending(() => {
      failures -= 1;
      return failures < 0 ? { kind: 'uploaded_ok' } : raise('bus_timeout', { peer: 'control', limit_ms: 5000 });
    });
    await send();
    const failed = ['told', 'uploaded', 'bus_timeout'];
    const order = said.filter((one) => one !== 'well' && one !== 'sign');
    expect(order).toEqual([...failed, ...failed, ...failed, 'told', 'uploaded']);
    expect(said.at(-1)).toBe('well');
    expect(slept).toHaveLength(3);
    expect(slept).toEqual(slept.toSorted((one, other) => one - other));
    expect(arrived).toHaveLength(2);
  });

  test('what a new try from the first byte is needed for is not tried again', async () => {
    const { send, slept } = sending(() => raise('bucket_checksum', { destination: 'file:///there' }));
    await expect(send()).rejects.toMatchObject({ faults: [{ name: 'bucket_checksum' }] });
    expect(slept).toEqual([]);
  });

  test("gives up after the capture's own time, with what stood in its way", async () => {
    const { send } = sending(() => raise('bus_closed', { peer: 'control' }));
    await expect(send()).rejects.toMatchObject({
      faults: [{ name: 'upload_expired', message: expect.stringContaining('The bus to control is closed') }],
    });
  });

  test('gives up when it is told to', async () => {
    const { send, given_up } = sending(() => {
      given_up.abort(new Error('no longer wanted'));
      return raise('bus_closed', { peer: 'control' });
    });
    await expect(send()).rejects.toThrow('no longer wanted');
  });

  test('a part that is not there any more is said to be lost', async () => {
    const { send } = sending(() => ({ kind: 'uploaded_ok' }));
    await rm(join(directory, 'eth0.pcap'));
    await expect(send()).rejects.toMatchObject({ faults: [{ name: 'part_file_lost' }] });
  });
});
