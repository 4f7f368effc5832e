import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import koffi from 'koffi';
import { afterAll, describe, expect, test } from 'vitest';
import { checkExpression } from '../../src/filter/check_expression.ts';
import { ipProtocolName } from '../../src/filter/ip_protocol_name.ts';
import { protocolNumbers } from '../../src/filter/protocol_numbers.ts';
import { openCompileHandle } from '../../src/libpcap/compile_handle.ts';
import { compileText } from '../../src/libpcap/compile_text.ts';
import { times } from '../support/soak.ts';
import { testSeed } from '../support/test_seed.ts';
import { randomExpression } from './random_expression.ts';

// What a name of a protocol is to libpcap where it may read /etc/protocols, and what edgetap makes of it without.

const configure: (database: string, line: string) => number = koffi
  .load(null)
  .func('int __nss_configure_lookup(const char *database, const char *line)');

const handle = openCompileHandle(1);
afterAll(() => handle.close());
const compiled = (text: string, source: 'files' | 'edgetap_none' = 'files'): unknown => {
  expect(configure('protocols', source)).toBe(0);
  return compileText(handle.pointer, text);
};

/** All names of /etc/protocols and their aliases. */
const listed = readFileSync('/etc/protocols', 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [name, number, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    return name === undefined || number === undefined
      ? []
      : [name, ...aliases].map((one) => [one, Number(number)] as const);
  });
const unlisted = ['nosuch', 'TCPX', 'tcp-', '6in4x', 'http'];
const heads = ['ip proto', 'ip6 proto', 'proto', 'src proto', 'ip proto 6 or not', 'ip proto (6 or'];

describe('a name of /etc/protocols', () => {
  test('is one', () => expect(listed.length).toBeGreaterThan(50));

  test.each(listed)(
    '%s is the number that libpcap takes it for, or is refused as one that would have to be looked up',
    (name, number) => {
      const text = `ip proto \\${name}`;
      expect(compiled(text)).toEqual(compiled(`ip proto ${number}`));
      expect(ipProtocolName(text)).toBe(name);
      const checked = checkExpression(text);
      if (protocolNumbers.has(name)) {
        expect(checked).toEqual({ ok: true, value: `ip proto ${number}` });
      } else {
        expect(checked.ok ? [] : checked.faults.map((one) => one.name)).toEqual(['expression_word']);
      }
    },
  );
});

test('names that are none are refused as before', () => {
  for (const name of unlisted) {
    expect(compiled(`ip proto \\${name}`)).toEqual({ kind: 'error', reason: `unknown ip proto '${name}'` });
    expect(ipProtocolName(`ip proto \\${name}`)).toBe(name);
    const checked = checkExpression(`ip proto \\${name}`);
    expect(checked.ok ? [] : checked.faults.map((one) => one.name)).toEqual(['expression_word']);
  }
});

describe('a text without a name of a protocol', () => {
  const name = fc.constantFrom(...listed.map(([one]) => one), ...unlisted);
  const named = fc
    .tuple(fc.constantFrom(...heads), fc.constantFrom(' ', ' \\', ' 17 or ', ' 17 or \\'), name, fc.boolean())
    .map(([head, between, word, closed]) => `${head}${between}${word}${head.includes('(') || closed ? ')' : ''}`);
  const text = fc
    .array(fc.oneof(named, randomExpression), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join(' or '));

  test('means the same to libpcap whether it may read the file or not', () => {
    const seed = testSeed('names of protocols');
    const counts = { with_name: 0, without: 0 };
    fc.assert(
      fc.property(text, (one) => {
        const found = ipProtocolName(one);
        counts[found === undefined ? 'without' : 'with_name'] += 1;
        if (found === undefined) expect(compiled(one, 'edgetap_none')).toEqual(compiled(one));
      }),
      { seed, numRuns: times(300) },
    );
    expect(Math.min(counts.with_name, counts.without)).toBeGreaterThan(10);
  });
});
