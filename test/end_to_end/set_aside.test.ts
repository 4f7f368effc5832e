import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { failedStart } from '../support/failed_start.ts';
import { parsePcap } from '../support/packet_samples.ts';
import type { Served } from '../support/serve.ts';
import { serveOnCables } from '../support/serve_on_cables.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  provedFileBucket,
  showCapture,
  stopCapture,
} from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { allArmed } from './shown_sensors.ts';

const cables = serveOnCables(1, { frames_per_s: 100, frame_bytes: 200 });
const start = async (data_dir?: string): Promise<Served> =>
  await cables.start(data_dir === undefined ? {} : { data_dir });
const nearName = (): string => cables.pairs[0]?.near.name ?? '';

/** A capture that has ended and lies in the spool: its bucket is away. */
interface Waiting {
  readonly id: string;
  readonly data_dir: string;
  readonly destination_conf: string;
  /** The part's file without its ending. */
  readonly stem: string;
  readonly packets: number;
}

/** Ends with edgetap stopped. `before` runs once the bucket is proved, `during` once the capture runs. */
async function waiting(before?: (served: Served) => unknown): Promise<Waiting> {
  const served = await start();
  const destination_conf = await provedFileBucket(served);
  await before?.(served);
  const { data_dir } = served;
  const { id } = await createCapture(served, { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf });
  await allArmed(served, id);
  cables.traffic[0]?.burst(8000);
  const stem = join(data_dir, 'sensor', 'spool', id, nearName());
  await waitFor(() => statSync(`${stem}.pcap`).size > 8000 * 216, { what: 'the packets are in the spool' });
  renameSync(join(data_dir, 'buckets'), join(data_dir, 'buckets.away'));
  await stopCapture(served, id);
  await captureBecomes(served, id, ['conversion_pending']);
  await waitFor(() => /"phase":"ended".*"checksum":/.test(readFileSync(`${stem}.state.json`, 'utf8')), {
    what: 'the part has ended',
  });
  const ended = served.process;
  ended.kill('SIGKILL');
  await waitFor(() => ended.signalCode !== null, { what: 'the supervisor is gone' });
  await waitFor(() => ['control', 'sensor'].every((name) => !isAlive(data_dir, name as 'control')), {
    what: 'its children are gone',
  });
  return { id, data_dir, destination_conf, stem, packets: parsePcap(readFileSync(`${stem}.pcap`)).packets.length };
}

