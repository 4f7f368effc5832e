import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
  const { spool, recovered } = await Spool.open(directory, 1_000_000);
  const native = (): never => {
    throw new Error('nothing is to be captured here');
  };
  return await createWork({
    spool,
    recovered,
    outbox,
    engine: { probeLinktype: native, open: native, arm: native, close: native },
    compiler: { check: native, compile: native, close: native },
    sender: {
      send: async (shipment) => {
        shipments.push(shipment);
        await new Promise((_, reject) => {
          shipment.signal.addEventListener('abort', () => reject(new FaultError([fault('bus_closed', { peer: 'x' })])));
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
    work.reconcile([assignment]);
    expect(await reported()).toMatchObject({ phase: 'failed', fault: { name: 'spool_state_unreadable' } });
    const { recovered } = await Spool.open(directory, 1_000_000);
    expect(recovered.map((file) => file.packets)).toEqual([3]);
  });

  test('one whose state is gone is left where it is, and told', async () => {
    writePart();
    const work = await open();
    expect(warned.map(({ message }) => message)).toEqual([expect.stringMatching(/eth0\.state\.json.*it is gone/)]);
    work.reconcile([assignment]);
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
      await open();
      await expect.poll(() => outbox.pending().map((report) => report.capture_id)).toContain(other);
    },
  );

  test('one that had not begun is forgotten: if it is wanted still, it is begun anew', async () => {
    writePart();
    await leave({ phase: 'arming' });
    await open();
    expect(outbox.pending()).toEqual([]);
    expect((await Spool.open(directory, 1_000_000)).recovered).toEqual([]);
  });

  test('one that control wants no more goes, with all that is kept of it', async () => {
    writePart();
    await leave({ phase: 'ended', packets: 3n });
    const work = await open();
    await expect.poll(() => shipments.length).toBe(1);
    work.reconcile([]);
    await expect.poll(async () => (await Spool.open(directory, 1_000_000)).recovered).toEqual([]);
    expect(shipments[0]?.signal.aborted).toBe(true);
  });
});

test('a part that control wants and nobody knows is said to be unknown, once it is too late to begin it', async () => {
  const work = await open();
  work.reconcile([assignment]);
  expect(await reported()).toMatchObject({ phase: 'failed', fault: { name: 'part_unknown' } });
});
