import { readFileSync } from 'node:fs';

/** edgetap's own version, as package.json has it. */
export function edgetapVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { readonly version: string };
  return version;
}
