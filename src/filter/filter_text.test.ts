import { expect, test } from 'vitest';
import { filterText } from './filter_text.ts';

/** Behind one extension header that says its length. */
const sized = 'ip6[6] = 0 or ip6[6] = 43 or ip6[6] = 60';
const first_fragment = '(ip6[6] = 44 and ip6[40:4] & 0xfffff8 = 0)';
const next = 'ip6[40:2] & 0xff00';
const transport = `(${next} = 1536 or ${next} = 4352 or ${next} = 33792)`;

function protocol(number: number): string {
  return `(ip proto ${number} or ip6 proto ${number} or ((${sized}) and ${next} = ${number * 256}))`;
}

function port(end: 'src' | 'dst', number: number): string {
  const value = `ip6[${end === 'src' ? 48 : 50} + ip6[41] * 8 : 2]`;
  return `(${end} port ${number} or ((${sized} or ${first_fragment}) and ${transport} and ${value} = ${number}))`;
}

test.each([
  [{}, ''],
  [{ source_address: '192.0.2.1' }, 'src host 192.0.2.1'],
  [{ destination_address: '2001:db8::/32' }, 'dst net 2001:db8::/32'],
  [{ protocol: 1 }, protocol(1)],
  [{ source_port: 0, destination_port: 53 }, `${port('src', 0)} and ${port('dst', 53)}`],
  [
    {
      source_address: '10.0.0.0/8',
      destination_address: '10.0.0.1',
      protocol: 6,
      source_port: 80,
      destination_port: 81,
    },
    `src net 10.0.0.0/8 and dst host 10.0.0.1 and ${protocol(6)} and ${port('src', 80)} and ${port('dst', 81)}`,
  ],
])('%j', (filter, text) => {
  expect(filterText(filter)).toBe(text);
});
