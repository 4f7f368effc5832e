import { catalogue } from '../model/errors/catalogue.ts';
import type { FaultKind } from '../model/errors/kind.ts';

const again: Readonly<Record<FaultKind['retry'], string>> = {
  no: 'no',
  soon: 'after Retry-After',
  default: 'as the client likes',
};

/** The page that every error's `documentation_url` leads to. */
export function errorsPage(): string {
  const kinds: [string, FaultKind][] = Object.entries(catalogue);
  const rows = kinds
    .sort(([, a], [, b]) => a.code - b.code)
    .map(
      ([name, { code, status, retry, text }]) =>
        `<tr id="${code}"><td>${code}</td><td>${name}</td><td>${status}</td><td>${again[retry]}</td><td>${escaped(text)}</td></tr>`,
    );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>edgetap: errors</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color-scheme: light dark }
table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid #8884; padding: .4rem .6rem; text-align: left; vertical-align: top }
tr:target { background: #fc04 }
</style>
</head>
<body>
<h1>Errors</h1>
<p>Codes are stable. Braces stand for what an error fills in. Status 500 marks what is edgetap's own affair: it is written into
captures and logs, and a request that meets it is answered with 1012.</p>
<table>
<thead><tr><th>Code</th><th>Name</th><th>Status</th><th>Send again?</th><th>Message</th></tr></thead>
<tbody>
${rows.join('\n')}
</tbody>
</table>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
