import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runShell } from './run_shell.ts';

/** tcpdump over the packet files of a store. */
export interface TcpdumpReader {
  /** Writes what matches in all files to nowhere; resolves with milliseconds. */
  ask(expression: string): Promise<number>;
  /** Counts what matches in all files. */
  count(expression: string): Promise<number>;
  /**
   * The newest `packet_limit`: reads the files that have them, which it is told, and no others. It would have to find out by itself, one
   * file after the other.
   */
  askNewest(expression: string, packet_limit: number): Promise<number>;
  remove(): void;
}

/** Makes one for files, oldest first. */
export function createTcpdumpReader(files: readonly string[]): TcpdumpReader {
  const directory = mkdtempSync(join(tmpdir(), 'edgetap-bench-'));
  const list = (name: string, of: readonly string[]): string => {
    const path = join(directory, name);
    writeFileSync(path, `${of.join('\n')}\n`);
    return path;
  };
  const all = list('all', files);
  const enough = new Map<string, string>();
  const tcpdump = (of: string, expression: string): string[] => ['tcpdump', '-n', '-Z', 'root', '-V', of, expression];
  const timed = async (of: string, expression: string): Promise<number> => {
    const command = [...tcpdump(of, expression), '-w', '/dev/null'];
    const begun = performance.now();
    await runShell([command]);
    return performance.now() - begun;
  };
  const count = async (of: string, expression: string): Promise<number> =>
    Number.parseInt(await runShell([[...tcpdump(of, expression), '--count']]), 10);
  const newest = async (expression: string, packet_limit: number): Promise<string> => {
    let [found, first] = [0, files.length];
    while (first > 0 && found < packet_limit) {
      first -= 1;
      found += await count(list('one', files.slice(first, first + 1)), expression);
    }
    return list(`newest${enough.size}`, files.slice(first));
  };
  return {
    ask: async (expression) => await timed(all, expression),
    count: async (expression) => await count(all, expression),
    async askNewest(expression, packet_limit) {
      const key = `${packet_limit} ${expression}`;
      const of = enough.get(key) ?? (await newest(expression, packet_limit));
      enough.set(key, of);
      return await timed(of, expression);
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}
