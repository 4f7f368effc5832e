import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Spool } from '../capture/spool.ts';
import { type Fault, FaultError, fault } from '../model/errors/fault.ts';
import { encodePcapHeader } from '../pcap/pcap_header.ts';
import { encodeRecordHeader, recordHeaderBytes } from '../pcap/pcap_record.ts';
import type { PartReport } from '../wire/bus_fields.ts';
import { Outbox } from './outbox.ts';
import { partPaths, writeState } from './part_shelf.ts';
import type { PartState } from './part_state.ts';
import type { PartShipment } from './send_part.ts';
import { plainAssignment } from './test_assignment.ts';
import { createWork, type Work } from './work.ts';

const capture_id = 'c'.repeat(32);
const now = 1_000_000n * 1_000_000_000n;
const assignment = plainAssignment(capture_id, now, { arm_before: now - 1n });

let directory: string;
let outbox: Outbox;
let warned: Fault[];
let shipments: PartShipment[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'edgetap-work-'));
  mkdirSync(join(directory, capture_id));
  outbox = new Outbox(
    () => undefined,
    () => 0n,
  );
  warned = [];
  shipments = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A sensor's work over this spool; nothing that it delivers ever arrives. */
async function open(): Promise<Work> {
  const { spool, recovered, strays } = await Spool.open(directory, 1_000_000);
  const native = (): never => {
    throw new Error('nothing is to be captured here');
  };
  return await createWork({
    spool,
    recovered,
    strays,
    outbox,
    engine: { probeLinktype: native, open: native, arm: native, close: native, rings_max: 0, rings: 0 },
    compiler: { check: native, compile: native, close: native },
    sender: {
      send: async (shipment) => {
        shipments.push(shipment);
        const { signal } = shipment;
        await new Promise((_, reject) => {
          const giveUp = (): void => reject(new FaultError([fault('bus_closed', { peer: 'x' })]));
          signal.addEventListener('abort', giveUp);
          // It may have been given up before it came here.
          if (signal.aborted) giveUp();
        });
      },
    },
    clock: { now: () => now, monotonic: () => 0n, sleep: async () => undefined },
    random: () => 0,
    findInterface: () => undefined,
    warn: (one) => void warned.push(one),
    crash: (error) => {
      throw error;
    },
  });
}

/** A part's file of three packets and half of a fourth. */
function writePart(): void {
  const record = new Uint8Array(recordHeaderBytes + 10);
  encodeRecordHeader(new DataView(record.buffer), 0, 1000, 5, 10, 10);
  const header = encodePcapHeader({ linktype: 1, snaplen: 262_144 });
  writeFileSync(
    join(directory, capture_id, 'eth0.pcap'),
    Buffer.concat([header, record, record, record, record.subarray(0, 20)]),
  );
}

async function leave(change: Partial<PartState>): Promise<void> {
  const state: PartState = { layout: 1, assignment, interface: 'eth0', phase: 'armed', attempt: 0, ...change };
  await writeState(partPaths(directory, capture_id, 'eth0'), state);
}

async function reported(): Promise<PartReport> {
  await expect.poll(() => outbox.pending().length).toBe(1);
  const [report] = outbox.pending();
  if (report === undefined) throw new Error('nothing was reported');
  return report;
}

