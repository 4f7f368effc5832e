import { describe, expect, test } from 'vitest';
import { Outbox, type PartNews } from './outbox.ts';

const news = (change: Partial<PartNews> = {}): PartNews => ({
  capture_id: 'a'.repeat(32),
  interface: 'eth0',
  phase: 'armed',
  ...change,
});

/** An outbox, and how often it has asked to be emptied at once. */
function outbox(): { box: Outbox; urgent: () => number } {
  let count = 0;
  return {
    box: new Outbox(
      () => (count += 1),
      () => 70n,
    ),
    urgent: () => count,
  };
}

describe('the outbox', () => {
  test('a changed phase is urgent, a changed count is not', () => {
    const { box, urgent } = outbox();
    box.put(news());
    box.put(news({ packets: 1n }));
    expect(urgent()).toBe(1);
    box.put(news({ phase: 'ended', packets: 1n }));
    expect(urgent()).toBe(2);
    expect(box.pending()).toEqual([{ ...news({ phase: 'ended', packets: 1n }), sequence: 3 }]);
  });

  test('how long ago a part armed is told as it is when it is sent', () => {
    let now = 100n;
    const box = new Outbox(
      () => undefined,
      () => now,
    );
    box.put(news({ armed_at: 5n, armed_monotonic: 90n }));
    const sent = { ...news({ armed_at: 5n }), sequence: 1 };
    expect(box.pending()).toEqual([{ ...sent, armed_ago_ns: 10n }]);
    now = 3_600_000_000_000n;
    expect(box.pending()).toEqual([{ ...sent, armed_ago_ns: now - 90n }]);
  });

  test('what somebody waits for is urgent even where nothing has changed', async () => {
    const { box, urgent } = outbox();
    box.put(news());
    box.commit('a'.repeat(32), 'eth0', 1);
    expect(box.pending()).toEqual([]);
    const before = urgent();
    const told = box.tell(news());
    expect(urgent()).toBeGreaterThan(before);
    expect(box.pending()).toHaveLength(1);
    box.commit('a'.repeat(32), 'eth0', 2);
    await told;
  });

  test('a newer report that is committed stands for the older ones', async () => {
    const { box } = outbox();
    const first = box.tell(news());
    box.put(news({ packets: 9n }));
    box.commit('a'.repeat(32), 'eth0', 2);
    await first;
    expect(box.pending()).toEqual([]);
    box.commit('a'.repeat(32), 'eth0', 1);
    expect(box.pending()).toEqual([]);
  });

  test('whoever waits for a part that is forgotten need not', async () => {
    const { box } = outbox();
    const told = box.tell(news());
    box.forget('a'.repeat(32), 'eth0');
    await told;
    expect(box.pending()).toEqual([]);
  });
});
