import { expect, test } from 'vitest';
import { exactly } from './exactly.ts';

async function* source(...lengths: number[]): AsyncGenerator<Uint8Array> {
  for (const length of lengths) yield new Uint8Array(length);
}
const total = async (from: AsyncIterable<Uint8Array>): Promise<number> => {
  let sum = 0;
  for await (const chunk of from) sum += chunk.length;
  return sum;
};

test('passes on what is as long as promised, and nothing else', async () => {
  expect(await total(exactly(source(3, 0, 4), 7))).toBe(7);
  expect(await total(exactly(source(), 0))).toBe(0);
  await expect(total(exactly(source(3, 4), 8))).rejects.toThrow('has 7 bytes, not the 8 promised');
  await expect(total(exactly(source(3, 4), 6))).rejects.toThrow('more than the 6 bytes');
});
