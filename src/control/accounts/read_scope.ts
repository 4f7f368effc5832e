import { networkText, parseNetwork } from '../../filter/address.ts';
import { raise } from '../../model/errors/fault.ts';
import type { Scope } from '../../model/scope.ts';

/**
 * Reads what an operator writes for the sensors of a scope: `all`, `none`, or names separated by commas.
 *
 * @throws FaultError `setting_invalid`
 */
export function readSensors(text: string): Scope['sensors'] {
  return readList(text, '--sensors', '"all", "none" or names of sensors, separated by commas', (name) =>
    /^[!-~]{1,64}$/.test(name) ? name : undefined,
  );
}

/**
 * Reads what an operator writes for the networks of a scope: `all`, `none`, or addresses and networks in CIDR form,
 * separated by commas. They come back canonical: `10.1.2.3/8` as `10.0.0.0/8`.
 *
 * @throws FaultError `setting_invalid`
 */
export function readNetworks(text: string): Scope['networks'] {
  const expected = '"all", "none" or networks such as 10.0.0.0/8 and 2001:db8::/32, separated by commas';
  return readList(text, '--networks', expected, (one) => {
    const network = parseNetwork(one);
    return network === undefined ? undefined : networkText(network);
  });
}

function readList(
  text: string,
  setting: string,
  expected: string,
  read: (one: string) => string | undefined,
): 'all' | readonly string[] {
  if (text === 'all') return 'all';
  if (text === 'none') return [];
  const values = text.split(',').map((one) => {
    const value = one.trim();
    // A word among names is a slip: "ord-1,all" would otherwise grant a sensor of that name, and nothing else.
    const known = value === 'all' || value === 'none' ? undefined : read(value);
    return known ?? raise('setting_invalid', { setting, value: text, expected });
  });
  return [...new Set(values)];
}
