import { deepStrictEqual } from 'node:assert/strict';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBody, encodeBody } from './body_codec.ts';
import { type Frame, frameTypes } from './frame.ts';
import { encodeFrame, FrameReader } from './frame_codec.ts';
import { times } from '../../test/support/soak.ts';

const runs = { numRuns: times(200) };

/** Whatever the messages of the bus are made of. */
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 4 },
    fc.string(),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.bigInt(),
    fc.constantFrom(null, undefined),
    fc.uint8Array({ maxLength: 40 }),
    fc.integer({ min: 65_530, max: 65_540 }).map((length) => new Uint8Array(length).fill(length)),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 5 }), tie('any'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).any;

const frame: fc.Arbitrary<Frame> = fc.record({
  head: fc.record({
    to: fc.string({ maxLength: 20 }),
    from: fc.string({ maxLength: 20 }),
    id: fc.string(),
    type: fc.constantFrom(...frameTypes),
  }),
  body: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 3 }),
});

test('a body comes back as a structured clone would', () => {
  fc.assert(
    fc.property(value, fc.boolean(), (sent, in_one) => {
      const pieces = encodeBody(sent);
      const got = decodeBody(in_one && pieces.length > 0 ? [new Uint8Array(Buffer.concat(pieces))] : pieces);
      // Vitest's own takes milliseconds for the large ones.
      deepStrictEqual(got, structuredClone(sent));
    }),
    runs,
  );
});

test('arrays of bytes have memory that nobody else has, and a large one that is alone is not copied', () => {
  const records = new Uint8Array(70_000).fill(7);
  const wire = new Uint8Array(Buffer.concat(encodeBody({ records })));
  const alone = decodeBody([wire]) as { records: Uint8Array };
  expect(alone.records.buffer).toBe(wire.buffer);
  const two = decodeBody(encodeBody({ records, more: records.slice() })) as { records: Uint8Array; more: Uint8Array };
  expect(two.records.buffer).not.toBe(two.more.buffer);
  deepStrictEqual([alone.records, two.records, two.more], [records, records, records]);
});

test('other views are refused, and what is no body is', () => {
  expect(() => encodeBody({ words: new Uint32Array(2) })).toThrow(TypeError);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.boolean(), (noise, framed) => {
      // Behind a prefix that fits it, it is V8 that has to refuse it.
      const prefix = Buffer.alloc(8);
      prefix.writeUInt32LE(noise.length);
      const bytes = framed ? new Uint8Array(Buffer.concat([prefix, noise])) : noise;
      try {
        decodeBody([bytes]);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    runs,
  );
  const cut = new Uint8Array(Buffer.concat(encodeBody({ a: new Uint8Array(100) })));
  expect(() => decodeBody([cut.slice(0, -1)])).toThrow(RangeError);
  expect(() => decodeBody([cut.slice(0, 20)])).toThrow(RangeError);
  expect(() => decodeBody([cut.slice(0, 5)])).toThrow(RangeError);
});

test('frames come out of a stream as they went in, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 90 })), (frames, lengths) => {
      const stream = Buffer.concat(frames.flatMap(encodeFrame));
      const reader = new FrameReader();
      const got: Frame[] = [];
      for (let at = 0, cut = 0; at < stream.length; cut += 1) {
        const length = lengths[cut] ?? stream.length;
        const chunk = new Uint8Array(stream.subarray(at, at + length));
        got.push(...reader.push(chunk));
        chunk.fill(0xee);
        at += length;
      }
      const joined = (body: Frame['body']): Buffer => Buffer.concat(body);
      expect(got.map(({ head, body }) => [head, joined(body)])).toEqual(
        frames.map(({ head, body }) => [head, joined(body)]),
      );
      expect(got.every(({ body }) => body.length < 2)).toBe(true);
    }),
    runs,
  );
});

test.each([
  ['a head beyond all measure', 4097, 0, '{}'],
  ['a body beyond all measure', 2, (64 << 20) + 1, '{}'],
  ['a head that is not JSON', 2, 0, '{x'],
  ['a head that is none', 2, 0, '{}'],
  ['a head that is nothing', 4, 0, 'null'],
])('%s is refused', (_what, head_bytes, body_bytes, text) => {
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32LE(head_bytes, 0);
  prefix.writeUInt32LE(body_bytes, 4);
  expect(() => new FrameReader().push(Buffer.concat([prefix, Buffer.from(text)]))).toThrow(RangeError);
});
