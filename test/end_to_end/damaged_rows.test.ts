import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { serveOnCables } from '../support/serve_on_cables.ts';
import { captureBecomes, createCapture, provedFileBucket } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

const { start } = serveOnCables(1, { frames_per_s: 100, frame_bytes: 200 });

const damages: readonly (readonly [string, string])[] = [
  ['what was asked for is no JSON', "update captures set spec = '{torn', status = 'running' where id = :id"],
  ['what was asked for is of another shape', "update captures set spec = '{}', status = 'pending' where id = :id"],
  ['a scope that is none', "update captures set scope = '[1]', status = 'conversion_running' where id = :id"],
  [
    'the past of a part is no JSON',
    "update parts set past = 'x' where capture_id = :id; update captures set status = 'running'",
  ],
  [
    'a part of a phase that there is not',
    "update parts set phase = 'x' where capture_id = :id; update captures set status = 'running'",
  ],
  ['what a sensor said of itself', "update sensors set interfaces = '{', samples = '7' where :id = :id"],
  ['the clock', "update settings set value = '{\"steps\":[]}' where key = 'clock' and :id = :id"],
];
test.each(damages)('%s: the rest goes on, and it is named', async (_, sql) => {
  const first = await start();
  const destination_conf = await provedFileBucket(first);
  const order = { type: 'full', time_limit: 3600, packet_limit: 20, colo_name: 'lab01', destination_conf };
  const { id } = await createCapture(first, order);
  await captureBecomes(first, id);
  await first.stop();
  const db = new DatabaseSync(join(first.data_dir, 'edgetap.sqlite'));
  db.exec('pragma ignore_check_constraints = on');
  for (const statement of sql.split('; ')) db.exec(statement.replaceAll(':id', `'${id}'`));
  db.close();
  const served = await start({ data_dir: first.data_dir });
  const control = served.pidOf('control');
  await waitFor(() => /"code":1619/.test(served.output()), { what: 'it is in the log' });
  await waitFor(async () => /1619/.test(await (await fetch(`${served.url}/readyz`)).text()), {
    what: 'it is in /readyz',
  });
  const other = await createCapture(served, order);
  expect((await captureBecomes(served, other.id)).status).toBe('success');
  const list = await served.call('GET', '/pcaps');
  expect(list.status).toBe(200);
  expect((list.body.result as unknown as readonly { id: string }[]).map((one) => one.id)).toContain(other.id);
  const shown = await served.call('GET', `/pcaps/${id}`);
  if (shown.status !== 200) {
    expect(shown.body.errors).toMatchObject([{ code: 1619, message: expect.stringContaining(id) }]);
  }
  expect(served.pidOf('control')).toBe(control);
});
