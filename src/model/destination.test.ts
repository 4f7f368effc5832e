import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Destination,
  canonicalDestination,
  challengeFilename,
  checkSecrets,
  objectKey,
  parseDestination,
} from './destination.ts';
import { times } from '../../test/support/soak.ts';

const runs = times(500);
const account = '0123456789abcdef0123456789abcdef';

function canonical(text: string): string {
  const parsed = parseDestination(text, '/destination_conf');
  if (!parsed.ok) throw new Error(parsed.faults.map((one) => one.message).join('; '));
  return canonicalDestination(parsed.value.destination);
}

describe('one place, one text', () => {
  test.each<[string, string[]]>([
    [
      's3://captures/edge/a?region=us-east-1',
      [
        's3://captures/edge/a',
        'S3://captures/edge/a/',
        's3://captures//edge//a//?region=US-East-1',
        's3://captures/%65dge/a?REGION=us-east-1',
        's3://captures/edge%2Fa?region=us-east-1&',
        's3://captures/edge/a?access-key-id=AK&secret-access-key=sk&region=us-east-1',
      ],
    ],
    ['s3://captures?region=eu-central-1', ['s3://captures?region=eu-central-1', 's3://captures/?region=eu-central-1']],
    [
      's3://captures?region=us-east-1&endpoint=https://minio.example.com:9000',
      [
        's3://captures?endpoint=https://minio.example.com:9000/',
        's3://captures?endpoint=https%3A%2F%2FMinIO.example.com%3A9000&region=us-east-1',
        's3://captures?region=us-east-1&endpoint=HTTPS://minio.example.com.:9000',
      ],
    ],
    [
      's3://captures?region=us-east-1&endpoint=https://127.0.0.1',
      ['https://127.0.0.1:443', 'https://2130706433', 'https://0x7f.1', 'https://0177.0.0.1'].map(
        (endpoint) => `s3://captures?endpoint=${endpoint}`,
      ),
    ],
    [
      's3://captures?region=us-east-1&endpoint=https://[::1]:9000',
      ['s3://captures?endpoint=https://[0:0:0:0:0:0:0:1]:9000'],
    ],
    ['gs://my_bucket.example/dir', ['gs://my_bucket.example/dir/', 'GS://my_bucket.example//dir']],
    [
      `r2://captures?account-id=${account}`,
      [
        `r2://captures?account-id=${account.toUpperCase()}`,
        `r2://captures/?secret-access-key=b&access-key-id=a&account-id=${account}`,
      ],
    ],
    [
      'file:///var/captures/a%20b',
      ['file:///var/captures/a%20b/', 'FILE:///var//captures/a%20b', 'file:///var/captures/%61%20b'],
    ],
    ['file:///', ['file:///', 'file:////']],
    ['s3://captures/dt=2026,a+b:@$;&%C3%A9%25?region=us-east-1', ['s3://captures/dt%3D2026,a+b:@$;&é%25']],
  ])('%s', (expected, spellings) => {
    for (const spelling of spellings) expect(canonical(spelling)).toBe(expected);
    expect(canonical(expected)).toBe(expected);
  });

  test('different places have different texts', () => {
    const texts = [
      's3://captures',
      's3://captures/a',
      's3://captures/A',
      's3://captures/a%2520b',
      's3://captures/a%20b',
      's3://captures?region=eu-west-1',
      's3://captures?endpoint=https://a.example',
      's3://captures?endpoint=http://a.example',
      's3://captures?endpoint=https://a.example:444',
      'gs://captures',
      `r2://captures?account-id=${account}`,
      `r2://captures?account-id=${account.replace('0', '1')}`,
      'file:///captures',
    ];
    expect(new Set(texts.map(canonical)).size).toBe(texts.length);
  });
});

