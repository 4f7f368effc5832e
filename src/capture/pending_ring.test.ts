import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { FaultError } from '../model/errors/fault.ts';
import { type OpenOrder, PendingRing } from './pending_ring.ts';
import { CaptureThread } from './capture_thread.ts';
import { SpoolBudget } from './spool_budget.ts';
import { acceptAll, endOf, interfaceNamed, pause, startEngine, type TestEngine } from './test_engine.ts';
import { numberedFrames } from './test_numbered_frames.ts';

/** Packet sockets that this process has open (proc(5)); other suites have theirs in the same namespace. */
function packetSockets(): number {
  const own = new Set(readdirSync('/proc/self/fd').map(linkOf));
  const [, ...lines] = readFileSync('/proc/self/net/packet', 'latin1').trim().split('\n');
  return lines.filter((line) => own.has(`socket:[${line.trim().split(/ +/).at(-1)}]`)).length;
}

/** What a descriptor is of; the one that lists them is gone by then. */
function linkOf(descriptor: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return 'gone';
  }
}

async function faultOf(failing: Promise<unknown>): Promise<string> {
  const error = await failing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof FaultError ? error.faults[0].name : String(error);
}

describe.skipIf(withoutRoot('capturing'))('a ring that is opened ahead', () => {
  let pair: NamespacePair;
  let tested: TestEngine;
  let sockets = 0;
  beforeAll(async () => {
    pair = await createNamespacePair();
  });
  afterAll(() => pair.remove());
  beforeEach(async () => {
    tested = await startEngine({ workers_max: 1, workers_warm: 1, ring_bytes: 8 << 20, memory_bytes: 9 << 20 });
    sockets = packetSockets();
  });
  afterEach(() => tested.close());

  const order = (capture_id: string) => ({
    capture_id,
    part: pair.near.name,
    program: acceptAll(1),
    time_limit_ms: 3_600_000,
  });
  const nothingHeld = async (): Promise<boolean> =>
    await waitFor(() => packetSockets() === sockets, { what: 'all sockets to be closed' });

  test('hears nothing before it is armed, and everything after', async () => {
    const ring = tested.engine.open(interfaceNamed(pair.near.name), 262_144);
    expect(await ring.linktype()).toBe(1);
    const frames = numberedFrames(100);
    replayFrames(pair.far, frames.slice(0, 5));
    await pause(50);
    const part = await ring.arm(order('1'.repeat(32)));
    replayFrames(pair.far, frames.slice(5, 8));
    await waitFor(() => part.progress().packets >= 3n, { what: 'what came after' });
    part.stop('stopped');
    const { end, packets } = await endOf(part);
    expect([end.accepted, end.packets]).toEqual([3n, 3n]);
    expect(packets.map(({ data }) => Buffer.from(data))).toEqual(frames.slice(5, 8).map((one) => Buffer.from(one)));
    // It was armed: there is nothing to give up.
    ring.giveUp();
    await nothingHeld();
  });

  test.each([0, 1, 5, 15, 60])('given up after %i ms, it is closed and its worker is there again', async (wait_ms) => {
    const of = interfaceNamed(pair.near.name);
    const ring = tested.engine.open(of, 262_144);
    if (wait_ms > 0) await pause(wait_ms);
    ring.giveUp();
    ring.giveUp();
    await expect(ring.arm(order('2'.repeat(32)))).rejects.toThrow('given up');
    // The one worker: it is waited for, not refused.
    const next = tested.engine.open(of, 262_144);
    expect(await next.linktype()).toBe(1);
    const part = await next.arm(order('3'.repeat(32)));
    part.stop('stopped');
    await part.ended;
    await nothingHeld();
    expect(tested.spool.budget.used_bytes).toBeLessThanOrEqual(24);
  });

  test('of an interface that is not there is a fault, and the worker is there again', async () => {
    const of = { ...interfaceNamed(pair.near.name), name: 'et-nowhere', ifindex: 999_999 };
    const ring = tested.engine.open(of, 262_144);
    expect(await faultOf(ring.linktype())).toBe('interface_unknown');
    expect(await faultOf(ring.arm(order('4'.repeat(32))))).toBe('interface_unknown');
    ring.giveUp();
    const part = await tested.arm(pair.near.name);
    part.stop('stopped');
    await part.ended;
  });

  test('where the file cannot be made, it is closed', async () => {
    const first = await tested.arm(pair.near.name, { capture_id: '5'.repeat(32) });
    first.stop('stopped');
    await first.ended;
    const ring = tested.engine.open(interfaceNamed(pair.near.name), 262_144);
    expect(await faultOf(ring.arm(order('5'.repeat(32))))).toBe('spool_write_failed');
    await nothingHeld();
  });

  test('is closed with its engine, and none is opened after', async () => {
    const of = interfaceNamed(pair.near.name);
    const ring = tested.engine.open(of, 262_144);
    await ring.linktype();
    expect(packetSockets()).toBe(sockets + 1);
    await tested.engine.close('shutdown');
    expect(await faultOf(ring.arm(order('6'.repeat(32))))).toBe('capture_ended');
    expect(() => tested.engine.open(of, 262_144)).toThrow(FaultError);
    await nothingHeld();
  });

  test('whose worker dies says so to whoever takes it, and gives it back once', async () => {
    const worker = await CaptureThread.start(new SpoolBudget(1e9));
    let released = 0;
    const taken = { seat: worker.seat(), grant: { ring_bytes: 1 << 20, memories: 2 } };
    const pool = { acquire: async () => taken, returning: () => undefined, release: () => (released += 1) };
    const order: OpenOrder = {
      interface: interfaceNamed(pair.near.name),
      snaplen_bytes: 9000,
      block_timeout_ms: 20,
      promiscuous: true,
    };
    const ring = new PendingRing(pool, order, { most_bytes: 1 << 20, share: 1 });
    expect(await ring.linktype()).toBe(1);
    await worker.end();
    expect(await faultOf(ring.take())).toBe('capture_worker_failed');
    await expect(ring.take()).rejects.toThrow('taken');
    ring.giveUp();
    expect(released).toBe(1);
  });
});