describe('what an earlier process has left', () => {
  test('a part that was capturing ends as crashed, with the packets on the disk and its losses unknown', async () => {
    writePart();
    await leave({ armed_at: now, packets: 99n, dropped: 0n, linktype: 1 });
    await open();
    const report = await reported();
    expect(report).toMatchObject({ phase: 'ended', stop_reason: 'crashed', packets: 3n, bytes: 30n });
    expect(report.fault?.name).toBe('sensor_crashed');
    expect(report).not.toHaveProperty('dropped');
    await expect.poll(() => shipments.length).toBe(1);
  });

  test('one whose file is gone has failed', async () => {
    await leave({ armed_at: now });
    await open();
    expect(await reported()).toMatchObject({ phase: 'failed', fault: { name: 'sensor_crashed' } });
    expect(shipments).toEqual([]);
  });

  test('one whose state cannot be read is left where it is, and told', async () => {
    writePart();
    writeFileSync(partPaths(directory, capture_id, 'eth0').state, '{ torn');
    const work = await open();
    expect(warned.map((one) => one.name)).toEqual(['spool_state_unreadable']);
    work.reconcile([assignment], []);
    expect(await reported()).toMatchObject({ phase: 'failed', fault: { name: 'spool_state_unreadable' } });
    const { recovered } = await Spool.open(directory, 1_000_000);
    expect(recovered.map((file) => file.packets)).toEqual([3]);
  });

  test('one whose state is gone is left where it is, and told', async () => {
    writePart();
    const work = await open();
    expect(warned.map(({ message }) => message)).toEqual([expect.stringMatching(/eth0\.state\.json.*it is gone/)]);
    work.reconcile([assignment], []);
    expect(await reported()).toMatchObject({ phase: 'failed', fault: { name: 'spool_state_unreadable' } });
    const { recovered } = await Spool.open(directory, 1_000_000);
    expect(recovered.map((file) => file.packets)).toEqual([3]);
  });

  test.each(['arming', 'armed', 'ended', 'delivered'] as const)(
    'one that was %s and whose file cannot be read keeps back no other',
    async (phase) => {
      mkdirSync(join(directory, capture_id, 'eth0.pcap'));
      await leave({ phase, armed_at: now, packets: 3n, file_bytes: 102, checksum: 1 });
      const other = 'd'.repeat(32);
      const others = plainAssignment(other, now, { arm_before: now - 1n });
      const state = { layout: 1, assignment: others, interface: 'eth0', phase: 'failed', attempt: 0 } as const;
      await writeState(partPaths(directory, other, 'eth0'), state);
      writeFileSync(join(directory, 'e'.repeat(32)), 'no directory');
      const work = await open();
      await expect.poll(() => outbox.pending().map((report) => report.capture_id)).toContain(other);
      // It may hold packets.
      if (phase === 'arming' || phase === 'armed')
        expect(work.setAside().map(({ message }) => message)).toContainEqual(
          expect.stringMatching(/eth0\.pcap.*it is not a file/),
        );
    },
  );

  test('one that had captured nothing is forgotten: if it is wanted still, it is begun anew', async () => {
    writeFileSync(join(directory, capture_id, 'eth0.pcap'), encodePcapHeader({ linktype: 1, snaplen: 262_144 }));
    await leave({ phase: 'arming' });
    await open();
    expect(outbox.pending()).toEqual([]);
    expect((await Spool.open(directory, 1_000_000)).recovered).toEqual([]);
  });

  test('one that captured, which was not written down yet, ends as crashed, also where a stop was asked', async () => {
    writePart();
    await leave({ phase: 'arming', assignment: { ...assignment, stop: 'stopped' } });
    await open();
    expect(await reported()).toMatchObject({ phase: 'ended', stop_reason: 'crashed', packets: 3n, bytes: 30n });
    await expect.poll(() => shipments.length).toBe(1);
    expect((await Spool.open(directory, 1_000_000)).recovered.map((file) => file.packets)).toEqual([3]);
  });

  test('one that control wants no more goes, with all that is kept of it', async () => {
    writePart();
    await leave({ phase: 'ended', packets: 3n });
    const work = await open();
    await expect.poll(() => shipments.length).toBe(1);
    expect(work.holds()).toEqual([{ capture_id, interface: 'eth0' }]);
    work.reconcile([], work.holds());
    await expect.poll(async () => (await Spool.open(directory, 1_000_000)).recovered).toEqual([]);
    expect(shipments[0]?.signal.aborted).toBe(true);
  });

  test.each(['armed', 'ended', 'failed'] as const)(
    'one that was %s and that control has never heard of is kept, told, and gone on with once control knows it',
    async (phase) => {
      writePart();
      await leave({ phase, armed_at: now, packets: 3n });
      const work = await open();
      if (phase !== 'failed') await expect.poll(() => shipments.length).toBe(1);
      work.reconcile([], []);
      expect(work.setAside().map(({ name }) => name)).toEqual(['part_unclaimed']);
      expect(warned.at(-1)?.message).toMatch(/capture c{32}, of which .*eth0\.pcap has 3 packets/);
      // Told once, kept for ever.
      const told = warned.length;
      work.reconcile([], []);
      expect(warned.length).toBe(told);
      expect(work.holds()).toHaveLength(1);
      expect((await Spool.open(directory, 1_000_000)).recovered.map((file) => file.packets)).toEqual([3]);
      expect(shipments.every(({ signal }) => !signal.aborted)).toBe(true);
      work.reconcile([assignment], []);
      expect(work.setAside()).toEqual([]);
      work.reconcile([], work.holds());
      await expect.poll(async () => (await Spool.open(directory, 1_000_000)).recovered).toEqual([]);
    },
  );

  test('one whose report control cannot take is left as it is, and told, also once control says that it is over', async () => {
    writePart();
    await leave({ phase: 'ended', packets: 3n });
    const work = await open();
    await expect.poll(() => shipments.length).toBe(1);
    const part = { capture_id, interface: 'eth0' };
    work.leave(part, fault('message_refused', { sensor: 's', what: 'w', reason: 'r' }));
    await expect.poll(() => shipments[0]?.signal.aborted).toBe(true);
    await work.settled();
    expect(work.setAside().map(({ name }) => name)).toEqual(['message_refused']);
    work.reconcile([], work.holds());
    await expect.poll(() => work.holds()).toEqual([]);
    expect((await Spool.open(directory, 1_000_000)).recovered.map((file) => file.packets)).toEqual([3]);
  });

  test.each([
    ['delivered', { phase: 'delivered', packets: 3n }],
    ['empty', { phase: 'ended', packets: 0n }],
    ['excluded', { phase: 'excluded' }],
    ['failed before it had begun', { phase: 'failed' }],
  ] as const)('one that is %s goes also where control has never heard of it', async (_, state) => {
    await leave(state);
    const work = await open();
    work.reconcile([], []);
    expect(work.setAside()).toEqual([]);
    await expect.poll(() => readdirSync(directory)).toEqual([]);
  });

  test('one whose file cannot be read is no part without packets: it stays as it is', async () => {
    mkdirSync(join(directory, capture_id, 'eth0.pcap'));
    await leave({ phase: 'armed', armed_at: now });
    const work = await open();
    expect(work.setAside().map(({ name }) => name)).toEqual(['spool_state_unreadable']);
    work.reconcile([assignment], []);
    work.reconcile([], [{ capture_id, interface: 'eth0' }]);
    await expect.poll(() => work.holds()).toEqual([]);
    expect(readdirSync(join(directory, capture_id)).sort()).toEqual(['eth0.pcap', 'eth0.state.json']);
  });

  test('one whose state is gone and whose file is damaged at its beginning stays as it is', async () => {
    writePart();
    const path = join(directory, capture_id, 'eth0.pcap');
    const file = readFileSync(path);
    file.fill(0xff, 24, 40);
    writeFileSync(path, file);
    writeFileSync(`${path}.sums`, '');
    const work = await open();
    expect(work.setAside()).toHaveLength(1);
    expect(readFileSync(path).equals(file)).toBe(true);
  });
});