const segment = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !/[\p{C}\p{Zl}\p{Zp}/\\]/u.test(text) && text !== '.' && text !== '..' && text.isWellFormed());
const place = {
  bucket: fc
    .stringMatching(/^[a-z0-9][a-z0-9-]{1,40}[a-z0-9]$/)
    .filter((name) => !name.startsWith('xn--') && !/^goog|google/.test(name)),
  directory: fc.array(segment, { maxLength: 3 }).map((segments) => segments.join('/')),
};
const endpoint = fc.constantFrom('https://a.example', 'http://10.0.0.1:9000', 'https://[2001:db8::1]:8443');
const destination: fc.Arbitrary<Destination> = fc.oneof(
  fc.record({
    scheme: fc.constant('s3' as const),
    ...place,
    region: fc.constantFrom('us-east-1', 'eu-central-1'),
    endpoint,
  }),
  fc.record({ scheme: fc.constant('s3' as const), ...place, region: fc.constantFrom('us-east-1', 'auto') }),
  fc.record({ scheme: fc.constant('gs' as const), ...place }),
  fc.record({ scheme: fc.constant('r2' as const), ...place, account_id: fc.constant(account), endpoint }),
  fc.record({ scheme: fc.constant('file' as const), directory: place.directory.map((path) => `/${path}`) }),
);

test('the canonical text reads back to the same place', () => {
  fc.assert(
    fc.property(destination, (value) => {
      expect(parseDestination(canonicalDestination(value), '')).toEqual({ ok: true, value: { destination: value } });
    }),
    { numRuns: runs },
  );
});

