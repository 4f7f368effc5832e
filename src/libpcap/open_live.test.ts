import { execFileSync, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { openFrameSender, replayFrames } from '../../test/support/replay_frames.ts';
import { createTunDevice } from '../../test/support/tun_device.ts';
import { FaultError } from '../model/errors/fault.ts';
import { BatchMemory } from './batch_memory.ts';
import { linktypeOf } from './linktype_of.ts';
import type { InterfaceRef, LiveHandle } from './live_handle.ts';
import { type LiveOptions, openLive } from './open_live.ts';
import { packetAddress } from './packet_address.ts';
import { accept, codes, encodeInstructions } from './program.ts';
import { Waiter } from './waiter.ts';

const all = encodeInstructions([accept(262_144)]);
/** EtherType 0x88b6 only. */
const experimental = encodeInstructions([
  { code: codes.load_half, jt: 0, jf: 0, k: 12 },
  { code: codes.jump_if_equal, jt: 0, jf: 1, k: 0x88b6 },
  accept(262_144),
  accept(0),
]);

function options(of: InterfaceRef, more: Partial<LiveOptions> = {}): LiveOptions {
  return {
    interface: { name: of.name, ifindex: of.ifindex },
    snaplen_bytes: 262_144,
    ring_bytes: 4 << 20,
    block_timeout_ms: 20,
    promiscuous: true,
    ...more,
  };
}

function faultName(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof FaultError) return error.faults[0].name;
    throw error;
  }
  return 'none';
}

/** Longer than so many frames take on any machine. */
const patience_ms = 60_000;

/** Numbers of the frames (bytes 14 to 17) that come, with their EtherTypes, until there are so many and for a while no others. */
function receive(handle: LiveHandle, wanted: number): { readonly type: number; readonly number: number }[] {
  const memory = new BatchMemory(handle, { fill_bytes: 8 << 20, snaplen_bytes: 2048 });
  const waiter = new Waiter();
  const until = performance.now() + patience_ms;
  let [packets, idle] = [0, 0];
  while (packets < wanted ? performance.now() < until : idle < 10) {
    const count = memory.append();
    expect(count).toBeGreaterThanOrEqual(0);
    packets += count;
    idle = count === 0 ? idle + 1 : 0;
    if (count === 0) waiter.wait(handle.descriptor, 10);
  }
  const found = [];
  for (let at = 0; at < memory.length; at += 16 + memory.view.getUint32(at + 8, true)) {
    found.push({ type: memory.view.getUint16(at + 16 + 12), number: memory.view.getUint32(at + 16 + 14) });
  }
  expect(found).toHaveLength(packets);
  memory.close();
  waiter.close();
  return found;
}

function frame(type: number, number: number, length = 60): Uint8Array {
  const bytes = Buffer.alloc(length);
  bytes.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
  bytes.writeUInt16BE(type, 12);
  bytes.writeUInt32BE(number, 14);
  return bytes;
}

let pair: NamespacePair;
beforeAll(async () => {
  pair = await createNamespacePair();
});
afterAll(() => pair.remove());

