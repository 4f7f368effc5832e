import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeptContent, type Reserved } from './kept_content.ts';

const all_bytes = 16 << 20;

async function keep(room: Reserved, chunks: readonly Uint8Array[]): Promise<void> {
  const content = async function* (): AsyncGenerator<Uint8Array> {
    yield* chunks.map((chunk) => chunk.slice());
  };
  let passed = 0;
  for await (const chunk of room.keeping(content())) passed += chunk.length;
  expect(passed).toBe(chunks.reduce((sum, { length }) => sum + length, 0));
}

function reserved(kept: KeptContent, bytes: number): Reserved {
  const room = kept.reserve(bytes);
  if (room === undefined) throw new Error('there was no room');
  return room;
}

test('any part of any content, however it came, is given as it was', async () => {
  const chunk = fc.oneof(fc.uint8Array({ maxLength: 10 }), fc.constant(new Uint8Array(150_000).fill(7)));
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 5 }), fc.nat(), fc.nat(), async (chunks, one, other) => {
      const whole = Buffer.concat(chunks);
      const [first = 0, end = 0] = [one, other].map((at) => at % (whole.length + 1)).toSorted((a, b) => a - b);
      const kept = new KeptContent();
      const room = reserved(kept, whole.length);
      await keep(room, chunks);
      expect(room.length_bytes).toBe(whole.length);
      expect((await buffer(room.body(first, end))).equals(whole.subarray(first, end))).toBe(true);
      // It is kept no more.
      expect(kept.reserve(all_bytes)).toBeDefined();
    }),
  );
});

test('what a client leaves unread is kept until it has gone', async () => {
  const kept = new KeptContent();
  const room = reserved(kept, all_bytes);
  await keep(room, [new Uint8Array(1 << 20)]);
  const body = room.body(0, 1 << 20);
  body.read();
  expect(kept.reserve(1)).toBeUndefined();
  body.destroy();
  await once(body, 'close');
  expect(kept.reserve(all_bytes)).toBeDefined();
});

test('room is given back once', () => {
  const kept = new KeptContent();
  const [room] = [reserved(kept, all_bytes - 1), reserved(kept, 1)];
  room.release();
  room.release();
  expect(kept.reserve(all_bytes - 1)).toBeDefined();
  expect(kept.reserve(1)).toBeUndefined();
});
