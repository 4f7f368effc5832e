import { nameBytes, nameText } from '../libpcap/name_text.ts';

/** The longest name of an interface; alternative names may have up to 127 bytes. */
const name_max_bytes = 15;
const alternative_max_bytes = 127;

/** What a list of interfaces says: names, `all`, the default route's, or what is wrong with it. */
export type InterfaceList =
  | { readonly names: readonly string[] | 'all' | 'default' }
  /** What the setting must be. */
  | { readonly expected: string };

/**
 * Reads EDGETAP_INTERFACES: names between commas or blanks. A backslash takes the character after it as it is (`a\,b`), and `\xff` stands for a
 * byte: names are the kernel's, which takes nearly any. What no interface can have as a name is refused.
 *
 * @param isAlternative asked for names that only an alternative name can be: is there one?
 */
export function readInterfaceList(text: string, isAlternative: (name: string) => boolean): InterfaceList {
  if (text.includes('\uFFFD')) {
    return { expected: 'UTF-8: write other bytes of a name as \\x and two hexadecimal digits, such as \\xff' };
  }
  if (/(?<!\\)(?:\\\\)*\\$/.test(text)) return { expected: 'without a backslash at its end' };
  const items: readonly string[] = text.match(/(?:\\x[0-9a-fA-F]{2}|\\[^]|[^\s,\\])+/g) ?? [];
  if (items.length === 0) {
    return text.trim() === ''
      ? { names: 'default' }
      : { expected: 'names of interfaces, separated by commas or blanks' };
  }
  if (items.includes('all')) {
    return items.every((item) => item === 'all')
      ? { names: 'all' }
      : { expected: 'either "all", alone, or names of interfaces' };
  }
  const names = [...new Set(items.map(unescaped))];
  const wrong = names.map((name) => whyNever(name, isAlternative)).find((why) => why !== undefined);
  return wrong === undefined ? { names } : { expected: wrong };
}

/** The name that is written so, as a text of the kind that interfaces have. */
function unescaped(item: string): string {
  const bytes = [...item.matchAll(/\\x([0-9a-fA-F]{2})|\\?([^])/gu)].flatMap(([, byte, character = '']) =>
    byte === undefined ? [...new TextEncoder().encode(character)] : [Number.parseInt(byte, 16)],
  );
  return nameText(Uint8Array.from(bytes));
}

/** Why no interface can have this name (`dev_valid_name` of the kernel); undefined where one can. */
function whyNever(name: string, isAlternative: (name: string) => boolean): string | undefined {
  const bytes = nameBytes(name);
  if (name === 'any') return 'interfaces by their names, or "all" for each of them: "any" is none that can be captured';
  if (name === '.' || name === '..' || bytes.includes(0x2f) || bytes.includes(0)) {
    return `names of interfaces, and "${name}" cannot be one`;
  }
  if (bytes.length > alternative_max_bytes) {
    return `names of at most ${name_max_bytes} bytes, or alternative names of at most ${alternative_max_bytes}`;
  }
  const blank = bytes.some((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0xa0);
  if (bytes.length <= name_max_bytes && !bytes.includes(0x3a) && !blank) return undefined;
  if (isAlternative(name)) return undefined;
  if (bytes.includes(0x3a))
    return `names of interfaces, which have no colon: "${name.split(':', 1)[0] ?? ''}" for "${name}"`;
  if (blank) return `names of interfaces, and "${name}" cannot be one`;
  return `names of at most ${name_max_bytes} bytes, or alternative names that are there: "${name}" is longer, and no alternative name of an interface of this host`;
}
