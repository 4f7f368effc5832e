import { execFile } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { edgetapProgram } from '../support/edgetap_program.ts';
import { holdDirectory } from '../../src/main/hold_directory.ts';
import { waitFor } from '../support/wait_for.ts';
import { sensorsOf } from './shown_sensors.ts';
import { numberedFrames } from '../fixtures/numbered_frames.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { replayFrames } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import {
  captureBecomes,
  createCapture,
  deliveredFile,
  downloadFile,
  provedFileBucket,
  type ShownCapture,
} from '../support/take_captures.ts';

let pair: NamespacePair;
let served: Served | undefined;
beforeAll(async () => {
  pair = await createNamespacePair();
});
afterEach(async () => {
  await served?.remove();
  served = undefined;
});
afterAll(async () => await pair?.remove());

test.each(['control', 'sensor', 'constructor'])(
  'a sensor named %s captures and looks back as any other',
  async (name) => {
    served = await startServe({ interfaces: [pair.near.name], env: { EDGETAP_SENSOR: name } });
    const destination_conf = await provedFileBucket(served);
    const { id } = await createCapture(served, {
      type: 'full',
      colo_name: 'lab01',
      time_limit: 300,
      packet_limit: 20,
      destination_conf,
    });
    await captureBecomes(served, id, ['running']);
    replayFrames(pair.far, numberedFrames(20, 4001));
    const ended = await captureBecomes(served, id, ['success']);
    expect(ended['sensors']).toMatchObject([{ name, interface: pair.near.name, packets: 20 }]);
    expect(parsePcap(deliveredFile(destination_conf, id)).packets).toHaveLength(20);
    const { id: back } = await createCapture(served, { type: 'simple', time_limit: 300, packet_limit: 100 });
    await captureBecomes(served, back, ['success', 'complete']);
    expect(parsePcap(await downloadFile(served, back)).packets).toHaveLength(20);
  },
  240_000,
);

