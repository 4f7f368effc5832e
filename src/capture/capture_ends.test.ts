import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { parsePcap } from '../../test/support/packet_samples.ts';
import { linkUp } from '../../test/support/link_up.ts';
import { openFrameSender, replayFrames } from '../../test/support/replay_frames.ts';
import { createTunDevice } from '../../test/support/tun_device.ts';
import { waitFor } from '../../test/support/wait_for.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { createFilterCompiler } from '../libpcap/compiler_pool.ts';
import { FaultError } from '../model/errors/fault.ts';
import type { Part } from './part.ts';
import { PendingRing } from './pending_ring.ts';
import { CaptureThread } from './capture_thread.ts';
import { RunningPart } from './running_part.ts';
import { Spool } from './spool.ts';
import { acceptAll, endOf, interfaceNamed, pause, startEngine, startFlood, type TestEngine } from './test_engine.ts';
import { areContiguous, numberedFrames } from './test_numbered_frames.ts';

async function faultOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'none',
    (error: unknown) => (error instanceof FaultError ? error.faults[0].name : String(error)),
  );
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args);
}

describe.skipIf(withoutRoot('capturing'))('a capture ends', () => {
  let pair: NamespacePair;
  let tested: TestEngine;
  let near: string;
  beforeAll(async () => {
    pair = await createNamespacePair();
    near = pair.near.name;
    tested = await startEngine();
  });
  afterAll(async () => {
    await tested.close();
    await pair.remove();
  });

  test('by a stop, though nothing comes', async () => {
    for (let round = 0; round < 3; round += 1) {
      const part = await tested.arm(near);
      await pause(250);
      part.stop('stopped');
      part.stop('shutdown');
      const { end } = await endOf(part);
      expect(end).toMatchObject({ stop_reason: 'stopped', packets: 0n, bytes: 0n, accepted: 0n, file_bytes: 24 });
      expect(end).not.toHaveProperty('first_time');
      expect(end).not.toHaveProperty('error');
      // Over is over: this must not reach the next capture of the same worker.
      part.stop('shutdown');
      part.setDeadline(0);
    }
  });

  test('when its time is over, though nothing comes', async () => {
    const began = performance.now();
    const part = await tested.arm(near, { time_limit_ms: 400 });
    await part.ended;
    expect(performance.now() - began).toBeGreaterThanOrEqual(399);
    expect((await part.ended).stop_reason).toBe('time_limit');
  });

  test('at a deadline that was moved, to an earlier or a later time', async () => {
    const part = await tested.arm(near, { time_limit_ms: 3_600_000 });
    const set = performance.now();
    part.setDeadline(100);
    expect((await part.ended).stop_reason).toBe('time_limit');
    expect(performance.now() - set).toBeGreaterThanOrEqual(99);
    // So long that it is set before it has ended.
    const later = await tested.arm(near, { time_limit_ms: 5000 });
    const moved = performance.now();
    later.setDeadline(5500);
    expect((await later.ended).stop_reason).toBe('time_limit');
    expect(performance.now() - moved).toBeGreaterThanOrEqual(5499);
  });

  test('by a stop under load, with all that came before', async () => {
    const flood = await startFlood(pair, 100);
    const part = await tested.arm(near);
    await pause(200);
    part.stop('stopped');
    const { end, packets } = await endOf(part);
    await flood.stop();
    expect([end.stop_reason, end.unread, end.beyond_limit]).toEqual(['stopped', 0n, 0n]);
    expect(end.dropped > 0n || areContiguous(packets.map(({ data }) => data))).toBe(true);
  });

  test('for its worker, with what is in the file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'edgetap-worker-'));
    const { spool } = await Spool.open(directory, 1e9);
    const worker = await CaptureThread.start(spool.budget);
    const taken = { seat: worker.seat(), grant: { ring_bytes: 1 << 20, memories: 2 } };
    let released = 0;
    const capture_id = 'c'.repeat(32);
    const of = interfaceNamed(near);
    const request = { capture_id, part: near, interface: of, program: acceptAll(1), snaplen_bytes: 9000 };
    const file = await spool.create(capture_id, near);
    const pool = { acquire: async () => taken, returning: () => undefined, release: () => (released += 1) };
    const order = { interface: of, snaplen_bytes: 9000, block_timeout_ms: 20, promiscuous: true };
    const ring = new PendingRing(pool, order, { most_bytes: 1 << 20, share: 1 });
    const part = new RunningPart({ ...request, time_limit_ms: 60_000 }, file, await ring.take(), pool);
    await part.arm();
    replayFrames(pair.far, numberedFrames(100).slice(0, 7));
    await waitFor(() => part.progress().packets === 7n, { what: 'all are written' });
    await worker.end();
    const end = await part.ended;
    expect(end).toMatchObject({ stop_reason: 'error', packets: 7n, file_bytes: 24 + 7 * 116 });
    expect(end.error?.name).toBe('capture_worker_failed');
    expect(parsePcap(readFileSync(part.path)).packets).toHaveLength(7);
    expect([released, worker.dead]).toEqual([1, true]);
    rmSync(directory, { recursive: true });
  });

  test('when its engine is closed, like all the others', async () => {
    const engine = await startEngine();
    const parts = [await engine.arm(near), await engine.arm(near), await engine.arm('lo')];
    await engine.close();
    for (const part of parts) expect((await part.ended).stop_reason).toBe('shutdown');
    expect(await faultOf(engine.arm(near, { program: acceptAll(1) }))).toBe('capture_ended');
  });

  describe('before it has begun', () => {
    test('where no memory is left for another ring', async () => {
      const engine = await startEngine({ memory_bytes: 18 << 20 });
      expect(engine.engine.rings_max).toBe(2);
      const parts = [await engine.arm(near), await engine.arm(near)];
      expect(await faultOf(engine.arm(near))).toBe('workers_exhausted');
      parts[0]?.stop('stopped');
      await parts[0]?.ended;
      // The kernel still takes its ring back: that is waited for.
      parts.push(await engine.arm(near));
      expect(await faultOf(engine.arm(near))).toBe('workers_exhausted');
      await engine.close();
    });

    test('where the interface is not what it was', async () => {
      const gone = { ...interfaceNamed(near), name: 'et-nowhere', ifindex: 999_999 };
      expect(await faultOf(tested.engine.probeLinktype(gone))).toBe('interface_unknown');
      expect(await faultOf(tested.arm(near, { interface: gone }))).toBe('interface_unknown');
      expect(await faultOf(tested.arm(near, { program: acceptAll(101) }))).toBe('interface_changed');
    });

    test('where the kernel refuses the filter; nothing is left of it', async () => {
      const used = tested.spool.budget.used_bytes;
      const program = { linktype: 1, instructions: Uint8Array.of(0xff, 0xff, 0, 0, 0, 0, 0, 0) };
      const capture_id = 'd'.repeat(32);
      expect(await faultOf(tested.arm(near, { program, capture_id }))).toBe('filter_attach_failed');
      expect(tested.spool.budget.used_bytes).toBe(used);
      const part = await tested.arm(near, { capture_id });
      part.stop('stopped');
      await part.ended;
    });

    test('where the spool is full, or has such a part already', async () => {
      const full = await startEngine({ limit_bytes: 10 });
      expect(await faultOf(full.arm(near))).toBe('spool_full');
      await full.close();
      const part = await tested.arm(near, { capture_id: 'e'.repeat(32) });
      expect(await faultOf(tested.arm(near, { capture_id: 'e'.repeat(32) }))).toBe('spool_write_failed');
      part.stop('stopped');
      await part.ended;
    });
  });
});

