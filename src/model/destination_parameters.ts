/** The parameters that a destination can have. */
export type ParameterName = 'region' | 'endpoint' | 'account-id' | 'access-key-id' | 'secret-access-key';

/** Parameters, read and normalised, and what is wrong with the others. Problems never repeat a value. */
export interface Parameters {
  readonly values: Readonly<Partial<Record<ParameterName, string>>>;
  readonly problems: string[];
}

/** Each: the normalised value, or undefined when it is wrong; and what would be right. */
const readers: Readonly<Record<ParameterName, readonly [(value: string) => string | undefined, string]>> = {
  region: [
    (value) => matching(value.toLowerCase(), /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/),
    'a region such as eu-central-1',
  ],
  endpoint: [readEndpoint, 'a URL of scheme, host and port only, such as https://minio.example.com:9000'],
  'account-id': [(value) => matching(value.toLowerCase(), /^[0-9a-f]{32}$/), '32 hexadecimal characters'],
  'access-key-id': [(value) => matching(value, /^[!-.0-~]{1,128}$/), '1 to 128 visible ASCII characters without /'],
  'secret-access-key': [(value) => matching(value, /^[!-~]{1,256}$/), '1 to 256 visible ASCII characters'],
};

/** Reads a URI's query. Names are taken in any case; unknown, repeated, empty and malformed ones are problems. */
export function readParameters(query: string | undefined, allowed: readonly ParameterName[]): Parameters {
  const values: Partial<Record<ParameterName, string>> = {};
  const problems: string[] = [];
  const seen = new Set<ParameterName>();
  for (const pair of (query ?? '').split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = (equals < 0 ? pair : pair.slice(0, equals)).toLowerCase();
    const known = allowed.find((one) => one === name);
    if (known === undefined) {
      problems.push(`it has ${unknownName(name, equals >= 0)}; possible here: ${allowed.join(', ') || 'none'}`);
    } else if (seen.has(known)) {
      problems.push(`${known} comes twice`);
    } else {
      seen.add(known);
      const [read, expected] = readers[known];
      const decoded = decode(equals < 0 ? '' : pair.slice(equals + 1));
      const value = decoded === undefined ? undefined : read(decoded);
      if (value === undefined) problems.push(`${known} must be ${expected}`);
      else values[known] = value;
    }
  }
  return { values, problems };
}

/** Names only what is surely a name: a key that was not encoded may end up here. */
function unknownName(name: string, has_value: boolean): string {
  return has_value && /^[a-z][a-z-]{0,23}$/.test(name) ? `an unknown parameter "${name}"` : 'an unknown parameter';
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function matching(value: string, pattern: RegExp): string | undefined {
  return pattern.test(value) ? value : undefined;
}

/** Scheme, host and port of an endpoint in the WHATWG URL's one spelling; the root's dot is dropped. */
function readEndpoint(value: string): string | undefined {
  if (!/^https?:\/\/[^/?#@\\\s\p{Cc}]+\/?$/iu.test(value) || !URL.canParse(value)) return undefined;
  const { protocol, hostname, port } = new URL(value);
  const host = hostname.replace(/\.$/, '');
  if (host === '' || /[^a-z0-9.\-_[\]:]/.test(host)) return undefined;
  return `${protocol}//${host}${port === '' ? '' : `:${port}`}`;
}
