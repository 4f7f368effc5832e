import { expect, test } from 'vitest';
import { giveBack } from './give_back.ts';

test('what is given back has no bytes any more', () => {
  const bytes = new Uint8Array(100).subarray(10);
  giveBack(bytes);
  expect([bytes.length, bytes.buffer.byteLength]).toEqual([0, 0]);
});
