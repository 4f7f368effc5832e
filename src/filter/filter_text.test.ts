import { expect, test } from 'vitest';
import { filterText } from './filter_text.ts';

test.each([
  [{}, ''],
  [{ source_address: '192.0.2.1' }, 'src host 192.0.2.1'],
  [{ destination_address: '2001:db8::/32' }, 'dst net 2001:db8::/32'],
  [{ protocol: 1 }, '(ip proto 1 or ip6 proto 1)'],
  [{ source_port: 0, destination_port: 53 }, 'src port 0 and dst port 53'],
  [
    {
      source_address: '10.0.0.0/8',
      destination_address: '10.0.0.1',
      protocol: 6,
      source_port: 80,
      destination_port: 81,
    },
    'src net 10.0.0.0/8 and dst host 10.0.0.1 and (ip proto 6 or ip6 proto 6) and src port 80 and dst port 81',
  ],
])('%j', (filter, text) => {
  expect(filterText(filter)).toBe(text);
});