test('secrets come out as they are meant and are in no canonical text', () => {
  const visible = fc.stringMatching(/^[!-~]{1,60}$/);
  fc.assert(
    fc.property(
      visible.filter((id) => !id.includes('/')),
      visible,
      fc.boolean(),
      (id, key, encoded) => {
        const write = (value: string): string => (encoded || /[%&#\\]/.test(value) ? encodeURIComponent(value) : value);
        const text = `s3://captures?access-key-id=${write(id)}&secret-access-key=${write(key)}`;
        const parsed = parseDestination(text, '');
        expect(parsed.ok && parsed.value.secrets).toEqual({ access_key_id: id, secret_access_key: key });
        expect(canonical(text)).toBe('s3://captures?region=us-east-1');
      },
    ),
    { numRuns: runs },
  );
});

describe('refused', () => {
  test.each<[string, string]>([
    ['', 'must begin with'],
    ['captures', 'must begin with'],
    ['http://captures', 'must begin with'],
    ['s3:/captures', 'must begin with'],
    ['s3:captures', 'must begin with'],
    ['javascript://captures', 'must begin with'],
    [`s3://captures/${'a'.repeat(3000)}`, '3014 characters'],
    ['s3://captures/a b', 'spaces'],
    ['s3://captures/\u0000', 'control'],
    ['s3://captures/\n', 'control'],
    ['s3://captures/\u202e', 'invisible'],
    ['s3://captures/\ud800', 'invisible'],
    ['s3://captures\\dir', 'backslash'],
    ['s3://captures/dir#x', 'fragment'],
    ['s3://', 'needs a bucket'],
    ['s3:///dir', 'needs a bucket'],
    ['s3://?region=us-east-1', 'needs a bucket'],
    ['s3://user:pass@captures/dir', 'user name'],
    ['s3://captures:9000', 'no port'],
    ['s3://ab', '3 to 63'],
    [`s3://${'a'.repeat(64)}`, '3 to 63'],
    ['s3://Captures', 'lower-case'],
    ['s3://bücher', 'ASCII'],
    ['s3://xn--bcher-kva', 'xn--'],
    ['s3://cap_tures', 'only lower-case letters, digits, dots and hyphens'],
    ['s3://cap%2Ftures', 'only lower-case'],
    ['s3://-captures', 'begins and ends'],
    ['s3://captures.', 'begins and ends'],
    ['s3://cap..tures', 'dot beside'],
    ['s3://cap.-tures', 'dot beside'],
    ['s3://192.168.0.1', 'not an address'],
    ['gs://google-captures', 'google'],
    ['gs://goog-captures', 'goog'],
    [`r2://captures.x?account-id=${account}`, 'only lower-case letters, digits and hyphens'],
    ['s3://captures/../x', '. or ..'],
    ['s3://captures/a/./x', '. or ..'],
    ['s3://captures/%2e%2E/x', '. or ..'],
    ['s3://captures/a%2f..%2fx', '. or ..'],
    ['s3://captures/a%5Cx', 'backslash'],
    ['s3://captures/a%00x', 'control'],
    ['s3://captures/a%0Dx', 'control'],
    ['s3://captures/a%E2%80%AEx', 'invisible'],
    ['s3://captures/a%zz', 'percent sign'],
    ['s3://captures/a%ff', 'percent sign'],
    ['s3://captures/a%ED%A0%80', 'percent sign'],
    [`s3://captures/${'a'.repeat(151)}`, '150 bytes'],
    [`s3://captures/${'ab/'.repeat(400)}`, '900 bytes'],
    ['s3://captures?regoin=us-east-1', 'unknown parameter "regoin"; possible here: region, endpoint'],
    ['s3://captures?account-id=x', 'unknown parameter "account-id"'],
    [`r2://captures?account-id=${account}&region=auto`, 'unknown parameter "region"'],
    ['gs://captures?region=auto', 'unknown parameter "region"'],
    ['file:///captures?region=us-east-1', 'unknown parameter "region"; possible here: none'],
    ['s3://captures?region=us-east-1&region=us-east-1', 'region comes twice'],
    ['s3://captures?region=us-east-1&Region=eu-west-1', 'region comes twice'],
    ['s3://captures?region', 'region must be'],
    ['s3://captures?region=', 'region must be'],
    ['s3://captures?region=us%20east', 'region must be'],
    ['s3://captures?region=us-east-1%2F..', 'region must be'],
    ['s3://captures?region=%zz', 'region must be'],
    ['s3://captures?endpoint=minio.example.com', 'endpoint must be'],
    ['s3://captures?endpoint=ftp://minio.example.com', 'endpoint must be'],
    ['s3://captures?endpoint=https://', 'endpoint must be'],
    ['s3://captures?endpoint=https://u:p@minio.example.com', 'endpoint must be'],
    ['s3://captures?endpoint=https://minio.example.com/path', 'endpoint must be'],
    ['s3://captures?endpoint=https://minio.example.com%3Fx', 'endpoint must be'],
    ['s3://captures?endpoint=https://minio.example.com%23x', 'endpoint must be'],
    ['s3://captures?endpoint=https://minio%0A.example.com', 'endpoint must be'],
    ['s3://captures?endpoint=https://minio%5C.example.com', 'endpoint must be'],
    ['s3://captures?endpoint=https://minio.example.com:99999', 'endpoint must be'],
    ['s3://captures?endpoint=https://.', 'endpoint must be'],
    ['s3://captures?access-key-id=AK', 'belong together'],
    ['s3://captures?secret-access-key=sk', 'belong together'],
    ['s3://captures?access-key-id=A/K&secret-access-key=s', 'access-key-id must be'],
    ['s3://captures?access-key-id=A&secret-access-key=s%0A', 'secret-access-key must be'],
    ['r2://captures', 'needs account-id'],
    ['r2://captures?account-id=12', 'account-id must be 32'],
    ['file://', 'file:///directory'],
    ['file://host/captures', 'file:///directory'],
    ['file://captures', 'file:///directory'],
    ['file:///captures/../../etc', '. or ..'],
    ['file:///captures/%2e%2e/etc', '. or ..'],
    ['file:///captures%00', 'control'],
  ])('%j', (text, expected) => {
    const parsed = parseDestination(text, '/destination_conf');
    if (parsed.ok) throw new Error(`accepted: ${JSON.stringify(parsed.value)}`);
    expect(parsed.faults.map((one) => one.message).join('\n')).toContain(expected);
    for (const one of parsed.faults)
      expect(one).toMatchObject({ pointer: '/destination_conf', code: expect.toBeOneOf([1200, 1201]) });
  });

  test('every fault of a text comes at once', () => {
    const parsed = parseDestination('s3://Captures/../x?regoin=a&access-key-id=AK', '/destination_conf');
    expect(parsed.ok ? [] : parsed.faults.map((one) => one.name)).toEqual(Array(4).fill('bucket_uri_invalid'));
  });

  test('no fault repeats a secret', () => {
    const secret = 'wJalrXUtnFEMIK7MDENG';
    const texts = [
      `s3://Captures?access-key-id=${secret}`,
      `s3://captures?access-key-id=AK&secret-access-key=${secret}%0A`,
      `s3://captures?${secret}`,
      `s3://captures?${secret}=`,
      `s3://captures?access-key-id=A&secret-access-key=x&${secret}=1`,
      `s3://AK:${secret}@captures`,
      `s3://captures/${secret}\n`,
      `s3://captures?endpoint=https://AK:${secret}@minio.example.com`,
      `x3://captures?secret-access-key=${secret}`,
    ];
    for (const text of texts) {
      const parsed = parseDestination(text, '/destination_conf');
      expect(parsed.ok).toBe(false);
      expect(JSON.stringify(parsed).toLowerCase()).not.toContain(secret.toLowerCase());
    }
  });

  test('hostile text never throws, and what is taken is safe', () => {
    const piece = fc.constantFrom(
      's3://',
      'file://',
      '/',
      '..',
      '%2e',
      '%2f',
      '%00',
      '?',
      '&',
      '=',
      'region',
      'endpoint',
      'https://',
      '@',
      ':',
      '#',
      '\\',
      'abc',
      'é',
      '%',
      '\u0000',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const parsed = parseDestination(text, '/destination_conf');
          if (!parsed.ok) return;
          const { directory } = parsed.value.destination;
          expect(directory.split('/')).not.toContain('..');
          expect(directory).not.toMatch(/\p{Cc}|\\/u);
        },
      ),
      { numRuns: runs },
    );
  });
});

