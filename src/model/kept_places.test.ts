import { array, assert, constantFrom, integer, property } from 'fast-check';
import { expect, test } from 'vitest';
import { KeptPlaces, type Place } from './kept_places.ts';

test('an owner that has too many gives up its own that it used longest ago', () => {
  const places = new KeptPlaces<string>({ total: 10, per_owner: 2 });
  const first = places.take('a', 'first');
  places.take('a', 'second');
  places.take('b', 'third');
  expect(places.verdict('a')).toBe('owner');
  expect(places.toGo('a', () => true)?.of).toBe('first');
  places.use(first);
  expect(places.toGo('a', () => true)?.of).toBe('second');
  expect(places.toGo('a', (of) => of === 'third')).toBeUndefined();
});

test('where all have too many, whoever has most gives up one', () => {
  const places = new KeptPlaces<string>({ total: 3, per_owner: 3 });
  places.take('few', 'x');
  places.take('many', 'y');
  places.take('many', 'z');
  expect(places.verdict('new')).toBe('total');
  expect(places.toGo('new', () => true)?.of).toBe('y');
  expect(places.toGo('new', (of) => of === 'x')?.of).toBe('x');
  expect([places.taken, places.most]).toEqual([3, 2]);
});

test('never more than the bounds say, where each newcomer asks first', () => {
  const step = array(constantFrom('a', 'b', 'c'), { maxLength: 60 });
  assert(
    property(step, integer({ min: 1, max: 6 }), integer({ min: 1, max: 3 }), (owners, total, per_owner) => {
      const places = new KeptPlaces<number>({ total, per_owner });
      const there: Place<number>[] = [];
      for (const [at, owner] of owners.entries()) {
        if (places.verdict(owner) === 'free') there.push(places.take(owner, at));
        const gone = at % 3 === 0 ? there.shift() : undefined;
        if (gone !== undefined) for (const _ of [1, 2]) places.give(gone);
        const counts = ['a', 'b', 'c'].map((one) => there.filter((place) => place.owner === one).length);
        expect(places.taken).toBe(there.length);
        expect(places.most).toBe(Math.max(...counts));
        expect(places.taken).toBeLessThanOrEqual(total);
        expect(places.most).toBeLessThanOrEqual(per_owner);
      }
    }),
  );
});
