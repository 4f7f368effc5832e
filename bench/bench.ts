import { readdirSync } from 'node:fs';
import type { Benchmark } from './support/figure.ts';

// Runs one benchmark: prints its figures as JSON lines and nothing else on standard output. Exit code 0 when it ran (whether
// the goals are met or not: that is in the lines), 1 when it could not, 2 when there is no such benchmark.

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'bench.ts')
  .map((file) => file.slice(0, -'.ts'.length));
const [name, ...rest] = process.argv.slice(2);

if (name === undefined || rest.length > 0 || !names.includes(name)) {
  console.error(`Which benchmark? npm run bench -- NAME, where NAME is one of: ${names.join(', ')}`);
  process.exit(2);
}
try {
  const { benchmark } = (await import(`./${name}.ts`)) as { readonly benchmark: Benchmark };
  for await (const figure of benchmark()) console.log(JSON.stringify(figure));
} catch (error) {
  console.error(`The benchmark ${name} could not be run: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
