import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PieceTicket, openTicket, signTicket } from './signed_ticket.ts';

const [newest, older, strange] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const ticket: PieceTicket = {
  directory: '/var/captures/é',
  key: 'pcap_1.pcap',
  upload_id: 'ab-8388608',
  number: 3,
  length_bytes: 100,
  md5_base64: 'XUFAKrxLKna5cZ2REBfFkg==',
  expires_s: 1_800_000_000,
};

test('what was signed opens, with the key that signed it or a list that has it', () => {
  const text = signTicket(ticket, [newest, older]);
  expect(text).toMatch(/^[\w-]+\.[\w-]{43}$/);
  expect(openTicket(text, [newest])).toEqual(ticket);
  expect(openTicket(text, [strange, newest])).toEqual(ticket);
  expect(openTicket(signTicket(ticket, [older]), [newest, older])).toEqual(ticket);
});

test('nothing else opens', () => {
  const text = signTicket(ticket, [newest]);
  expect(openTicket(text, [older, strange])).toBeUndefined();
  expect(openTicket(text, [])).toBeUndefined();
  for (const wrong of [
    '',
    '.',
    'a.b',
    `${text}.`,
    `${text}.x`,
    text.slice(1),
    text.replace('.', ''),
    text.slice(0, -2),
  ]) {
    expect(openTicket(wrong, [newest])).toBeUndefined();
  }
  const body = Buffer.from(JSON.stringify(Object.values(ticket))).toString('base64url');
  expect(openTicket(`${body}.${randomBytes(32).toString('base64url')}`, [newest])).toBeUndefined();
  expect(() => signTicket(ticket, [])).toThrow(RangeError);
});

test('no character can be changed', () => {
  const text = signTicket(ticket, [newest]);
  fc.assert(
    fc.property(fc.nat(text.length - 2), fc.constantFrom('a', 'X', '0', '9', '-', '_', '.'), (index, character) => {
      const changed = text.slice(0, index) + character + text.slice(index + 1);
      expect(openTicket(changed, [newest]) === undefined).toBe(changed !== text);
    }),
  );
});
