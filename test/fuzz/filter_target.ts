import { parseNetwork } from '../../src/filter/address.ts';
import { checkExpression, namesVlan } from '../../src/filter/check_expression.ts';
import { checkFilterV1 } from '../../src/filter/check_filter_v1.ts';
import { tokenize } from '../../src/filter/expression_tokens.ts';
import { filterText } from '../../src/filter/filter_text.ts';
import { joinFilter } from '../../src/filter/join_filter.ts';
import { catalogue } from '../../src/model/errors/catalogue.ts';
import { type Fault, FaultError } from '../../src/model/errors/fault.ts';
import { filterCases } from '../fixtures/filter_cases.ts';
import type { FuzzRandom } from './fuzz_random.ts';

const pieces = [
  ...'and or not ip ip6 tcp udp host net port portrange src dst vlan mpls pppoes geneve proto protochain ether len'.split(
    ' ',
  ),
  ...'less greater gateway mask inbound ifname type subtype llc rnr broadcast multicast ( ) [ ] { } < > = != & | && ||'.split(
    ' ',
  ),
  ...'<< >> + - * / % : :: ! ^ \\ \\tcp \\(x . .. 0 0x 0x1f 1 10.0.0.1 10.0.0.0/8 1.2.3 2001:db8::1 ::ffff:1.2.3.4 1::'.split(
    ' ',
  ),
  ...'02:00:00:00:00:01 1:1: a:b:c: aa.bb $1f 80-90 http example.com TCP é 99999999999999999999 tcp-syn tcpflags'.split(
    ' ',
  ),
  ' ',
  '\t',
  '\n',
  '\0',
  '\x7f',
  '  ',
  '',
];
const addresses = [
  '10.0.0.1',
  '10.0.0.0/8',
  '2001:db8::/32',
  '::',
  '::1/128',
  '::ffff:1.2.3.4',
  '1.2.3.4/33',
  '01.2.3.4',
  'fe80::1%e',
  '/',
  ':::',
];

/**
 * The parsers of filters: any text is judged and none thrown over, with faults of the catalogue that point into it; what passes
 * is printable, passes again and stays as it is.
 */
export function filterTarget(): (random: FuzzRandom) => void {
  const known = filterCases.flatMap(({ ask, tcpdump }) => [ask.filter_expression ?? '', tcpdump]);
  return (random) => {
    const text = random.once(2) ? mutateText(random, random.pick(known)) : randomText(random);
    try {
      judgeExpression(text);
      judgeFields(random, text);
    } catch (error) {
      throw new Error(`of ${JSON.stringify(text)}`, { cause: error });
    }
  };
}

function judgeExpression(text: string): void {
  const tokens = tokenize(text);
  let end = 0;
  for (const token of tokens) {
    const between = text.slice(end, token.offset);
    if (token.text === '' || /[^ \t\n]/.test(between)) throw new Error(`the token at ${token.offset} is none`);
    if (!text.startsWith(token.text, token.offset)) throw new Error(`"${token.text}" is not at ${token.offset}`);
    end = token.offset + token.text.length;
  }
  if (/[^ \t\n]/.test(text.slice(end))) throw new Error('there is more than the tokens');
  const checked = checkExpression(text);
  if (!checked.ok) {
    faultsAt(checked.faults, '/filter_expression', 10);
    expectFault(() => joinFilter({ filter_v1: {}, expression: text, networks: 'all' }));
    return;
  }
  if (!/^[\t\n\x20-\x7e]*$/.test(checked.value)) throw new Error('what passed is not printable');
  const again = checkExpression(checked.value);
  if (!again.ok || again.value !== checked.value) throw new Error(`what passed does not pass again: ${checked.value}`);
  const joined = joinFilter({ filter_v1: {}, expression: text, networks: ['10.0.0.0/8'], match_inner: true });
  const own = joined.own_tags_text !== '';
  if (own !== (namesVlan(text) && text.trim() !== '')) throw new Error('a text of its own where there are no tags');
  if (!joined.any_tags_text.startsWith('(net 10.0.0.0/8)')) throw new Error('the scope is not first');
}

function judgeFields(random: FuzzRandom, text: string): void {
  const value = (): unknown =>
    random.pick<() => unknown>([
      () => undefined,
      () => null,
      () => text.slice(0, random.below(60)),
      () => mutateText(random, random.pick(addresses)),
      () => random.pick(addresses),
      () => random.pick([0, -1, 6, 17, 80, 255, 256, 65_535, 65_536, 1.5, NaN, Infinity]),
      () => [text],
      () => ({ text }),
    ])();
  const raw = {
    source_address: value(),
    destination_address: value(),
    source_port: value(),
    destination_port: value(),
    protocol: value(),
  };
  for (const address of [raw.source_address, text]) if (typeof address === 'string') parseNetwork(address);
  const checked = checkFilterV1(raw);
  if (!checked.ok) {
    faultsAt(checked.faults, '/filter_v1/', 7);
    return;
  }
  const again = checkFilterV1(checked.value);
  if (JSON.stringify(again) !== JSON.stringify(checked)) throw new Error('the canonical filter has another');
  const made = filterText(checked.value);
  // What edgetap writes itself must be an expression that it takes.
  if (!checkExpression(made).ok) throw new Error(`it makes "${made}" of ${JSON.stringify(raw)}`);
}

function faultsAt(faults: readonly Fault[], pointer: string, most: number): void {
  if (faults.length === 0 || faults.length > most) throw new Error(`${faults.length} faults`);
  for (const one of faults) {
    if (!(one.name in catalogue) || one.pointer?.startsWith(pointer) !== true) throw new Error(JSON.stringify(one));
  }
}

function expectFault(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (error instanceof FaultError) return;
    throw error;
  }
  throw new Error('what is at fault was joined');
}

function randomText(random: FuzzRandom): string {
  // Now and then a long one, of few different pieces: what would take time for its length shows.
  const few = random.once(8) ? Array.from({ length: 3 }, () => random.pick(pieces)) : pieces;
  const length = few === pieces ? random.below(14) : random.below(1500);
  const between = random.pick(['', ' ']);
  return Array.from({ length }, () => random.pick(few))
    .join(between)
    .slice(0, 5000);
}

function mutateText(random: FuzzRandom, original: string): string {
  let text = original;
  for (let left = random.below(5); left > 0; left--) {
    const at = random.below(text.length + 1);
    const end = at + random.below(8);
    const put = random.pick([random.pick(pieces), String.fromCodePoint(random.below(0x180)), '', text.slice(at, end)]);
    text = text.slice(0, at) + put + text.slice(random.once(2) ? at : end);
  }
  return text;
}