function isAlive(data_dir: string, name: 'control' | 'sensor'): boolean {
  const pid = Number(readFileSync(join(data_dir, name, `${name}.pid`), 'utf8'));
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

async function readiness(served: Served): Promise<string> {
  return await (await fetch(`${served.url}/readyz`)).text();
}

async function named(served: Served, words: RegExp): Promise<void> {
  await waitFor(async () => words.test(await readiness(served)), { what: `${String(words)} in /readyz` });
  await waitFor(() => words.test(served.output()), { what: `${String(words)} in the log` });
}

/** Another capture goes well. */
async function goesWell(served: Served, name: string): Promise<void> {
  const destination_conf = await provedFileBucket(served, name);
  const { id } = await createCapture(served, {
    type: 'full',
    time_limit: 3600,
    packet_limit: 20,
    colo_name: 'lab01',
    destination_conf,
  });
  expect((await captureBecomes(served, id)).status).toBe('success');
}

/** Has the sensor heard all that control has to say? Then it holds what control named, and this one was not. */
async function sensorKnows(served: Served): Promise<void> {
  await goesWell(served, 'known');
  await goesWell(served, 'known_again');
}

describe('a part of which a file is damaged while edgetap is down', () => {
  const flip = (path: string, at: (bytes: Buffer) => number): void => {
    const bytes = readFileSync(path);
    const place = at(bytes);
    bytes[place] = (bytes[place] ?? 0) ^ 0x04;
    writeFileSync(path, bytes);
  };
  const damages: readonly (readonly [string, (part: Waiting) => void])[] = [
    [
      'a flipped byte in a number',
      ({ stem }) => flip(`${stem}.state.json`, (bytes) => bytes.indexOf('"file_bytes":') + 14),
    ],
    ['a flipped byte in a name', ({ stem }) => flip(`${stem}.state.json`, (bytes) => bytes.indexOf('"bytes":') + 3)],
    ['valid JSON of another shape', ({ stem }) => writeFileSync(`${stem}.state.json`, '{"layout":1,"phase":"ended"}')],
    ['its state gone', ({ stem }) => rmSync(`${stem}.state.json`)],
  ];
  test.each(damages)('%s: it fails alone, is kept, and named', async (_, damage) => {
    const part = await waiting();
    damage(part);
    const served = await start(part.data_dir);
    await named(served, new RegExp(`${nearName()}\\.state\\.json.*2001|2001.*${nearName()}\\.state\\.json`));
    const shown = await captureBecomes(served, part.id);
    expect(shown).toMatchObject({
      status: 'failed',
      error_message: expect.stringContaining(`${part.stem}.state.json`),
    });
    await sensorKnows(served);
    expect(parsePcap(readFileSync(`${part.stem}.pcap`)).packets.length).toBe(part.packets);
  });

  test('older states, without a sum, with a count of 2^63 or a wrong phase: the same, and control lives', async () => {
    const part = await waiting();
    const text = readFileSync(`${part.stem}.state.json`, 'utf8').replace(/"crc32":"[0-9a-f]{8}",/, '');
    writeFileSync(
      `${part.stem}.state.json`,
      text.replace(/"packets":\{"\$bigint":"\d+"\}/, '"packets":{"$bigint":"9223372036854775808"}'),
    );
    const served = await start(part.data_dir);
    const control = served.pidOf('control');
    await named(served, /2001/);
    expect(await captureBecomes(served, part.id)).toMatchObject({ status: 'failed' });
    await goesWell(served, 'other');
    expect(served.pidOf('control')).toBe(control);
    await served.stop();
    writeFileSync(`${part.stem}.state.json`, text.replace('"ended"', '"endet"'));
    rmSync(`${part.stem}.state.json.set-aside`);
    const again = await start(part.data_dir);
    await named(again, /2001/);
    await goesWell(again, 'another');
  });

  test('an older state that is whole is gone on with', async () => {
    const part = await waiting();
    const text = readFileSync(`${part.stem}.state.json`, 'utf8').replace(/"crc32":"[0-9a-f]{8}",/, '');
    writeFileSync(`${part.stem}.state.json`, text);
    renameSync(join(part.data_dir, 'buckets.away'), join(part.data_dir, 'buckets'));
    const served = await start(part.data_dir);
    expect((await captureBecomes(served, part.id)).status).toBe('success');
    expect(parsePcap(deliveredFile(part.destination_conf, part.id)).packets.length).toBe(part.packets);
  });
});

test('what is named like a capture and is none is left alone, and named', async () => {
  const part = await waiting();
  const spool = join(part.data_dir, 'sensor', 'spool');
  writeFileSync(join(spool, '1'.repeat(32)), 'x');
  mkdirSync(join(spool, '2'.repeat(32)));
  writeFileSync(join(spool, '2'.repeat(32), '..pcap'), 'x');
  mkdirSync(join(spool, '3'.repeat(32), 'eth0.state.json'), { recursive: true });
  renameSync(join(part.data_dir, 'buckets.away'), join(part.data_dir, 'buckets'));
  const served = await start(part.data_dir);
  expect((await captureBecomes(served, part.id)).status).toBe('success');
  for (const digit of ['1', '2', '3']) await named(served, new RegExp(digit.repeat(32)));
  expect(readdirSync(spool)).toEqual(expect.arrayContaining(['1', '2', '3'].map((digit) => digit.repeat(32))));
});

describe('a database that does not know a capture in the spool', () => {
  const databaseIn = (data_dir: string): string => join(data_dir, 'edgetap.sqlite');
  const backUp = (data_dir: string, copy: string): void => {
    const db = new DatabaseSync(databaseIn(data_dir));
    db.exec(`vacuum into '${copy}'`);
    db.close();
  };
  const replace = (data_dir: string, copy: string): void => {
    for (const ending of ['', '-wal', '-shm']) rmSync(`${databaseIn(data_dir)}${ending}`, { force: true });
    copyFileSync(copy, databaseIn(data_dir));
  };

  const losses: readonly (readonly [string, (data_dir: string, copy: string) => void])[] = [
    ['restored from a backup of before', replace],
    [
      'restored from a backup of before there were ids',
      (data_dir, copy) => {
        const db = new DatabaseSync(copy);
        db.exec("delete from settings where key = 'data_id'");
        db.close();
        replace(data_dir, copy);
      },
    ],
    [
      'whose captures were deleted',
      (data_dir) => {
        const db = new DatabaseSync(databaseIn(data_dir));
        db.exec('pragma foreign_keys = on; delete from captures');
        db.close();
      },
    ],
  ];
  test.each(losses)('%s: the capture is kept and named, and delivered once the database is back', async (_, lose) => {
    let copy = '';
    const part = await waiting(({ data_dir }) => {
      copy = join(data_dir, 'copy.sqlite');
      backUp(data_dir, copy);
    });
    const good = join(part.data_dir, 'good.sqlite');
    backUp(part.data_dir, good);
    lose(part.data_dir, copy);
    renameSync(join(part.data_dir, 'buckets.away'), join(part.data_dir, 'buckets'));
    const served = await start(part.data_dir);
    await named(served, new RegExp(`${part.id}.*${part.packets} packets`));
    await sensorKnows(served);
    expect(parsePcap(readFileSync(`${part.stem}.pcap`)).packets.length).toBe(part.packets);
    await served.stop();
    expect(existsSync(`${part.stem}.pcap`)).toBe(true);
    replace(part.data_dir, good);
    const again = await start(part.data_dir);
    expect((await captureBecomes(again, part.id)).status).toBe('success');
    expect(parsePcap(deliveredFile(part.destination_conf, part.id)).packets.length).toBe(part.packets);
    await waitFor(() => !existsSync(`${part.stem}.pcap`), { what: 'the delivered part leaves the spool' });
    await waitFor(async () => !(await readiness(again)).includes(part.id), { what: 'nothing is set aside any more' });
  });

  test('another data directory has its own: the start ends with one line, and the way to go on is right', async () => {
    const part = await waiting();
    const other = await start();
    await other.stop();
    replace(part.data_dir, databaseIn(other.data_dir));
    const env = { EDGETAP_DATA_DIR: part.data_dir, EDGETAP_INTERFACES: nearName() };
    const failed = await failedStart(env);
    expect(failed.code).toBe(1);
    // What is no line of the log.
    expect(
      failed.stderr
        .replace(/^\{.*\n/gm, '')
        .trim()
        .split('\n'),
    ).toEqual([expect.stringMatching(/belongs to another data directory.*data\.id/)]);
    expect(existsSync(`${part.stem}.pcap`)).toBe(true);
    rmSync(join(part.data_dir, 'data.id'));
    const served = await start(part.data_dir);
    await named(served, new RegExp(part.id));
    await sensorKnows(served);
    expect(existsSync(`${part.stem}.pcap`)).toBe(true);
    expect((await served.call('GET', `/pcaps/${part.id}`)).status).toBe(404);
    expect(await showCapture(served, part.id).catch(() => undefined)).toBeUndefined();
  });
});

describe('a write-ahead log of the database that is not what was written', () => {
  const losses: readonly (readonly [string, (wal: string) => void])[] = [
    ['lost', (wal) => rmSync(wal)],
    ['cut to its first half', (wal) => truncateSync(wal, Math.floor(statSync(wal).size / 2))],
    [
      'with bytes flipped in its first page',
      (wal) => {
        const bytes = readFileSync(wal);
        for (let at = 1000; at < 1100; at += 1) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
        writeFileSync(wal, bytes);
      },
    ],
  ];
  test.each(losses)('%s: nothing captured is removed, and what the database has lost is named', async (what, lose) => {
    let reader: DatabaseSync | undefined;
    let back = '';
    const part = await waiting(async (served) => {
      const database = join(served.data_dir, 'edgetap.sqlite');
      reader = new DatabaseSync(database);
      reader.exec('pragma busy_timeout = 20000; pragma wal_checkpoint(truncate)');
      // From here on all stays in the log: it is not taken over while somebody reads.
      reader.exec('begin; select count(*) from captures');
      back = (await createCapture(served, { type: 'simple', time_limit: 300, packet_limit: 100 })).id;
      await captureBecomes(served, back);
    });
    const database = join(part.data_dir, 'edgetap.sqlite');
    const copies = ['', '-wal'].map((ending) => readFileSync(`${database}${ending}`));
    reader?.close();
    for (const ending of ['', '-wal', '-shm']) rmSync(`${database}${ending}`, { force: true });
    for (const [index, ending] of ['', '-wal'].entries()) writeFileSync(`${database}${ending}`, copies[index] ?? '');
    const result = join(part.data_dir, 'results', `pcap_${back}.pcap`);
    const bytes = readFileSync(result);
    lose(`${database}-wal`);
    renameSync(join(part.data_dir, 'buckets.away'), join(part.data_dir, 'buckets'));
    const served = await start(part.data_dir);
    const isKnown = async (id: string): Promise<boolean> => (await served.call('GET', `/pcaps/${id}`)).status === 200;
    expect(what.startsWith('cut') || !(await isKnown(part.id))).toBe(true);
    if (await isKnown(part.id)) {
      await captureBecomes(served, part.id);
      expect(parsePcap(deliveredFile(part.destination_conf, part.id)).packets.length).toBe(part.packets);
    } else {
      await named(served, new RegExp(`${part.id}.*${part.packets} packets`));
      await goesWell(served, 'other');
      expect(parsePcap(readFileSync(`${part.stem}.pcap`)).packets.length).toBe(part.packets);
    }
    if (!(await isKnown(back))) await named(served, new RegExp(`${result}.*1880|1880.*${result}`));
    expect(readFileSync(result)).toEqual(bytes);
  });
});
