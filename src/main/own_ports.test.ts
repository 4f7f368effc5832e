import { describe, expect, test } from 'vitest';
import { own_addresses_max, OwnTrafficBoard } from '../libpcap/own_traffic.ts';
import { accept, encodeInstructions } from '../libpcap/program.ts';
import { leaveOutOwn } from '../libpcap/program_prefix.ts';
import { ownPorts } from './own_ports.ts';

const host = ['127.0.0.0/8', '::1', '192.0.2.1'];
const uploads = { first: 65_472, last: 65_503 };

describe('what is own', () => {
  test('a listener of one address is own there only', () => {
    expect(ownPorts([{ address: '127.0.0.1', port: 8787 }], uploads, host)).toEqual([
      { ports: [[65_472, 65_503]], addresses: host },
      { ports: [[8787, 8787]], addresses: ['127.0.0.1'] },
    ]);
  });

  test('listeners of every address are own on each, those of one address together', () => {
    const listeners = [
      { address: '0.0.0.0', port: 80 },
      { address: '::', port: 80 },
      { address: '192.0.2.1', port: 81 },
      { address: '192.0.2.1', port: 82 },
    ];
    expect(ownPorts(listeners, undefined, host)).toEqual([
      { ports: [[80, 80]], addresses: host },
      {
        ports: [
          [81, 81],
          [82, 82],
        ],
        addresses: ['192.0.2.1'],
      },
    ]);
  });

  test('nothing', () => {
    expect(ownPorts([], undefined, host)).toEqual([]);
  });
});

test('however many addresses there are, it fits before a program, and what does not fit is own everywhere', () => {
  const many = Array.from({ length: 500 }, (_, index) => `10.0.${index >> 8}.${index & 255}`);
  const many6 = Array.from({ length: 500 }, (_, index) => `2001:db8::${index.toString(16)}`);
  const listeners = [
    { address: '0.0.0.0', port: 80 },
    { address: '10.0.0.1', port: 81 },
    { address: '2001:db8::1', port: 82 },
  ];
  const program = { linktype: 1, instructions: encodeInstructions([accept(1)]) };
  const counts = [0, 1, own_addresses_max.ipv6, own_addresses_max.ipv6 + 1, own_addresses_max.ipv4, 500];
  for (const count of counts) {
    const board = new OwnTrafficBoard();
    board.write(ownPorts(listeners, uploads, [...many.slice(0, count), ...many6.slice(0, count)]));
    const { groups } = new OwnTrafficBoard(board.shared).read();
    expect(groups[0]?.ipv4 === 'any').toBe(count > own_addresses_max.ipv4);
    expect(groups[0]?.ipv6 === 'any').toBe(count > own_addresses_max.ipv6);
    expect(leaveOutOwn(program, groups).instructions.length).toBeGreaterThan(8);
  }
});

test('a board says whether what it has is new', () => {
  const board = new OwnTrafficBoard();
  expect(board.read()).toEqual({ version: 0, groups: [] });
  const one = ownPorts([{ address: '127.0.0.1', port: 8787 }], undefined, host);
  expect([board.write(one), board.write(one), board.write([]), board.write([])]).toEqual([true, false, true, false]);
});