describe.skipIf(withoutRoot('capturing'))('interfaces of other kinds', () => {
  let tested: TestEngine;
  beforeAll(async () => {
    tested = await startEngine();
  });
  afterAll(() => tested.close());

  test('loopback: every packet once', async () => {
    const receiver = createSocket('udp4');
    await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve));
    const { port } = receiver.address();
    const compiler = createFilterCompiler();
    const expression = `udp dst port ${port}`;
    const filter = { expression_text: expression, any_tags_text: expression, own_tags_text: '' };
    const compiled = await compiler.compile({ filter, linktype: 1, live: true });
    await compiler.close();
    if (!compiled.ok || compiled.value.kind !== 'program') throw new Error('the filter does not compile');
    const part = await tested.arm('lo', { program: compiled.value.program });
    const sender = createSocket('udp4');
    for (let index = 0; index < 50; index += 1) {
      await new Promise((resolve) => sender.send(`number ${index}`, port, '127.0.0.1', resolve));
    }
    part.stop('stopped');
    const { end, packets } = await endOf(part);
    expect(packets.map(({ data }) => Buffer.from(data.subarray(42)).toString())).toEqual(
      Array.from({ length: 50 }, (_, index) => `number ${index}`),
    );
    expect(end.accepted).toBe(50n);
    sender.close();
    receiver.close();
  });

  test.each([
    ['raw IP', 101, 65534, 0],
    ['cooked', 113, 512, 16],
  ])('%s', async (_, linktype, arphrd, header_bytes) => {
    const tun = await createTunDevice({ arphrd });
    const of = interfaceNamed(tun.name);
    expect(await tested.engine.probeLinktype(of)).toBe(linktype);
    const compiler = createFilterCompiler();
    const filter = { expression_text: 'udp port 53', any_tags_text: 'udp port 53', own_tags_text: '' };
    const compiled = await compiler.compile({ filter, linktype, live: true });
    await compiler.close();
    if (!compiled.ok || compiled.value.kind !== 'program') throw new Error('the filter does not compile');
    const [every, some] = [await tested.arm(tun.name), await tested.arm(tun.name, { program: compiled.value.program })];
    const datagrams = [53, 54, 53].map((port) => {
      const datagram = Buffer.from(
        `4500001d1234000040110000c6336401c6336402303900${port.toString(16)}000900006100`,
        'hex',
      );
      return datagram.subarray(0, 29);
    });
    for (const datagram of datagrams) tun.write(datagram);
    every.stop('stopped');
    some.stop('stopped');
    const seen = async (part: Part): Promise<string[]> =>
      (await endOf(part)).packets.map(({ data }) => Buffer.from(data.subarray(header_bytes)).toString('hex'));
    const sent = datagrams.map((datagram) => datagram.toString('hex'));
    expect(await seen(every)).toEqual(sent);
    expect(await seen(some)).toEqual([sent[0], sent[2]]);
    expect([every.linktype, some.linktype]).toEqual([linktype, linktype]);
    tun.close();
  });
});

