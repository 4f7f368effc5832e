import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { type Served, startServe } from '../support/serve.ts';
import { captureBecomes, createCapture, provedFileBucket, stopCapture } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { withoutRoot } from '../support/without_root.ts';

let served: Served | undefined;
let pair: NamespacePair | undefined;
afterEach(async () => {
  await served?.remove();
  await pair?.remove();
  [served, pair] = [undefined, undefined];
});

describe.skipIf(withoutRoot('an interface of its own'))('an interface', () => {
  test('that may not be captured: look-backs, captures, log and readyz name CAP_NET_RAW and what to run', {
    timeout: 900_000,
  }, async () => {
    pair = await createNamespacePair();
    const { name } = pair.near;
    served = await startServe({ interfaces: [name], via: ['setpriv', '--bounding-set', '-net_raw'] });
    const at = served;
    const told = new RegExp(`s1/${name}: .*CAP_NET_RAW.*--cap-add NET_RAW`);
    await waitFor(
      async () => {
        const response = await fetch(`${at.url}/readyz`);
        return told.test(await response.text()) && response.status === 503;
      },
      { what: 'readyz to tell' },
    );
    const simple = await createCapture(served, { type: 'simple', time_limit: 1, packet_limit: 10 });
    const looked = await captureBecomes(served, simple.id, ['failed']);
    expect(looked['error_message']).toMatch(told);
    expect(looked['sensors']).toMatchObject([{ name: 's1', interface: name, covered: 'nothing' }]);
    const destination_conf = await provedFileBucket(served);
    const full = await createCapture(served, { type: 'full', time_limit: 5, colo_name: 'lab01', destination_conf });
    expect((await captureBecomes(served, full.id, ['failed']))['error_message']).toMatch(told);
    expect(served.output()).toMatch(new RegExp(`sampling ${name}.*CAP_NET_RAW|CAP_NET_RAW.*${name}`));
  });

  test('that was down for 3 s: a full capture is a success and its note has the times', {
    timeout: 900_000,
  }, async () => {
    pair = await createNamespacePair();
    const { name } = pair.near;
    const at = await startServe({ interfaces: [name] });
    served = at;
    const destination_conf = await provedFileBucket(at);
    const body = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf };
    /** Whenever a sensor begins a capture it looks at its interfaces. */
    const begin = async (): Promise<string> => {
      const { id } = await createCapture(at, body);
      await captureBecomes(at, id, ['running']);
      return id;
    };
    const id = await begin();
    execFileSync('ip', ['link', 'set', name, 'down']);
    const while_down = await begin();
    const until = Date.now() + 3000;
    await waitFor(() => Date.now() >= until, { what: 'three seconds' });
    execFileSync('ip', ['link', 'set', name, 'up']);
    const after = await begin();
    for (const one of [id, while_down, after]) await stopCapture(at, one);
    const done = await captureBecomes(at, id, ['success']);
    expect(done['error_message']).toBeUndefined();
    const [part] = done['sensors'] as { readonly note?: string }[];
    const time = '(\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z)';
    const [, down = '', up = ''] =
      new RegExp(`^${time} ${name} went down; ${time} ${name} came up$`).exec(part?.note ?? '') ?? [];
    expect(Date.parse(up) - Date.parse(down)).toBeGreaterThan(2000);
  });
});
