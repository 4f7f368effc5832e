import { InvalidArgumentError } from 'commander';
import { parseDuration } from './parse_duration.ts';
import { parseProtocol } from './parse_protocol.ts';
import { parseSize } from './parse_size.ts';

/** Makes a reader of an option's value: what the reader does not understand is wrong usage. */
function reader<Value>(read: (text: string) => Value | undefined, expected: string): (text: string) => Value {
  return (text) => {
    const value = read(text);
    if (value === undefined) throw new InvalidArgumentError(`It must be ${expected}.`);
    return value;
  };
}

/** Reads `30s`. */
export const durationValue: (text: string) => number = reader(parseDuration, 'a duration such as 30s, 5m or 1h30m');

/** Reads `10MB`. */
export const sizeValue: (text: string) => number = reader(parseSize, 'a size such as 500kB or 10MB');

/** Reads `tcp` or `6`. */
export const protocolValue: (text: string) => number = reader(
  parseProtocol,
  'an IP protocol: a number from 0 to 255, or a name such as tcp, udp or icmp',
);

/** Reads a whole number of 0 and more. */
export const countValue: (text: string) => number = reader(
  (text) => (/^\d{1,15}$/.test(text) ? Number(text) : undefined),
  'a whole number',
);

/** Reads a port. */
export const portValue: (text: string) => number = reader(
  (text) => (/^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined),
  'a port from 0 to 65535',
);
