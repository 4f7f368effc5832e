import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { piecesOf } from './pieces_of.ts';

test('the pieces are the stream, each full but the last, whatever the chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 30 }),
      async (chunks, piece_bytes) => {
        const whole = Buffer.concat(chunks);
        const pieces: Buffer[] = [];
        const lasts: boolean[] = [];
        let before: { readonly bytes: Uint8Array; readonly copy: Buffer } | undefined;
        async function* source(): AsyncGenerator<Uint8Array> {
          yield* chunks;
        }
        for await (const { bytes, last } of piecesOf(source(), piece_bytes)) {
          // The piece before this one is still being sent.
          if (before !== undefined) expect(Buffer.from(before.bytes).equals(before.copy)).toBe(true);
          before = { bytes, copy: Buffer.from(bytes) };
          pieces.push(before.copy);
          lasts.push(last);
        }
        expect(Buffer.concat(pieces).equals(whole)).toBe(true);
        expect(pieces).toHaveLength(Math.max(1, Math.ceil(whole.length / piece_bytes)));
        for (const piece of pieces.slice(0, -1)) expect(piece).toHaveLength(piece_bytes);
        expect(lasts).toEqual(pieces.map((_, index) => index === pieces.length - 1));
      },
    ),
  );
});
