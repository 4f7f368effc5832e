import { sql } from 'kysely';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { captureById, unfinishedCaptures } from '../../db/captures.ts';
import { openDatabase } from '../../db/open_database.ts';
import { listSensors } from '../../db/sensors.ts';
import { startDesk, type TestDesk } from '../test_desk.ts';

let desk: TestDesk;
beforeEach(async () => {
  desk = await startDesk();
});
afterEach(async () => await desk.close());

test.each([
  ["update captures set spec = '{torn' where id = :id", true],
  ["update captures set spec = 'null' where id = :id", true],
  ["update captures set scope = '{}' where id = :id", true],
  ["update captures set status = 'x' where id = :id", true],
  ["update captures set delivery = 'x' where id = :id", true],
  ["update parts set past = '[]' where capture_id = :id", false],
  ["update parts set phase = 'x' where capture_id = :id", false],
] as const)('%s: that capture alone is left as it is', async (statement, isCapture) => {
  const [damaged, other] = [await desk.store(1), await desk.store(1)];
  await sql.raw('pragma ignore_check_constraints = on').execute(desk.db.query);
  await sql.raw(statement.replace(':id', `'${damaged.id}'`)).execute(desk.db.query);
  const report = { interface: 'eth0', sequence: 1, phase: 'armed', armed_at: 5n, packets: 5n } as const;
  const reports = [damaged, other].map(({ id }) => ({ capture_id: id, ...report }));
  expect(await desk.say({ kind: 'report', reports })).toMatchObject({ committed: [{}, {}] });
  expect(await captureById(desk.db, other.id)).toMatchObject({ status: 'running', packets_captured: 5n });
  await desk.keeper.tick();
  const work = await desk.say({ kind: 'desired', holds: [{ capture_id: damaged.id, interface: 'eth0' }] });
  expect(work).toMatchObject({ assignments: [{ capture_id: other.id }] });
  if (isCapture) {
    await expect(captureById(desk.db, damaged.id)).rejects.toMatchObject({ faults: [{ name: 'row_damaged' }] });
    expect((await unfinishedCaptures(desk.db)).map(({ id }) => id)).toEqual([other.id]);
  }
  // What cannot be read is not over: its sensor keeps what it has.
  expect(work).toMatchObject({ over: [] });
});

test('a row that cannot be read is told by the database', async () => {
  const told: string[] = [];
  const db = await openDatabase({ url: ':memory:', damaged: (why) => told.push(why.name) });
  try {
    await sql
      .raw(
        "insert into sensors (name, colo, epoch, version, generation, last_heard, interfaces, samples, spool_used_bytes, spool_limit_bytes) values ('s', 'lab01', 'e', 1, 0, 0, '{', '[]', 0, 0)",
      )
      .execute(db.query);
    expect(await listSensors(db)).toMatchObject([{ name: 's', interfaces: [], samples: [] }]);
    expect(told).toEqual(['row_damaged']);
  } finally {
    await db.close();
  }
});
