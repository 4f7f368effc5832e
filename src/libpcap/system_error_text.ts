import { getSystemErrorMap } from 'node:util';

/**
 * What went wrong, for people: of errors of the system their errno in words, which Node leaves out where it starts processes and
 * threads, as `resource temporarily unavailable (EAGAIN)`.
 */
export function systemErrorText(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const known = getSystemErrorMap()
    .values()
    .find(([name]) => name === code || name === said);
  return known === undefined || said.includes(known[1]) ? said : `${known[1]} (${known[0]})`;
}
