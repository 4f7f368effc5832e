const hex32 = /^[0-9a-f]{32}$/;

/** Is this text an id: exactly 32 lower-case hexadecimal characters? */
export function isId(text: string): boolean {
  return hex32.test(text);
}

/** Makes an id of 16 random bytes. */
export function idFrom(random: Uint8Array): string {
  if (random.length !== 16) throw new RangeError(`an id takes 16 random bytes, not ${random.length}`);
  return Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
