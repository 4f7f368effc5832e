import * as fc from 'fast-check';
import { type Body, frameBytes, wholeFrame } from './random_frame.ts';

const ethernet = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

const whole = wholeFrame.map(frameBytes);
const body = wholeFrame.map((frame): [Body['kind'], Uint8Array] => [
  frame.body.kind,
  frameBytes({ tags: [], body: frame.body }).subarray(14),
]);

/** A frame with tags whose first type says something else: what is looked for behind a tag is there, and the tag is not. */
const untyped = fc
  .tuple(whole, fc.constantFrom(0x0800, 0x86dd, 0x0806, 0x88cc, 0x8847, 0x8864, 0x0026))
  .map(([frame, type]) => Uint8Array.from([...frame.subarray(0, 12), type >> 8, type & 0xff, ...frame.subarray(14)]));

/** IP behind one or two MPLS labels, the last of them marked as such; or marked wrongly. */
const inMpls = fc
  .tuple(fc.array(fc.constantFrom(16, 1024), { minLength: 1, maxLength: 2 }), fc.boolean(), body)
  .map(([labels, right, [, bytes]]) => {
    const stack = labels.flatMap((label, at) => {
      const last = (at === labels.length - 1) === right ? 1 : 0;
      return [label >> 12, (label >> 4) & 0xff, ((label & 0xf) << 4) | last, 64];
    });
    return Uint8Array.from([...ethernet, 0x88, 0x47, ...stack, ...bytes]);
  });

const inPppoe = fc.tuple(fc.constantFrom(0x8864, 0x8864, 0x88cc), body).map(([type, [kind, bytes]]) => {
  const header = [0x11, 0, 0, 7, 0, bytes.length + 2, 0, kind === 'ipv6' ? 0x57 : 0x21];
  return Uint8Array.from([...ethernet, type >> 8, type & 0xff, ...header, ...bytes]);
});

/** A whole frame in Geneve over IPv4 and UDP. */
const inGeneve = whole.map((inner) => {
  const udp = [0x30, 0, 0x17, 0xc1, 0, 0, 0, 0];
  const geneve = [0, 0, 0x65, 0x58, 0, 0, 11, 0];
  const length = 20 + udp.length + geneve.length + inner.length;
  const ip = [0x45, 0, length >> 8, length & 0xff, 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 7, 10, 200, 3, 4];
  return Uint8Array.from([...ethernet, 8, 0, ...ip, ...udp, ...geneve, ...inner]);
});

/** IP with an address that a filter means by an odd spelling: `host 10`, `net 10`, `host ::ffff:10.0.0.1`. */
const oddAddress = fc
  .tuple(
    wholeFrame.filter(({ body }) => body.kind === 'ipv4' || body.kind === 'ipv6'),
    fc
      .constantFrom('0000000a', '0a010203', '0a000000', '00000000', '08000001', '0a00ff01')
      .map((hex) => Buffer.from(hex, 'hex')),
  )
  .map(([frame, address]) => {
    const bytes = frameBytes({ tags: [], body: frame.body });
    const mapped = Buffer.concat([Buffer.alloc(10), Buffer.of(0xff, 0xff, 10, 0, 0, 1)]);
    if (frame.body.kind === 'ipv4') bytes.set(address, 14 + 12);
    else bytes.set(mapped, 14 + 8);
    return bytes;
  });

/** Frames in which something that a filter may look for stands at another place than it seems. */
export const hiddenFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 3, arbitrary: untyped },
  inMpls,
  inPppoe,
  inGeneve,
  oddAddress,
);
