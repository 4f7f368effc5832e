import { describe, expect, test } from 'vitest';
import { alone, compared } from '../../bench/support/figure.ts';

const of = { bench: 'capture', case: '64 B', unit: 'cpu', peer: 'tcpdump', goal: 0.75 } as const;

describe('a figure', () => {
  test('says how many times better than the peer, whatever the unit', () => {
    const [ours, theirs] = [
      [3, 1, 2],
      [1, 1, 9],
    ];
    expect(compared({ ...of, better: 'less', ours, theirs })).toEqual({
      ...of,
      ours: 2,
      theirs: 1,
      ratio: 0.5,
      met: false,
    });
    expect(compared({ ...of, better: 'more', ours, theirs })).toMatchObject({ ratio: 2, met: true });
  });

  test('has a ratio where there is nothing of a cost', () => {
    const more = { ...of, better: 'less', resolution: 0.001 } as const;
    expect(compared({ ...more, ours: [0], theirs: [0] })).toMatchObject({ ours: 0, theirs: 0, ratio: 1 });
    expect(compared({ ...more, ours: [0], theirs: [1] })).toMatchObject({ ratio: 1001, met: true });
    expect(compared({ ...more, ours: [1], theirs: [0] })).toMatchObject({ ratio: 0.000999, met: false });
  });

  test('has the mean of the two in the middle of an even number of runs', () => {
    expect(compared({ ...of, better: 'less', ours: [1, 2, 4, 100], theirs: [6] })).toMatchObject({ ours: 3, ratio: 2 });
    expect(() => compared({ ...of, better: 'less', ours: [], theirs: [1] })).toThrow(RangeError);
  });

  test('without a peer is held against its goal', () => {
    const more = { bench: 'arm', case: 'stop', unit: 'p99_ms', goal: 200 } as const;
    expect(alone({ ...more, better: 'less', ours: 123.456 })).toEqual({ ...more, ours: 123.5, met: true });
    expect(alone({ ...more, better: 'less', ours: 201 })).toMatchObject({ met: false });
    expect(alone({ ...more, better: 'more', ours: 201 })).toMatchObject({ met: true });
  });
});
