import { text } from 'node:stream/consumers';
import type { CliIo } from './cli_io.ts';

/** Reads a text of standard input to its end, without the blanks around it. */
export async function readText({ stdin }: Pick<CliIo, 'stdin'>): Promise<string> {
  return (await text(stdin)).trim();
}
