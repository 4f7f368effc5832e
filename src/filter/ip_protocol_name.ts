import { tokenize } from './expression_tokens.ts';
import { wordKind } from './expression_words.ts';
import { NameContext } from './name_context.ts';

/**
 * The first name in a libpcap text that may stand for an IP protocol (`ip proto \\tcp`), without its backslash; undefined where there is none.
 * libpcap would look it up in /etc/protocols (getprotobyname(3)), and take it for the protocol 0 where that cannot be read.
 */
export function ipProtocolName(text: string): string | undefined {
  if (!text.includes('proto') || hasWordsOnly(text)) return undefined;
  const context = new NameContext();
  for (const token of tokenize(text)) {
    const is_name = token.kind === 'name' || token.kind === 'escaped';
    if (is_name && context.use === 'ip_protocol') return token.text.replace(/^\\/, '');
    context.follow(token);
  }
  return undefined;
}

/** Is it nothing but words of the language and plain numbers? Most texts are, and are told so in a hundredth of the time. */
function hasWordsOnly(text: string): boolean {
  const runs = text.match(/[-_.\\$A-Za-z0-9]+/g) ?? [];
  return runs.every((run) => /^[0-9]+(?:\.[0-9]+){0,3}$/.test(run) || wordKind(run) !== undefined);
}
