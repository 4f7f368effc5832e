/**
 * The text of an interface's name. The kernel takes any bytes but a few; a text is UTF-8. What is none, and control characters,
 * which do things to terminals, are written `\xff`. `nameBytes` has the way back, so no two names have the same text.
 */
export function nameText(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const length = characterBytes(bytes, at);
    const piece = bytes.subarray(at, at + Math.max(1, length));
    text += length === 0 || isBackslashOfEscape(bytes, at) ? escaped(piece) : utf8.decode(piece);
    at += piece.length;
  }
  return text;
}

/** The bytes of a name whose text this is, or of a path that has such names in it. */
export function nameBytes(text: string): Uint8Array {
  const pieces = text.split(/(\\x[0-9a-f]{2})/).map((piece, at) => {
    return at % 2 === 1 ? Uint8Array.of(Number.parseInt(piece.slice(2), 16)) : encoder.encode(piece);
  });
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

function escaped(bytes: Uint8Array): string {
  return [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

/** How many bytes the character here has; 0 where it is none, or one that is not shown as it is. */
function characterBytes(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return (first < 0x20 && first !== 0x09 && first !== 0x0a) || first === 0x7f ? 0 : 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  try {
    const text = strict.decode(bytes.subarray(at, at + length));
    // U+0080 to U+009F are control characters too.
    const point = text.codePointAt(0) ?? 0;
    return text === String.fromCodePoint(point) && point > 0x9f ? length : 0;
  } catch {
    return 0;
  }
}

/** A backslash of the name itself that would look like one of ours. */
function isBackslashOfEscape(bytes: Uint8Array, at: number): boolean {
  return /^\\x[0-9a-f]{2}/.test(String.fromCharCode(...bytes.subarray(at, at + 4)));
}
