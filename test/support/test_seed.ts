import { randomInt } from 'node:crypto';

/** The seed of a random test, printed so that EDGETAP_SEED can repeat it. */
export function testSeed(what: string): number {
  const seed = Number(process.env['EDGETAP_SEED'] ?? randomInt(2 ** 31));
  process.stdout.write(`${what}: EDGETAP_SEED=${seed}\n`);
  return seed;
}