describe('an interface that is opened', () => {
  test('is deaf until the start, and then hears what its filter lets through', () => {
    const handle = openLive(options(pair.near));
    expect(handle.nanosecond).toBe(true);
    expect(linktypeOf(handle)).toBe(1);
    expect(packetAddress(handle.descriptor)).toEqual({ protocol: 0, ifindex: pair.near.ifindex });
    replayFrames(pair.far, [frame(0x88b5, 1), frame(0x88b6, 2), frame(0x0800, 3)]);
    handle.attachFilter(experimental);
    replayFrames(pair.far, [frame(0x88b6, 4)]);
    expect(handle.statistics()).toEqual({ accepted: 0n, dropped: 0n });
    handle.start();
    expect(packetAddress(handle.descriptor)).toEqual({ protocol: 3, ifindex: pair.near.ifindex });
    replayFrames(pair.far, [frame(0x88b5, 5), frame(0x88b6, 6), frame(0x88b6, 7)]);
    expect(receive(handle, 2)).toEqual([
      { type: 0x88b6, number: 6 },
      { type: 0x88b6, number: 7 },
    ]);
    expect(handle.statistics()).toEqual({ accepted: 2n, dropped: 0n });
    handle.rejectAll();
    replayFrames(pair.far, [frame(0x88b6, 8)]);
    expect(receive(handle, 0)).toEqual([]);
    expect(handle.gone()).toBe(false);
    handle.close();
    handle.close();
    expect(() => handle.pointer).toThrow('closed');
  });

  test('is not handed on to programs that this one starts', () => {
    const handle = openLive(options(pair.near));
    const { stdout } = spawnSync('readlink', [`/proc/self/fd/${handle.descriptor}`], { encoding: 'utf8' });
    expect(stdout).not.toContain('socket');
    handle.close();
  });

  test('is known by its number, whatever its name becomes', () => {
    const handle = openLive(options(pair.near));
    const name = `${pair.near.name}x`;
    const rename = (from: string, to: string): void => {
      execFileSync('ip', ['link', 'set', from, 'down']);
      execFileSync('ip', ['link', 'set', from, 'name', to]);
      execFileSync('ip', ['link', 'set', to, 'up']);
    };
    expect(handle.currentName()).toBe(pair.near.name);
    rename(pair.near.name, name);
    expect([handle.currentName(), handle.gone()]).toEqual([name, false]);
    rename(name, pair.near.name);
    handle.close();
  });

  test('hands every packet over at once where no timer is given', () => {
    const { block_timeout_ms: _timer, ...at_once } = options(pair.near, { snaplen_bytes: 160 });
    const handle = openLive(at_once);
    handle.attachFilter(encodeInstructions([accept(160)]));
    handle.start();
    const memory = new BatchMemory(handle, { fill_bytes: 1 << 20, snaplen_bytes: 160 });
    for (let number = 0; number < 3; number += 1) {
      replayFrames(pair.far, [frame(0x88b6, number, 1000)]);
      expect(memory.append()).toBe(1);
    }
    expect(handle.statistics()).toEqual({ accepted: 3n, dropped: 0n });
    memory.close();
    handle.close();
  });

  test('counts what finds no room', () => {
    const handle = openLive(options(pair.near, { ring_bytes: 1 << 19 }));
    handle.attachFilter(all);
    handle.start();
    const sent = openFrameSender(pair.far);
    sent.prepare(Array.from({ length: 1000 }, (_, index) => frame(0x88b6, index, 1000))).send(5);
    sent.close();
    const { accepted, dropped } = handle.statistics();
    expect(accepted).toBe(5000n);
    expect(dropped).toBeGreaterThan(3000n);
    expect(receive(handle, Number(accepted - dropped))).toHaveLength(Number(accepted - dropped));
    handle.close();
  });

  test('keeps no more of a packet than it was told', () => {
    const handle = openLive(options(pair.near, { snaplen_bytes: 100 }));
    handle.attachFilter(encodeInstructions([accept(100)]));
    handle.start();
    replayFrames(pair.far, [frame(0x88b6, 1, 1000)]);
    const memory = new BatchMemory(handle, { fill_bytes: 0, snaplen_bytes: 100 });
    const waiter = new Waiter();
    while (memory.append() === 0) waiter.wait(handle.descriptor, 100);
    expect([memory.length, memory.view.getUint32(8, true), memory.view.getUint32(12, true)]).toEqual([116, 100, 1000]);
    expect(new DataView(memory.fileHeader.buffer).getUint32(0, true)).toBe(0xa1b23c4d);
    waiter.close();
    memory.close();
    handle.close();
  });

  test('tells its link type as files have it', async () => {
    const tun = await createTunDevice();
    const ppp = await createTunDevice({ arphrd: 512 });
    for (const [of, linktype] of [
      [{ name: 'lo', ifindex: 1 }, 1],
      [tun, 101],
      [ppp, 113],
    ] as const) {
      const handle = openLive(options(of));
      expect(linktypeOf(handle)).toBe(linktype);
      handle.close();
    }
    tun.close();
    ppp.close();
  });

  test('is gone once it was removed', async () => {
    const tun = await createTunDevice();
    const handle = openLive(options(tun));
    handle.attachFilter(all);
    handle.start();
    expect([handle.gone(), handle.currentName()]).toEqual([false, tun.name]);
    tun.close();
    expect([handle.gone(), handle.currentName()]).toEqual([true, undefined]);
    handle.close();
  });
});

describe('an interface that cannot be opened', () => {
  test('because there is none, or another has its name', () => {
    expect(faultName(() => openLive(options({ name: 'et-nowhere', ifindex: 9 })))).toBe('interface_unknown');
    expect(faultName(() => openLive(options({ name: pair.near.name, ifindex: 1 })))).toBe('interface_unknown');
  });

  test('because the kernel does not take the filter', () => {
    const handle = openLive(options(pair.near));
    expect(faultName(() => handle.attachFilter(new Uint8Array(0)))).toBe('filter_attach_failed');
    expect(faultName(() => handle.attachFilter(all.fill(0xff, 0, 1)))).toBe('filter_attach_failed');
    all.fill(0x06, 0, 1);
    const long = encodeInstructions(Array.from({ length: 4097 }, () => accept(1)));
    expect(() => handle.attachFilter(long)).toThrow(
      `${pair.near.name}: invalid argument (EINVAL) for a program of 4097`,
    );
    handle.attachFilter(all);
    handle.close();
  });

  test('because the right is missing', () => {
    const without = ['--bounding-set=-net_raw', '--inh-caps=-net_raw'];
    expect(openInChild('setpriv', without, '')).toContain('capture_denied: This process may not capture packets');
  });

  test('because there are no descriptors left', () => {
    const useUp =
      "try { for (;;) fs.openSync('/dev/null', 'r'); } catch (error) { if (error.code !== 'EMFILE') throw error; }";
    expect(openInChild('prlimit', ['--nofile=64'], useUp)).toMatch(/^capture_open_failed: .*Too many open files/);
  });
});

/** Opens in a child process that a command restricts; returns how that failed. */
function openInChild(command: string, args: readonly string[], before: string): string {
  const binding = new URL('binding.ts', import.meta.url).pathname;
  const live = new URL('open_live.ts', import.meta.url).pathname;
  const script = `
    import fs from 'node:fs';
    import { loadLibpcap } from '${binding}';
    import { openLive } from '${live}';
    loadLibpcap();
    ${before}
    try { openLive(${JSON.stringify(options(pair.near))}); }
    catch (error) { fs.writeSync(1, error.faults[0].name + ': ' + error.message); }`;
  const node = [process.execPath, '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync(command, [...args, ...node], { encoding: 'utf8' });
  return stdout === '' ? stderr : stdout;
}
