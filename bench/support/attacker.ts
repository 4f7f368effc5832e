import { createInterface } from 'node:readline';
import { type AttackName, attacks, type Target } from './attacks.ts';

// A hostile tenant in a process of its own, until it is killed. Its argument is whom it attacks, in JSON. It reads one line, the name of the attack,
// and answers `begun`.

const target = JSON.parse(process.argv[2] ?? '') as Target;
// A connection that is cut off while nobody waits for it is nothing to end for.
process.on('uncaughtException', () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  attacks[line as AttackName](target).catch((error: unknown) => console.error(error));
  console.log('begun');
}