describe('keys', () => {
  const check = (text: string, ambient: boolean): unknown => {
    const parsed = parseDestination(text, '/destination_conf');
    if (!parsed.ok) throw new Error(parsed.faults[0]?.message);
    const checked = checkSecrets(parsed.value, ambient, '/destination_conf');
    return checked.ok ? 'ok' : checked.faults[0]?.name;
  };
  const keys = 'access-key-id=AK&secret-access-key=sk';
  test.each([
    [`s3://captures?${keys}`, false, 'ok'],
    ['s3://captures', false, 'bucket_ambient_refused'],
    ['s3://captures', true, 'ok'],
    ['s3://captures?endpoint=https://s3.example', true, 'bucket_ambient_endpoint'],
    [`s3://captures?endpoint=https://s3.example&${keys}`, true, 'ok'],
    [`gs://captures?${keys}`, false, 'ok'],
    ['gs://captures', true, 'bucket_keys_missing'],
    [`r2://captures?account-id=${account}&${keys}`, false, 'ok'],
    [`r2://captures?account-id=${account}`, true, 'bucket_keys_missing'],
    ['file:///captures', false, 'ok'],
  ])('%s, ambient %s: %s', (text, ambient, expected) => expect(check(text, ambient)).toBe(expected));
});

test('names under a destination', () => {
  const id = 'ab'.repeat(16);
  const at = (text: string): string => {
    const parsed = parseDestination(text, '');
    if (!parsed.ok) throw new Error(text);
    return objectKey(parsed.value.destination, `pcap_${id}.pcap`);
  };
  expect(at('s3://captures')).toBe(`pcap_${id}.pcap`);
  expect(at('s3://captures/a/b')).toBe(`a/b/pcap_${id}.pcap`);
  expect(at('file:///a')).toBe(`/a/pcap_${id}.pcap`);
  expect(at('file:///')).toBe(`/pcap_${id}.pcap`);
  expect(challengeFilename(id)).toBe(`ownership-challenge-${id}.txt`);
});
