import { allArmed, sensorsOf } from '../end_to_end/shown_sensors.ts';
import { type FrameLedger, openFrameLedger } from '../support/frame_ledger.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { numberOf } from '../support/numbered_traffic.ts';
import { parsePcap, type SamplePacket } from '../support/packet_samples.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  type ShownCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { formatTime, parseTime } from '../../src/model/time.ts';
import { type Asked, type Judgement, judgeAccount } from './judge_account.ts';

/** An interface of the machine, and what sends on its other end. */
export interface ChaosPort {
  readonly pair: NamespacePair;
  readonly ledger: FrameLedger;
}

/** A running edgetap on interfaces where numbered frames are sent all the time, each known with its time. */
export interface ChaosMachine {
  readonly served: Served;
  readonly ports: readonly ChaosPort[];
  /** Begins a full capture of all interfaces and waits until each captures. */
  begin(body?: Readonly<Record<string, unknown>>): Promise<RunningCapture>;
  /** Ends it, and holds each interface's packets against what was sent while it surely ran. */
  finish(running: RunningCapture, limit_ms?: number): Promise<Verdict>;
  /** Asks for the samples of a stretch of time, and holds them against what was sent in it. */
  lookBack(asked: Asked): Promise<Verdict>;
  end(): Promise<void>;
}

/** A full capture under way. */
export interface RunningCapture {
  readonly id: string;
  /** When each interface surely captured. */
  readonly since: bigint;
}

/** What was asked for, how it ended, and what is wrong with it. */
export interface Verdict {
  readonly capture: ShownCapture;
  readonly status: string;
  readonly ports: readonly Judgement[];
  /** Every fault, with the interface; empty where the result is true. */
  readonly faults: readonly string[];
  readonly missing: number;
}

const frames_per_s = 500;
/** The numbers of one interface's frames begin at a multiple of it. */
const series_size = 1_000_000_000;
/** The most that a look-back gives. */
const packets_max = 10_000;

/** Now, in Unix nanoseconds, of a clock that counts milliseconds. */
export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** Starts edgetap on so many cables, each with 500 frames a second of so many bytes. Every packet is sampled. */
export async function startChaosMachine(options: {
  readonly interfaces: number;
  readonly frame_bytes: number;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<ChaosMachine> {
  const ports: ChaosPort[] = [];
  const removals: (() => Promise<void>)[] = [];
  const end = async (): Promise<void> => {
    for (const remove of removals.toReversed()) await remove();
  };
  try {
    for (let count = 0; count < options.interfaces; count += 1) {
      const pair = await createNamespacePair();
      removals.push(async () => await pair.remove());
      const ledger = await openFrameLedger(pair.far, {
        frames_per_s,
        frame_bytes: options.frame_bytes,
        first: count * series_size,
      });
      removals.push(async () => await ledger.stop());
      ports.push({ pair, ledger });
    }
    const served = await startServe({
      interfaces: ports.map(({ pair }) => pair.near.name),
      env: { EDGETAP_SAMPLE_RATE: '1', ...options.env },
    });
    removals.push(async () => await served.remove());
    return { ...trialsOf(served, ports, await provedFileBucket(served)), served, ports, end };
  } catch (error) {
    await end();
    throw error;
  }
}

function trialsOf(
  served: Served,
  ports: readonly ChaosPort[],
  destination_conf: string,
): Pick<ChaosMachine, 'begin' | 'finish' | 'lookBack'> {
  const judge = async (capture: ShownCapture, asked: Asked, file: Buffer | undefined): Promise<Verdict> => {
    const packets = file === undefined ? [] : parsePcap(file).packets;
    const judged = await Promise.all(
      ports.map((port, index) => judgePort(capture, asked, port, ofSeries(packets, index))),
    );
    return {
      capture,
      status: capture.status,
      ports: judged,
      faults: judged.flatMap(({ faults }, index) => faults.map((fault) => `${ports[index]?.pair.near.name}: ${fault}`)),
      missing: judged.reduce((sum, one) => sum + one.missing, 0),
    };
  };
  return {
    begin: async (body = {}) => {
      const full = { type: 'full', time_limit: 600, colo_name: 'lab01', destination_conf };
      const { id } = await createCapture(served, { ...full, ...body });
      await allArmed(served, id);
      return { id, since: nowNs() };
    },
    finish: async ({ id, since }, limit_ms = 240_000) => {
      const until = nowNs();
      await stopCapture(served, id);
      const capture = await captureBecomes(served, id, undefined, limit_ms);
      const file = capture.status === 'failed' ? undefined : deliveredFile(destination_conf, id);
      return await judge(capture, { from: since, to: until }, file);
    },
    lookBack: async ({ from, to }) => {
      const time_limit = Number((to - from) / 1_000_000_000n);
      const body = { type: 'simple', time_limit, packet_limit: packets_max, offset_time: formatTime(to) };
      const { id } = await createCapture(served, body);
      const capture = await captureBecomes(served, id);
      const file = capture.status === 'failed' ? undefined : await downloadFile(served, id);
      // Of what its limit has kept out, a result says how far it reaches back.
      const oldest = capture['truncated'] === true ? parseTime(String(capture['oldest_packet'])) : undefined;
      return await judge(capture, { from: oldest ?? from, to }, file);
    },
  };
}

function ofSeries(packets: readonly SamplePacket[], index: number): readonly SamplePacket[] {
  return packets.filter(({ data }) => Math.floor(numberOf(data) / series_size) === index);
}

async function judgePort(
  capture: ShownCapture,
  asked: Asked,
  { pair, ledger }: ChaosPort,
  own: readonly SamplePacket[],
): Promise<Judgement> {
  const part = sensorsOf(capture).find((one) => one.interface === pair.near.name);
  const message = capture['error_message'];
  // A full capture may have begun before it was surely running, and ended after it was told to.
  const inTime = capture['type'] === 'full' ? own.filter(({ time }) => time > asked.from && time <= asked.to) : own;
  return judgeAccount(asked, await ledger.sent(), inTime, {
    status: capture.status,
    ...(typeof message === 'string' ? { error_message: message } : {}),
    ...(part?.dropped === undefined ? {} : { dropped: part.dropped }),
    ...(part?.stop_reason === undefined ? {} : { stop_reason: part.stop_reason }),
    text: [part?.coverage, part?.error, part?.missing].filter((text) => text !== undefined).join('; '),
  });
}
