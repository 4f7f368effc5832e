import { afterEach, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { createProcessLimit, type ProcessLimit } from '../support/process_limit.ts';
import { descendants } from '../support/process_tree.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket, stopCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

let served: Served | undefined;
let pair: NamespacePair | undefined;
let few: ProcessLimit | undefined;
afterEach(async () => {
  await served?.remove();
  await few?.remove();
  await pair?.remove();
  [served, pair, few] = [undefined, undefined, undefined];
});

describe.skipIf(withoutRoot('a limit of processes'))('with no process and no thread left', () => {
  test('captures go on and begin; a filter that cannot be checked is told with its cause and what to raise, until it can', {
    timeout: 900_000,
  }, async () => {
    pair = await createNamespacePair();
    const { name } = pair.near;
    served = await startServe({ interfaces: [name] });
    const destination_conf = await provedFileBucket(served);
    const full = { type: 'full', time_limit: 1, colo_name: 'lab01', destination_conf };
    // Both compilers have started, and every pool has what it keeps.
    const before = await createCapture(served, { ...full, filter_v1: { destination_port: 9 } });
    expect((await captureBecomes(served, before.id)).status).toBe('success');
    const at = served;
    const control = at.pidOf('control');
    const limit = createProcessLimit();
    few = limit;
    const supervisor = at.process.pid ?? 0;
    limit.take(supervisor, ...descendants(supervisor));

    limit.allow(limit.current());
    // Captures share the threads that there are: more of them than threads run without another one.
    const more = await Promise.all(
      Array.from({ length: 12 }, async () => (await createCapture(at, { ...full, time_limit: 3600 })).id),
    );
    for (const one of more) expect((await captureBecomes(at, one, ['failed', 'running'])).status).toBe('running');
    for (const one of more) await stopCapture(at, one);
    for (const one of more) expect((await captureBecomes(at, one)).status).toBe('success');

    const compilers = descendants(control);
    expect(compilers.length).toBeGreaterThan(0);
    limit.allow(1);
    for (const pid of compilers) process.kill(pid, 'SIGKILL');
    const filtered = { ...full, filter_v1: { destination_port: 10 } };
    const refused = await waitFor(
      async () => {
        const answer = await at.call('POST', '/pcaps', { system: 'magic-transit', ...filtered });
        return answer.body.errors[0]?.message.includes('did not start') === true && answer;
      },
      { what: 'a filter that cannot be checked' },
    );
    expect(refused.status).toBe(503);
    expect(refused.body.errors[0]?.message).toMatch(/resource temporarily unavailable \(EAGAIN\).*pids\.max/);

    limit.allow('max');
    const { id } = await createCapture(served, filtered);
    expect((await captureBecomes(served, id)).status).toBe('success');
  });
});
