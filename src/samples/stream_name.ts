/** All that one interface gave with one link type: a directory of segments. */
export interface StreamName {
  readonly interface: string;
  readonly linktype: number;
}

const plain = /^[A-Za-z0-9_.-]$/;
const shape = /^((?:[A-Za-z0-9_.-]|%[0-9A-F]{2})+)@(0|[1-9][0-9]{0,4})$/;

/** The name of a stream's directory, for example `eth0@1`. See docs/formats/segments.md. */
export function streamDirectory({ interface: name, linktype }: StreamName): string {
  const bytes = new TextEncoder().encode(name);
  const safe = Array.from(bytes, (byte, index) => {
    const char = String.fromCharCode(byte);
    if (plain.test(char) && !(index === 0 && char === '.')) return char;
    return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return `${safe.join('')}@${linktype}`;
}

/** Reads the name of a stream's directory; undefined when `streamDirectory` would not have made it. */
export function parseStreamDirectory(directory: string): StreamName | undefined {
  const found = shape.exec(directory);
  if (found === null) return undefined;
  const [, safe = '', digits = ''] = found;
  const bytes = Uint8Array.from(safe.match(/%..|[^%]/g) ?? [], (one) =>
    one.startsWith('%') ? Number.parseInt(one.slice(1), 16) : one.charCodeAt(0),
  );
  const stream = { interface: new TextDecoder().decode(bytes), linktype: Number(digits) };
  return bytes.length <= 15 && streamDirectory(stream) === directory ? stream : undefined;
}
