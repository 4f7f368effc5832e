import { createHash } from 'node:crypto';
import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { otherTenant } from '../support/other_tenant.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket, stopCapture } from '../support/take_captures.ts';

const size_bytes = 64_000_000;
let attacker: Served;
let victim: Served;

beforeAll(async () => {
  attacker = await startServe({ interfaces: ['lo'] });
  victim = await otherTenant(attacker, 'victim');
});
afterAll(async () => await attacker?.remove());

/** Makes a capture's file long, with nothing in it, as if it had been written so. */
function lengthen(id: string, file: string): void {
  truncateSync(file, size_bytes);
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  const database = new DatabaseSync(join(attacker.data_dir, 'edgetap.sqlite'), { timeout: 10_000 });
  database.prepare('update captures set size_bytes = ?, sha256 = ? where id = ?').run(size_bytes, sha256, id);
  database.close();
}

async function longDelivered(by: Served, name: string): Promise<string> {
  const destination_conf = await provedFileBucket(by, name);
  const { id } = await createCapture(by, { type: 'full', colo_name: 'lab01', time_limit: 60, destination_conf });
  await captureBecomes(by, id, ['running']);
  await stopCapture(by, id);
  await captureBecomes(by, id, ['success', 'complete']);
  lengthen(id, join(destination_conf.slice('file://'.length), `pcap_${id}.pcap`));
  return id;
}

async function longResult(by: Served): Promise<string> {
  const { id } = await createCapture(by, { type: 'simple', time_limit: 1, packet_limit: 10 });
  await captureBecomes(by, id, ['success', 'complete']);
  lengthen(id, join(attacker.data_dir, 'results', `pcap_${id}.pcap`));
  return id;
}

/** One byte of a capture's file. */
async function oneByte(by: Served, id: string): Promise<number> {
  const answer = await fetch(`${by.base_url}/accounts/${by.account_id}/pcaps/${id}/download`, {
    headers: { authorization: `Bearer ${by.token}`, range: 'bytes=1000-1000' },
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** So many bytes has control asked the system for since it began. */
const bytesRead = (): number =>
  Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${attacker.pidOf('control')}/io`, 'utf8'))?.[1]);

test.each([
  ['a look-back', async () => await longResult(attacker)],
  ['a full capture', async () => await longDelivered(attacker, 'mine')],
])('a hundred ranges of one byte of the file of %s read the file once', async (_, make) => {
  const id = await make();
  const before = bytesRead();
  for (let round = 0; round < 10; round += 1) {
    const statuses = await Promise.all(Array.from({ length: 10 }, async () => await oneByte(attacker, id)));
    expect(new Set(statuses)).toEqual(new Set([206]));
  }
  expect(bytesRead() - before).toBeLessThan(2 * size_bytes);
});

test('many large files that one account has checked hold up another by little', async () => {
  const ids = await Promise.all(Array.from({ length: 10 }, async () => await longResult(attacker)));
  const theirs = await longResult(victim);
  const done: string[] = [];
  const note = async (by: Served, id: string): Promise<void> => {
    expect(await oneByte(by, id)).toBe(206);
    done.push(id);
  };
  const attack = ids.map(async (id) => await note(attacker, id));
  await Promise.race(attack);
  await note(victim, theirs);
  await Promise.all(attack);
  // The attacker's are checked one after another: at most what was under way and what had just ended is before the victim's.
  expect(done.indexOf(theirs)).toBeLessThanOrEqual(4);
});
