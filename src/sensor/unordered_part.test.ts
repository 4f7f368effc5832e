import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { buildPcap, type SamplePacket } from '../../test/support/packet_samples.ts';
import { raise } from '../model/errors/fault.ts';
import type { Question } from './ask_control.ts';
import { type PartPaths, partPaths, readStates } from './part_shelf.ts';
import { partKey, type PartState } from './part_state.ts';
import { createTestPartDelivery, delivered_capture_id, type TestPartDelivery } from './test_part_delivery.ts';

let delivery: TestPartDelivery;
/** The most bytes that were in the spool at any of the moments at which something was asked of control. */
let most_bytes: number;

beforeEach(async () => {
  delivery = await createTestPartDelivery();
  most_bytes = 0;
  whenAsked(() => undefined);
});
afterEach(() => delivery.close());

function whenAsked(then: (question: Question) => void): void {
  delivery.whenAsked = (question) => {
    most_bytes = Math.max(most_bytes, spoolBytes());
    then(question);
  };
}

function spoolBytes(): number {
  return readdirSync(delivery.directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

/** A clock that was set back in the middle, and two sending processors all the time; some packets have the same time. */
function unordered(count: number, length: number): readonly SamplePacket[] {
  return Array.from({ length: count }, (_, number) => {
    const data = new Uint8Array(length).fill(number % 251);
    new DataView(data.buffer).setUint32(0, number);
    const time = (number < count / 2 ? number : number - Math.floor(count / 3)) + (number % 5 === 0 ? -40 : 0);
    return { time: 1_700_000_000_000_000_000n + BigInt(Math.floor(time / 3)) * 1000n, original: length, data };
  });
}
const numberOf = ({ data }: SamplePacket): number => new DataView(data.buffer, data.byteOffset).getUint32(0);
const inOrder = (packets: readonly SamplePacket[]): readonly number[] =>
  packets
    .map((packet, index) => ({ packet, index }))
    .toSorted((one, other) =>
      one.packet.time === other.packet.time ? one.index - other.index : one.packet.time < other.packet.time ? -1 : 1,
    )
    .map(({ packet }) => numberOf(packet));

/** A part that has ended, out of order, as its sensor left it. */
const endedPart = async (): Promise<PartState> =>
  await delivery.endedPart(packets, { assignment: { piece_bytes: 5_242_880 }, state: { unordered: true } });
const pathsOf = (): PartPaths => partPaths(delivery.directory, delivered_capture_id, 'eth0');

const count = 40_000;
const packets = unordered(count, 500);
const numbers = (): readonly number[] => delivery.packets().map(numberOf);
/** Beside the parts: states, sums and journals. */
const aside_bytes = 1 << 20;

test('a part that is out of order is delivered in order from a spool that has no room for it twice', async () => {
  const state = await endedPart();
  const limit_bytes = (state.file_bytes ?? 0) + aside_bytes;
  const { runner, spool } = await delivery.takeUp(state, limit_bytes);
  await runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect(most_bytes).toBeLessThanOrEqual(limit_bytes);
  expect(delivery.reports.at(-1)).toMatchObject({ phase: 'ended', packets: BigInt(count) });
  expect([delivery.warned, spool.budget.used_bytes]).toEqual([[], 0]);
  // What it was is told of what was sent.
  const { file_bytes } = state;
  expect(delivery.told?.sums?.at(-1)).toMatchObject({ end_bytes: file_bytes, packets: count });
});

test('where there is room a copy is made, and counted as long as it is there', async () => {
  const state = await endedPart();
  const { runner, spool } = await delivery.takeUp(state, 1e9);
  let copied = 0;
  whenAsked(() => (copied = Math.max(copied, spool.budget.used_bytes)));
  await runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect(copied).toBe(2 * (state.file_bytes ?? 0));
  expect(spool.budget.used_bytes).toBe(0);
});

test('a disk that takes no copy keeps none from being delivered in order', async () => {
  const state = await endedPart();
  const obstacle = `${pathsOf().copy('sorted')}.run-0`;
  mkdirSync(obstacle);
  whenAsked(() => rmSync(obstacle, { recursive: true, force: true }));
  const { runner, spool } = await delivery.takeUp(state, 1e9);
  await runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect([...new Set(delivery.warned.map(({ name }) => name))]).toEqual(['spool_write_failed']);
  expect(spool.budget.used_bytes).toBe(0);
});

test('what a process that died left of its copy goes before anything else is written', async () => {
  const state = await endedPart();
  const limit_bytes = (state.file_bytes ?? 0) + aside_bytes;
  const paths = pathsOf();
  for (const name of ['sorted', 'sorted.sums', 'sorted.run-0', 'sorted.run-17', 'sorted.run-17.sums'])
    writeFileSync(paths.copy(name), Buffer.alloc(5_000_000));
  const { runner } = await delivery.takeUp(state, limit_bytes);
  await runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect(most_bytes).toBeLessThanOrEqual(limit_bytes);
});

test('after a crash in its midst it goes on, and sends the same', async () => {
  const state = await endedPart();
  const limit_bytes = (state.file_bytes ?? 0) + aside_bytes;
  let asked = 0;
  whenAsked((question) => {
    // The first process gets no further.
    if (question.kind === 'sign' && (asked += 1) > 2) raise('bus_closed', { peer: 'control' });
  });
  const first = await delivery.takeUp(state, limit_bytes);
  await expect.poll(() => asked).toBeGreaterThan(4);
  const { states } = await readStates(delivery.directory);
  const kept = states.get(partKey(delivered_capture_id, 'eth0'));
  if (kept === undefined) throw new Error('its state is gone');
  whenAsked(() => undefined);
  const before = new Set(delivery.bucket.keys());
  const second = await delivery.takeUp(kept, limit_bytes);
  await second.runner.settled;
  expect(numbers()).toEqual(inOrder(packets));
  expect(before.size).toBeGreaterThan(0);
  await first.runner.forget();
});

test('damage in a part that is put in order on its way costs what is damaged, and nothing else', async () => {
  const state = await endedPart();
  const limit_bytes = (state.file_bytes ?? 0) + aside_bytes;
  let spoiled = false;
  whenAsked((question) => {
    if (question.kind !== 'sign' || spoiled) return;
    spoiled = true;
    const file = Buffer.from(buildPcap([...packets]));
    file.fill(0xff, 15_000_000, 15_000_100);
    writeFileSync(delivery.path, file);
  });
  const { runner } = await delivery.takeUp(state, limit_bytes);
  await runner.settled;
  const found = numbers();
  expect(spoiled).toBe(true);
  expect(found.length).toBeGreaterThan(count * 0.9);
  const kept = new Set(found);
  expect(found).toEqual(inOrder(packets.filter((packet) => kept.has(numberOf(packet)))));
  expect(delivery.reports.at(-1)).toMatchObject({
    packets: BigInt(found.length),
    dropped: BigInt(count - found.length),
  });
});
