import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { otherTenant } from '../support/other_tenant.ts';
import { type Served, startServe } from '../support/serve.ts';

const audit_rows = 20;
let attacker: Served;
let victim: Served;

beforeAll(async () => {
  attacker = await startServe({ interfaces: ['lo'], env: { EDGETAP_AUDIT_ROWS: String(audit_rows) } });
  victim = await otherTenant(attacker, 'victim');
});
afterAll(async () => await attacker?.remove());

/** Adds a bucket and removes it: two audit rows. */
async function addAndRemove(by: Served, name: string): Promise<void> {
  const directory = join(by.data_dir, 'buckets', name);
  mkdirSync(directory, { recursive: true });
  const added = await by.call('POST', '/pcaps/ownership', { destination_conf: `file://${directory}` });
  expect(added.body.errors).toEqual([]);
  const removed = await by.call('DELETE', `/pcaps/ownership/${String(added.body.result['id'])}`);
  expect([200, 204]).toContain(removed.status);
}

test('what one account does beyond its audit rows of a day is counted, and every row of another is there', async () => {
  for (let count = 0; count < 25; count += 1) await addAndRemove(attacker, `a${count}`);
  await addAndRemove(victim, `${victim.account_id}/theirs`);
  const database = new DatabaseSync(join(attacker.data_dir, 'edgetap.sqlite'), { timeout: 10_000 });
  const rowsOf = (account_id: string): string[] =>
    database
      .prepare(
        `select action || ' ' || (subject = 'any') || ' ' || times as told from audit
         where account_id = ? and action like 'bucket.%' order by at, id`,
      )
      .all(account_id)
      .map(({ told }) => String(told));
  const rows = rowsOf(attacker.account_id);
  expect(rows.filter((row) => row.endsWith(' 0 1')).length).toBe(audit_rows);
  expect(rows.filter((row) => row.includes(' 1 ')).toSorted()).toEqual(['bucket.add 1 15', 'bucket.remove 1 15']);
  expect(rowsOf(victim.account_id)).toEqual(['bucket.add 0 1', 'bucket.remove 0 1']);
  database.close();
  const metrics = await (await fetch(`${attacker.url}/metrics`)).text();
  expect(metrics).toContain('edgetap_limit_refused_total{limit="audit_rows"} 30');
});