describe.skipIf(withoutRoot('capturing'))('an interface that changes', () => {
  let tested: TestEngine;
  let pair: NamespacePair;
  beforeAll(async () => {
    tested = await startEngine();
    pair = await createNamespacePair();
  });
  afterAll(async () => {
    await tested.close();
    await pair.remove();
  });

  /** The engine looks at the interfaces whenever it arms one. */
  async function looked(): Promise<void> {
    const part = await tested.arm('lo');
    part.stop('stopped');
    await part.ended;
  }

  test('is captured on while it goes down and up, and when it has another name', async () => {
    const frames = numberedFrames(100);
    const near = pair.near.name;
    const renamed = `${near}x`;
    const part = await tested.arm(near);
    replayFrames(pair.far, frames.slice(0, 10));
    ip('link', 'set', near, 'down');
    await looked();
    ip('link', 'set', near, 'name', renamed);
    await looked();
    await linkUp(pair, renamed);
    await looked();
    replayFrames(pair.far, frames.slice(10, 20));
    await waitFor(() => part.progress().packets === 20n, { what: 'all 20 are there' });
    part.stop('stopped');
    const { end, packets } = await endOf(part);
    expect(packets.map(({ data }) => data.length)).toEqual(Array.from({ length: 20 }, () => 100));
    expect(areContiguous(packets.map(({ data }) => data))).toBe(true);
    const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z /;
    expect(end.notes.map((note) => note.replace(stamp, ''))).toEqual([
      `${near} went down`,
      `${near} was renamed to ${renamed}`,
      `${renamed} came up`,
    ]);
    expect(end).toMatchObject({ stop_reason: 'stopped', interface_dropped: 0n });
    ip('link', 'set', renamed, 'down');
    ip('link', 'set', renamed, 'name', near);
    await linkUp(pair, near);
  });

  test('keeps to its device when another gets its name, and says that it lacks that one', async () => {
    const [old, fresh] = [await createNamespacePair(), await createNamespacePair()];
    const { name } = old.near;
    const part = await tested.arm(name);
    replayFrames(old.far, numberedFrames(100).slice(0, 10));
    for (const [from, to] of [
      [name, `${name}x`],
      [fresh.near.name, name],
    ] as const) {
      ip('link', 'set', from, 'down');
      ip('link', 'set', from, 'name', to);
    }
    await linkUp(old, `${name}x`);
    await linkUp(fresh, name);
    replayFrames(fresh.far, numberedFrames(200).slice(0, 10));
    replayFrames(old.far, numberedFrames(100).slice(10, 20));
    await waitFor(() => part.progress().packets === 20n, { what: 'all 20 are there' });
    await looked();
    part.stop('stopped');
    const { end, packets } = await endOf(part);
    expect(packets.map(({ data }) => data.length)).toEqual(Array.from({ length: 20 }, () => 100));
    expect(end.notes.join()).toContain(`${name} was renamed to ${name}x`);
    expect(end.missing?.join()).toContain(`another interface got the name ${name}`);
    ip('link', 'del', `${name}x`);
    ip('link', 'del', name);
    await old.remove();
    await fresh.remove();
  });

  test('can be armed while it is down', async () => {
    const near = pair.near.name;
    ip('link', 'set', near, 'down');
    const part = await tested.arm(near);
    await linkUp(pair, near);
    replayFrames(pair.far, numberedFrames(100).slice(0, 3));
    part.stop('stopped');
    expect((await endOf(part)).packets).toHaveLength(3);
  });

  test('ends the capture when it is removed, with all that came', async () => {
    const removed = await createNamespacePair();
    const [idle, busy] = [await tested.arm(removed.near.name), await tested.arm(removed.near.name)];
    const sender = openFrameSender(removed.far);
    sender.prepare(numberedFrames(100)).send(20);
    sender.close();
    ip('link', 'del', removed.near.name);
    for (const part of [idle, busy]) {
      const { end, packets } = await endOf(part);
      expect([end.stop_reason, packets.length, end.dropped]).toEqual(['interface_removed', 20 * 1024, 0n]);
      expect(areContiguous(packets.map(({ data }) => data))).toBe(true);
      expect(end.error?.name).toBe('interface_removed');
    }
    await removed.remove();
  });
});