describe('a state that is not what was written', () => {
  const damage: readonly (readonly [string, (text: string) => string | Buffer])[] = [
    ['a flipped byte', (text) => text.replace('"linktype":1', '"linktype":3')],
    ['a wrong phase', (text) => text.replace('"ended"', '"endet"')],
    ['JSON of another shape', () => '[]'],
    ['a bare null', () => 'null'],
    ['nothing', () => ''],
    ['zeros', (text) => Buffer.alloc(text.length)],
    ['half of it', (text) => text.slice(0, text.length / 2)],
    ['a bigint that is none', () => '{"layout":1,"packets":{"$bigint":"x"}}'],
  ];
  test.each(damage)('%s: it is set aside, renamed, and fails alone', async (_, change) => {
    writePart();
    const { state } = partPaths(directory, capture_id, 'eth0');
    await leave({ phase: 'ended', packets: 3n, linktype: 1 });
    writeFileSync(state, change(readFileSync(state, 'utf8')));
    const kept = readFileSync(state);
    const other = 'd'.repeat(32);
    mkdirSync(join(directory, other));
    writeFileSync(join(directory, other, 'eth0.pcap'), readFileSync(join(directory, capture_id, 'eth0.pcap')));
    const others = plainAssignment(other, now, { arm_before: now - 1n });
    await writeState(partPaths(directory, other, 'eth0'), {
      layout: 1,
      assignment: others,
      interface: 'eth0',
      phase: 'ended',
      packets: 3n,
      attempt: 0,
    });
    for (const start of ['first', 'second']) {
      shipments = [];
      const work = await open();
      expect(
        work.setAside().map(({ message }) => message),
        start,
      ).toEqual([expect.stringContaining(`${state}.set-aside`)]);
      expect(readFileSync(`${state}.set-aside`).equals(kept)).toBe(true);
      await expect.poll(() => shipments.map(({ assignment: { capture_id: id } }) => id)).toEqual([other]);
      work.reconcile([assignment, others], []);
      expect(outbox.pending().find((report) => report.capture_id === capture_id)).toMatchObject({
        phase: 'failed',
        fault: { name: 'spool_state_unreadable' },
      });
      work.reconcile([others], [{ capture_id, interface: 'eth0' }]);
      expect(readdirSync(join(directory, capture_id)).sort()).toEqual(['eth0.pcap', 'eth0.state.json.set-aside']);
    }
  });
});

