/**
 * A decimal number of 32 bits without leading zeros, the only spelling that nothing reads otherwise: undefined for hexadecimal and
 * octal ones and for words such as `icmp-echo`.
 */
export function plainNumber(text: string | undefined, max = 0xffff_ffff): number | undefined {
  if (text === undefined || !/^(?:0|[1-9][0-9]{0,9})$/.test(text)) return undefined;
  return Number(text) <= max ? Number(text) : undefined;
}
