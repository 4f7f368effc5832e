import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespacePair, type NamespacePair } from '../../test/support/namespace_pair.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { acceptAll, interfaceNamed, startEngine } from './test_engine.ts';

describe.skipIf(withoutRoot('capturing'))('an engine that is closed', () => {
  let pair: NamespacePair;
  beforeAll(async () => {
    pair = await createNamespacePair();
  });
  afterAll(() => pair.remove());

  test('ends also what is just being armed', async () => {
    const engine = await startEngine({ workers_warm: 0 });
    const arming = [1, 2, 3].map(() => engine.arm(pair.near.name, { program: acceptAll(1) }));
    const closing = engine.close();
    const ends = await Promise.all(arming.map(async (one) => (await one).ended));
    expect(ends.map((end) => end.stop_reason)).toEqual(['shutdown', 'shutdown', 'shutdown']);
    await closing;
  });

  test('looks at no interface any more', async () => {
    const engine = await startEngine();
    await engine.close();
    await expect(engine.engine.probeLinktype(interfaceNamed(pair.near.name))).rejects.toMatchObject({
      faults: [{ name: 'capture_ended' }],
    });
  });
});