test.each([
  ['a file', (path: string): void => writeFileSync(path, 'x')],
  ['a link to nowhere', (path: string): void => symlinkSync('/nowhere', path)],
  ['a pipe', (path: string): void => void execFileSync('mkfifo', [path])],
  [
    'a directory with files that are no parts',
    (path: string): void => strayDirectory(path, ['..pcap', '...pcap', '.pcap', `${'x'.repeat(65)}.pcap`]),
  ],
  ['a directory with pipes', (path: string): void => strayDirectory(path, [], ['eth0.pcap', 'eth1.state.json'])],
  [
    'a directory with directories',
    (path: string): void => void mkdirSync(join(path, 'eth0.state.json', 'x'), { recursive: true }),
  ],
] as const)('%s named like a capture is left alone, and told', async (_, make) => {
  const path = join(directory, 'e'.repeat(32));
  make(path);
  const work = await open();
  expect(work.setAside().length).toBeGreaterThan(0);
  expect(work.setAside().every(({ message }) => message.includes(path))).toBe(true);
  expect(warned).toEqual(work.setAside());
  expect(lstatSync(path)).toBeDefined();
});

function strayDirectory(path: string, files: readonly string[], pipes: readonly string[] = []): void {
  mkdirSync(path);
  for (const name of files) writeFileSync(join(path, name), 'x');
  for (const name of pipes) execFileSync('mkfifo', [join(path, name)]);
}

test('a part that control wants and nobody knows is said to be unknown, once it is too late to begin it', async () => {
  const work = await open();
  work.reconcile([assignment], []);
  expect(await reported()).toMatchObject({ phase: 'failed', fault: { name: 'part_unknown' } });
});
