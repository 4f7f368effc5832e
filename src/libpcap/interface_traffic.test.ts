import { describe, expect, test } from 'vitest';
import { createNamespacePair } from '../../test/support/namespace_pair.ts';
import { replayFrames } from '../../test/support/replay_frames.ts';
import { withoutRoot } from '../../test/support/without_root.ts';
import { fault, FaultError } from '../model/errors/fault.ts';
import { interfaceBytes } from './interface_traffic.ts';

const head = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`;

describe('the traffic of interfaces', () => {
  test('is what they received and sent, whatever they are called', () => {
    const text = `${head}    lo:     100       1    0    0    0     0          0         0      200       1    0    0    0     0       0          0
br-1:2:    7       1    0    0    0     0          0         0      8       1    0    0    0     0       0          0
`;
    const read = (path: string): string | undefined => (path === '/proc/net/dev' ? text : undefined);
    expect([...interfaceBytes({ read })]).toEqual([
      ['lo', 300],
      ['br-1:2', 15],
    ]);
  });

  test('is not known where it cannot be read', () => {
    expect(interfaceBytes({ read: () => undefined }).size).toBe(0);
    const read = (): string => {
      throw new FaultError([fault('interfaces_unreadable', { reason: 'Too many open files (EMFILE)' })]);
    };
    expect(interfaceBytes({ read }).size).toBe(0);
  });

  test.skipIf(withoutRoot('a cable'))('grows with what comes', async () => {
    const pair = await createNamespacePair();
    try {
      const before = interfaceBytes().get(pair.near.name) ?? 0;
      replayFrames(pair.far, [new Uint8Array(1000).fill(2)]);
      expect((interfaceBytes().get(pair.near.name) ?? 0) - before).toBeGreaterThanOrEqual(986);
    } finally {
      await pair.remove();
    }
  });
});