describe('a sensor that was called otherwise, or is no more', () => {
  let data_dir: string;
  beforeEach(() => {
    data_dir = mkdtempSync(join(tmpdir(), 'edgetap-names-'));
  });
  afterEach(() => rmSync(data_dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 }));

  const start = async (name: string): Promise<Served> => {
    served = await startServe({ interfaces: [pair.near.name], data_dir, env: { EDGETAP_SENSOR: name } });
    return served;
  };
  const lookBack = async (from: Served, time_limit: number): Promise<ShownCapture> => {
    const { id } = await createCapture(from, { type: 'simple', time_limit, packet_limit: 1000 });
    return await captureBecomes(from, id);
  };
  const captureSome = async (from: Served, frames: number, bucket = 'captures'): Promise<ShownCapture> => {
    const destination_conf = await provedFileBucket(from, bucket);
    const { id } = await createCapture(from, {
      type: 'full',
      colo_name: 'lab01',
      time_limit: 300,
      packet_limit: frames,
      destination_conf,
    });
    await captureBecomes(from, id, ['running']);
    replayFrames(pair.far, numberedFrames(frames, 4002));
    return await captureBecomes(from, id);
  };
  const namesOf = (capture: ShownCapture): readonly string[] => sensorsOf(capture).map((one) => one.name);
  /** What the host of another sensor would be: this one's identity is gone. */
  const becomeAnother = (): void => rmSync(join(data_dir, 'sensor', 'identity'));
  const edgetap = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(edgetapProgram, [...args, '--data-dir', data_dir]);
    return stdout;
  };
  const heardLongAgo = (name: string): void => {
    const db = new DatabaseSync(join(data_dir, 'edgetap.sqlite'));
    db.prepare('UPDATE sensors SET last_heard = last_heard - 60000000000, left_at = NULL WHERE name = ?').run(name);
    db.close();
  };

  test('a rename keeps its samples, its work and its place: nobody waits for the name of before', async () => {
    const before = await start('before');
    const packetsOf = (capture: ShownCapture): number =>
      sensorsOf(capture).reduce((sum, one) => sum + (one.packets ?? 0), 0);
    const sampled = await waitFor(
      async () => {
        replayFrames(pair.far, numberedFrames(30, 4003));
        return packetsOf(await lookBack(before, 300)) || undefined;
      },
      { what: 'samples' },
    );
    // The bucket takes nothing: what is captured is delivered under the new name.
    const destination_conf = await provedFileBucket(before);
    const directory = destination_conf.slice('file://'.length);
    renameSync(directory, `${directory}.away`);
    writeFileSync(directory, '');
    const { id } = await createCapture(before, {
      type: 'full',
      colo_name: 'lab01',
      time_limit: 300,
      packet_limit: 20,
      destination_conf,
    });
    await captureBecomes(before, id, ['running']);
    replayFrames(pair.far, numberedFrames(20, 4001));
    await captureBecomes(before, id, ['conversion_pending']);
    before.process.kill('SIGTERM');
    before.process.kill('SIGTERM');
    await before.stop();

    const after = await start('after');
    rmSync(directory);
    renameSync(`${directory}.away`, directory);
    const delivered = await captureBecomes(after, id, ['success', 'complete']);
    expect(namesOf(delivered)).toEqual(['after']);
    expect(parsePcap(deliveredFile(destination_conf, id)).packets).toHaveLength(20);
    const back = await lookBack(after, 300);
    expect([namesOf(back), packetsOf(back)]).toEqual([['after'], sampled + 20]);
    const whole = await captureSome(after, 5, 'more');
    expect([whole.status, namesOf(whole)]).toEqual(['success', ['after']]);
    expect(after.output()).toContain('The sensor before is called after now');
    const listed = JSON.parse(await edgetap('sensor', 'list', '--json')) as readonly Record<string, unknown>[];
    expect(listed).toMatchObject([{ name: 'after', colo: 'lab01', status: 'at_work', interfaces: [pair.near.name] }]);
  });

  test('one that said good-bye is named for the time before that, and for none after; removed, for none', async () => {
    await (await start('gone')).stop();
    becomeAnother();
    const now = await start('there');
    const back = await lookBack(now, 300);
    expect(namesOf(back)).toEqual(['gone', 'there']);
    expect(sensorsOf(back)[0]?.error).toMatch(/^The sensor gone was shut down at .*Z: start it again/);
    expect(namesOf(await lookBack(now, 1))).toEqual(['there']);
    const whole = await captureSome(now, 5);
    expect([whole.status, namesOf(whole)]).toEqual(['success', ['there']]);
    expect(await edgetap('sensor', 'list')).toMatch(/gone +lab01 +left .*\nthere +lab01 +at work/);
    await edgetap('sensor', 'remove', 'gone');
    expect(namesOf(await lookBack(now, 300))).toEqual(['there']);
    await expect(edgetap('sensor', 'remove', 'gone')).rejects.toThrow(/There is no sensor gone/);
    await expect(edgetap('sensor', 'remove', 'there')).rejects.toThrow(/The sensor there is at work/);
  });

  test('one that is silent is named, and not waited for', async () => {
    const gone = await start('gone');
    gone.process.kill('SIGKILL');
    await once(gone.process, 'exit');
    await waitFor(() => holds(data_dir, 'sensor') && holds(data_dir, 'control'), { what: 'the children to end' });
    becomeAnother();
    heardLongAgo('gone');
    const now = await start('there');
    const silent = /^The sensor gone is silent: it was last heard of at .*Z\./;
    const back = await lookBack(now, 300);
    expect(namesOf(back)).toEqual(['gone', 'there']);
    expect(sensorsOf(back)[0]).toMatchObject({ status: 'no_answer', error: expect.stringMatching(silent) as string });
    const whole = await captureSome(now, 5);
    expect(whole).toMatchObject({ status: 'complete', packets_captured: 5 });
    expect(sensorsOf(whole)).toMatchObject([
      { name: 'gone', error: expect.stringMatching(silent) as string },
      { name: 'there', packets: 5 },
    ]);
    await edgetap('sensor', 'remove', 'gone');
    expect(namesOf(await lookBack(now, 300))).toEqual(['there']);
    expect(await captureSome(now, 5, 'more')).toMatchObject({ status: 'success' });
  });
});

/** Is nobody else at work there any more? Throws where somebody is. */
function holds(data_dir: string, name: string): boolean {
  const held = holdDirectory(join(data_dir, name), name, 0);
  held.release();
  return true;
}
