import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { catalogue } from '../src/model/errors/catalogue.ts';
import type { FaultKind } from '../src/model/errors/kind.ts';

/** Where the document is. */
export const errorsDocPath: string = join(resolve(import.meta.dirname, '..'), 'docs', 'errors.md');

/** What each hundred of codes is about. */
const areas: ReadonlyMap<number, string> = new Map([
  [10, 'Requests as such'],
  [11, 'Captures'],
  [12, 'Buckets'],
  [13, 'Filters'],
  [14, 'Capture files'],
  [15, 'Capturing'],
  [16, 'Samples, and what is kept on disk'],
  [17, 'Uploads'],
  [18, 'State'],
  [19, 'Operators and the command line'],
  [20, 'Sensors'],
  [21, 'Notices: what the `messages` of a good answer say'],
]);

const again: Readonly<Record<FaultKind['retry'], string>> = {
  no: 'no',
  soon: 'after `Retry-After`',
  default: 'as clients do',
};

/** The list of all errors, made from the catalogue. */
export function errorsDoc(): string {
  const kinds: [string, FaultKind][] = Object.entries(catalogue);
  const byArea = Map.groupBy(
    kinds.sort(([, a], [, b]) => a.code - b.code),
    ([, { code }]) => Math.floor(code / 100),
  );
  const sections = [...byArea].map(([area, rows]) => {
    const title = areas.get(area);
    if (title === undefined) throw new Error(`the codes from ${area}00 on have no title in tools/errors_doc.ts`);
    return `## ${title}\n\n${table(rows)}`;
  });
  return `# Errors

Made by \`node tools/errors_doc.ts\` from the catalogue in \`src/model/errors/\`. Every edgetap serves the same list under
\`/docs/errors\`.

A code never changes its meaning; texts may get better. Braces stand for what an error fills in. The status is that of the answer
to a request; 500 marks what is edgetap's own affair: it is written into captures and logs, and a request that meets it is answered with
1012. "Again" says whether sending the same request again can help: \`no\` comes with \`x-should-retry: false\`.

${sections.join('\n\n')}
`;
}

function table(rows: readonly (readonly [string, FaultKind])[]): string {
  const lines = rows.map(([name, { code, status, retry, text }]) => {
    // A bar would end the cell, and an angle bracket begin a tag.
    const shown = text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
    return `| <a id="${code}"></a>${code} | \`${name}\` | ${status} | ${again[retry]} | ${shown} |`;
  });
  return ['| code | name | status | again | message |', '|---|---|---|---|---|', ...lines].join('\n');
}

if (import.meta.main) {
  writeFileSync(errorsDocPath, errorsDoc());
  console.log(`docs/errors.md has ${readFileSync(errorsDocPath, 'utf8').split('<a id=').length - 1} errors`);
}
