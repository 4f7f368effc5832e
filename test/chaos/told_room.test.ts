import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

let served: Served | undefined;
let pair: NamespacePair | undefined;
let mounted: string | undefined;
afterEach(async () => {
  await served?.stop();
  if (mounted !== undefined) execFileSync('umount', ['--lazy', mounted]);
  await served?.remove();
  await pair?.remove();
  [served, pair, mounted] = [undefined, undefined, undefined];
});

async function readiness(of: Served): Promise<{ readonly status: number; readonly reasons: readonly string[] }> {
  const response = await fetch(`${of.url}/readyz`);
  const { reasons } = (await response.json()) as { reasons: string[] };
  return { status: response.status, reasons };
}

/** Takes all the room that there is. */
function fillUp(path: string, directory: string): void {
  const { bfree, bsize } = statfsSync(directory);
  writeFileSync(path, '');
  for (let length = bfree * bsize; length > 2048; ) {
    try {
      writeFileSync(path, new Uint8Array(length), { flag: 'a' });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      length = Math.floor(length / 2);
    }
  }
}

describe.skipIf(withoutRoot('a small file system'))('a data directory without room', () => {
  test('refuses with the cause, is not ready, and is by itself when there is room', async () => {
    pair = await createNamespacePair();
    const data_dir = mkdtempSync(join(tmpdir(), 'edgetap-room-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'edgetap-test', data_dir]);
    mounted = data_dir;
    served = await startServe({
      interfaces: [pair.near.name],
      data_dir,
      env: { EDGETAP_SAMPLE_BYTES: '8000000', EDGETAP_SPOOL_BYTES: '16000000', EDGETAP_DISK_FREE_BYTES: '0' },
    });
    const at = served;
    const body = { type: 'simple', time_limit: 1, packet_limit: 10 };
    await waitFor(async () => (await readiness(at)).status === 200, { what: 'edgetap to be ready' });
    // The filter is checked from now on without a process that has to start.
    await captureBecomes(served, (await createCapture(served, body)).id);
    fillUp(join(data_dir, 'filler'), data_dir);
    // What the database's own files have room for already is taken until then.
    const refused = await waitFor(
      async () => {
        const answer = await at.call('POST', '/pcaps', { system: 'magic-transit', ...body });
        return answer.status !== 200 && answer;
      },
      { what: 'a refusal' },
    );
    expect([refused.status, refused.body.errors.map(({ code }) => code)]).toEqual([503, [1809]]);
    expect(refused.body.errors[0]?.message).toMatch(/its disk is full .*make room for EDGETAP_DATA_DIR/);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const full = await readiness(at);
    expect([full.status, full.reasons.join('\n')]).toEqual([503, expect.stringContaining('its disk is full')]);
    rmSync(join(data_dir, 'filler'));
    await waitFor(async () => (await readiness(at)).status === 200, {
      what: 'edgetap to be ready again, with nobody asking for anything',
    });
    const { id } = await createCapture(served, body);
    expect((await captureBecomes(served, id)).status).not.toBe('failed');
  });
});
