import { type Fault, fault } from '../model/errors/fault.ts';
import { limits } from '../model/limits.ts';
import { ok, type Result, refused } from '../model/result.ts';
import { type Token, tokenize } from './expression_tokens.ts';
import { tunnelReason, unsupportedReason } from './expression_words.ts';
import { NameContext } from './name_context.ts';
import { protocolNumbers } from './protocol_numbers.ts';

/** Most faults that one expression is answered with. */
const faults_max = 10;

/**
 * Checks a filter expression as far as that is possible without libpcap: its length, its characters, its parentheses, and that it
 * holds no word that libpcap would look up (host, network and port names) or that cannot work here. The value is the text to
 * compile: the user's own, with the names of IP protocols (`proto \tcp`) replaced by their numbers. Positions in faults
 * count characters from 1; at most ten faults come at once. What passes here must still compile, alone.
 */
export function checkExpression(expression: string, pointer = '/filter_expression'): Result<string> {
  const field = pointer.slice(pointer.lastIndexOf('/') + 1);
  if (expression.length > limits.expression_max_chars) {
    return refused(fault('expression_length', { field, length: expression.length }, pointer));
  }
  const odd = expression.search(/[^\t\n\x20-\x7e]/);
  if (odd !== -1) return refused(fault('expression_text', { field, position: odd + 1 }, pointer));

  const tokens = tokenize(expression);
  const faults: Fault[] = unbalanced(tokens).map((reason) => fault('expression_syntax', { field, reason }, pointer));
  const context = new NameContext();
  let text = '';
  let copied = 0;
  for (const [index, token] of tokens.entries()) {
    const found = inspect(token, context.use, tokens[index - 1]);
    if (found?.fault !== undefined) {
      faults.push(
        fault(found.fault, { field, word: token.text, position: token.offset + 1, reason: found.reason }, pointer),
      );
    }
    if (found?.replacement !== undefined) {
      text += expression.slice(copied, token.offset);
      // A backslash begins a word by itself, a digit does not.
      text += /[\w.:-]$/.test(text) ? ` ${found.replacement}` : found.replacement;
      copied = token.offset + token.text.length;
    }
    context.follow(token);
  }
  const [first, ...more] = faults;
  return first === undefined ? ok(text + expression.slice(copied)) : refused(first, ...more.slice(0, faults_max - 1));
}

/** Does the expression itself speak of VLAN tags? */
export function namesVlan(expression: string): boolean {
  return tokenize(expression).some((token) => token.kind === 'vlan');
}

interface Finding {
  readonly fault?: 'expression_word' | 'expression_unsupported' | 'expression_syntax';
  readonly reason: string;
  readonly replacement?: string;
}

function inspect(token: Token, use: NameContext['use'], previous: Token | undefined): Finding | undefined {
  const { kind, text } = token;
  if (kind === 'name' || kind === 'escaped') return inspectName(token, use, previous);
  if (kind === 'gateway') return { fault: 'expression_word', reason: '' };
  // `rnr` is also a frame type of LLC.
  if (kind === 'unsupported' && !(text === 'rnr' && previous?.text === 'llc')) {
    return { fault: 'expression_unsupported', reason: unsupportedReason(text) };
  }
  if (kind !== 'bad') return undefined;
  return { fault: 'expression_syntax', reason: `"${text}" at ${token.offset + 1} has no meaning in a filter` };
}

function inspectName(token: Token, use: NameContext['use'], previous: Token | undefined): Finding | undefined {
  const name = token.kind === 'escaped' ? token.text.slice(1) : token.text;
  if (use === 'own_table') return undefined;
  if (use === 'port_range' && /^[0-9]{1,5}-[0-9]{1,5}$/.test(name)) return undefined;
  if (use === 'ip_protocol') {
    const number = protocolNumbers.get(name);
    if (number !== undefined) return { reason: '', replacement: String(number) };
  }
  const tunnel = use === 'lookup' && !isQualified(previous) ? tunnelReason(name) : undefined;
  return tunnel === undefined
    ? { fault: 'expression_word', reason: '' }
    : { fault: 'expression_unsupported', reason: tunnel };
}

/** Does this word say what the name after it is: a host, a port? */
function isQualified(previous: Token | undefined): boolean {
  return /^(?:host|net|port|portrange|gateway|src|dst)$/.test(previous?.text ?? '');
}

/** What is wrong with the parentheses and brackets. */
function unbalanced(tokens: readonly Token[]): readonly string[] {
  const open: Token[] = [];
  for (const token of tokens) {
    if (token.text === '(' || token.text === '[') open.push(token);
    if (token.text === ')' || token.text === ']') {
      if (open.pop()?.text !== (token.text === ')' ? '(' : '[')) {
        return [`the "${token.text}" at ${token.offset + 1} closes nothing`];
      }
    }
  }
  return open.slice(0, 1).map((token) => `the "${token.text}" at ${token.offset + 1} is never closed`);
}
