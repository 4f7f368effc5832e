import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { type Commit, checkOut, findCommit } from './support/commit_tree.ts';
import { endDescendants } from './support/end_descendants.ts';
import type { Benchmark } from './support/figure.ts';
import { stop } from './support/stop.ts';

// Runs one benchmark: prints its figures as JSON lines and nothing else on standard output. Exit code 0 when it ran (whether
// the goals are met or not: that is in the lines), 1 when it could not, 2 when there is no such benchmark or commit. Ended by a signal, it
// ends all that it has started and cleans up first.

/** How long a benchmark that is ended may take to put everything away. */
const patience_ms = 15_000;

const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && file !== 'bench.ts')
  .map((file) => file.slice(0, -'.ts'.length));

const { name, against } = commandLine(process.argv.slice(2));
const commit = against === undefined ? undefined : await findCommit(against, name).catch(misused);
const signalled = new Promise<NodeJS.Signals>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, resolve);
});
const done = run(name, commit);
const first = await Promise.race([done, signalled]);
if (typeof first === 'number') process.exit(first);
stop.abort(new Error(`it was ended by ${first}`));
// What was killed leaves errors with whoever talked with it, and there is still to be cleaned up.
process.on('uncaughtException', () => undefined);
await endDescendants(done, patience_ms);
process.exit(128 + constants.signals[first]);

/** Which benchmark, and against what. Ends the process where that is not said. */
function commandLine(args: readonly string[]): { readonly name: string; readonly against?: string } {
  const usage = `Which benchmark? npm run bench -- NAME [--against COMMIT], where NAME is one of: ${names.join(', ')}`;
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { against: { type: 'string', multiple: true } },
    });
    const [given, ...more] = positionals;
    const [commit, ...others] = values.against ?? [];
    if (given === undefined || !names.includes(given) || more.length > 0 || others.length > 0) return misused(usage);
    return { name: given, ...(commit === undefined ? {} : { against: commit }) };
  } catch (error) {
    const [said = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return misused(`${said} ${usage}`);
  }
}

function misused(error: unknown): never {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(2);
}

/** Runs it to its end; gives the exit code. */
async function run(benchmark_name: string, against_commit: Commit | undefined): Promise<number> {
  try {
    const peer = against_commit === undefined ? undefined : await checkOut(against_commit);
    try {
      const { benchmark } = (await import(`./${benchmark_name}.ts`)) as { readonly benchmark: Benchmark };
      for await (const figure of benchmark(peer?.tree)) {
        stop.signal.throwIfAborted();
        console.log(JSON.stringify(figure));
      }
    } finally {
      await peer?.remove();
    }
    return 0;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    console.error(`The benchmark ${benchmark_name} could not be run: ${said}`);
    return 1;
  }
}
