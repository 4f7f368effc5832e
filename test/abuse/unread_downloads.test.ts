import { createHash } from 'node:crypto';
import { readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalogue } from '../../src/model/errors/catalogue.ts';
import { rawConnection } from '../support/raw_http.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  downloadFile,
  provedFileBucket,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';

let served: Served;
beforeAll(async () => {
  served = await startServe({ interfaces: ['lo'], env: { EDGETAP_ANSWER_IDLE_SECONDS: '3' } });
});
afterAll(async () => await served?.remove());

const size_bytes = 30_000_000;

/** A full capture whose file in its bucket is long, and has nothing in it. */
async function longFile(): Promise<string> {
  const destination_conf = await provedFileBucket(served);
  const { id } = await createCapture(served, {
    type: 'full',
    colo_name: 'lab01',
    time_limit: 60,
    destination_conf,
  });
  await captureBecomes(served, id, ['running']);
  await stopCapture(served, id);
  await captureBecomes(served, id, ['success', 'complete']);
  const file = join(destination_conf.slice('file://'.length), `pcap_${id}.pcap`);
  truncateSync(file, size_bytes);
  const database = new DatabaseSync(join(served.data_dir, 'edgetap.sqlite'), { timeout: 10_000 });
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  database.prepare('update captures set size_bytes = ?, sha256 = ? where id = ?').run(size_bytes, sha256, id);
  database.close();
  return id;
}

/** Resident memory of control, in bytes. */
const memory = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${served.pidOf('control')}/status`, 'utf8'))?.[1]) * 1024;

test('downloads that nobody reads take little memory, are so many at most, and are cut in the end', async () => {
  const id = await longFile();
  const small = await createCapture(served, { type: 'simple', time_limit: 1, packet_limit: 10 });
  await captureBecomes(served, small.id);
  const before = memory();
  const path = `/client/v4/accounts/${served.account_id}/pcaps/${id}/download`;
  const head = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${served.token}\r\n\r\n`;
  const began: Promise<string>[] = [];
  for (let count = 0; count < 100; count += 1) {
    const { socket } = rawConnection(served.url);
    socket.write(head);
    began.push(
      new Promise((resolve) =>
        socket.once('data', (bytes: Buffer) => {
          // It takes the head, and no more.
          socket.pause();
          const text = bytes.toString('latin1');
          resolve(text);
          if (!text.startsWith('HTTP/1.1 200')) socket.destroy();
        }),
      ),
    );
  }
  const answers = await Promise.all(began);
  const statuses = answers.map((text) => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
  expect(statuses.filter((one) => one === '200').length).toBe(16);
  expect(statuses.filter((one) => one === '429').length).toBe(84);
  const refused = answers.find((text) => text.startsWith('HTTP/1.1 429'));
  expect(refused).toContain('EDGETAP_DOWNLOADS_PER_TOKEN_MAX');
  expect(memory() - before).toBeLessThan(100_000_000);
  await waitFor(
    async () =>
      (await (await fetch(`${served.url}/metrics`)).text()).includes(
        'edgetap_limit_refused_total{limit="answer_idle"} 16',
      ),
    { what: 'all of them to be cut' },
  );
  await waitFor(() => served.output().includes(`"code":${catalogue.answer_not_taken.code}`), { what: 'the log' });
  expect((await downloadFile(served, small.id)).length).toBeGreaterThan(0);
});
