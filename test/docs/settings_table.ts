import { serveSettings } from '../../src/main/settings.ts';

/** The table of settings in docs/operations.md. */
export function settingsTable(): string {
  const rows = serveSettings.map(({ name, value_name, help, fallback }) => {
    const shown = fallback === undefined ? '' : `\`${fallback}\``;
    return `| \`${name}\` | ${value_name} | ${help} | ${shown} |`;
  });
  return ['| variable | value | what it is | default |', '|---|---|---|---|', ...rows].join('\n');
}
