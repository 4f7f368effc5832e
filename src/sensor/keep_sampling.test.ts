import { beforeEach, expect, test } from 'vitest';
import { FaultError, fault, raise } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import type { SampleStoreStatus } from '../samples/sample_store.ts';
import { keepSampling, type SamplingKeeper } from './keep_sampling.ts';

/** What is sampled, by name, and what was done to it, in order. */
let sampled: Set<string>;
let done: string[];
let present: string[];
let awaited: string[];
let refused: string[];
let warned: string[];
let keeper: SamplingKeeper;

const sampling = { rate: 1, phase: 'sampling', packets: 0n, accepted: 0n, dropped: 0n, lost: 0n } as const;
/** One that has only old samples is not sampled. */
const status = (): SampleStoreStatus => ({
  segments: 0,
  unindexed: 0,
  bytes: 0,
  interfaces: [
    { interface: 'old0', bytes: 5 },
    ...[...sampled].map((name) => ({ interface: name, bytes: 1, sampling: { interface: name, ...sampling } })),
  ],
});

beforeEach(() => {
  [sampled, done, present, awaited, refused, warned] = [new Set(), [], [], [], [], []];
  keeper = keepSampling({
    samples: {
      status,
      startSampling: async (what) => {
        done.push(`start ${what.interface} ${what.rate}`);
        if (refused.includes(what.interface)) throw new FaultError([fault('capture_denied', { hint: 'setcap' })]);
        sampled.add(what.interface);
      },
      stopSampling: async (name) => {
        done.push(`stop ${name}`);
        sampled.delete(name);
      },
    },
    rate: 4,
    present: () => present,
    awaited: () => awaited,
    isAwaited: (name) => awaited.includes(name),
    warn: ({ name }, context) => void warned.push(`${context}: ${name}`),
  });
});

async function look(times = 1): Promise<string[]> {
  for (let count = 0; count < times; count += 1) await keeper.look();
  return done.splice(0);
}

test('what comes is sampled, once', async () => {
  present = ['eth0', 'eth1'];
  expect(await look(3)).toEqual(['start eth0 4', 'start eth1 4']);
  present.push('eth2');
  expect(await look(2)).toEqual(['start eth2 4']);
  expect(warned).toEqual([]);
});

test('what goes away is given up after a minute of looks, unless it comes back or is awaited', async () => {
  present = ['eth0', 'veth1', 'veth2', 'usb0'];
  awaited = ['usb0'];
  await look();
  present = ['eth0'];
  expect(await look(60)).toEqual([]);
  present = ['eth0', 'veth2'];
  expect(await look()).toEqual(['stop veth1']);
  present = ['eth0'];
  expect(await look(60)).toEqual([]);
  expect(await look()).toEqual(['stop veth2']);
  expect(await look(100)).toEqual([]);
  expect([...sampled]).toEqual(['eth0', 'usb0']);
  present = ['eth0', 'veth1'];
  expect(await look()).toEqual(['start veth1 4']);
});

test('what cannot be sampled is tried again, and told once', async () => {
  present = ['eth0', 'eth1'];
  refused = ['eth1'];
  expect(await look(2)).toEqual(['start eth0 4', 'start eth1 4', 'start eth1 4']);
  expect(warned).toEqual(['sampling eth1: capture_denied']);
  expect([...keeper.warnings]).toEqual([fault('capture_denied', { hint: 'setcap' }).message]);
  refused = [];
  await look();
  expect(sampled.has('eth1')).toBe(true);
});

test('of more than can be served the first are sampled, and it is told; the others follow when there is room', async () => {
  present = Array.from({ length: limits.interfaces_max + 2 }, (_, index) => `veth${index}`);
  expect(await look(2)).toHaveLength(limits.interfaces_max);
  expect(warned).toEqual(['sampling: interfaces_too_many']);
  expect([...keeper.warnings].join(' ')).toContain(`More than ${limits.interfaces_max} interfaces`);
  present = present.slice(1);
  expect(await look(60)).toEqual([]);
  expect(await look()).toEqual(['stop veth0', `start veth${limits.interfaces_max} 4`]);
  expect(sampled.size).toBe(limits.interfaces_max);
});

test('a defect is thrown on', async () => {
  present = ['eth0'];
  const broken = keepSampling({
    samples: {
      status,
      stopSampling: async () => undefined,
      startSampling: async () => {
        throw new TypeError('a defect');
      },
    },
    rate: undefined,
    present: () => present,
    awaited: () => [],
    isAwaited: () => false,
    warn: () => undefined,
  });
  await expect(broken.look()).rejects.toThrow('a defect');
});

test('what is not sampled is known with its reason, until it is: away, or refused', async () => {
  present = ['eth0'];
  awaited = ['eth0', 'nosuch0'];
  await look();
  expect([...keeper.unsampled].map(([name, { name: why, message }]) => [name, why, message])).toEqual([
    ['nosuch0', 'interface_unknown', expect.stringMatching(/^There is no interface nosuch0 on this host now: /)],
  ]);
  present.push('nosuch0');
  refused = ['nosuch0'];
  await look();
  expect([...keeper.unsampled].map(([name, fault]) => [name, fault.name])).toEqual([['nosuch0', 'capture_denied']]);
  refused = [];
  await look();
  expect([...keeper.unsampled]).toEqual([]);
});

test('where the interfaces cannot be read, what is sampled goes on', async () => {
  present = ['eth0'];
  await look();
  const unreadable = keepSampling({
    samples: { status, startSampling: async () => undefined, stopSampling: async (name) => void sampled.delete(name) },
    rate: undefined,
    present: () => raise('interfaces_unreadable', { reason: 'too many open files (EMFILE)' }),
    awaited: () => [],
    isAwaited: () => false,
    warn: ({ name }, context) => void warned.push(`${context}: ${name}`),
  });
  for (let count = 0; count < 20; count += 1) await unreadable.look();
  expect([...sampled]).toEqual(['eth0']);
  expect(warned).toEqual(['looking for interfaces: interfaces_unreadable']);
});
