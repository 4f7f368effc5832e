import { describe, expect, test } from 'vitest';
import { checkFilterV1 } from './check_filter_v1.ts';

/** `[name, pointer]` of every fault. */
function faultsOf(raw: Parameters<typeof checkFilterV1>[0], pointer?: string): readonly (readonly unknown[])[] {
  const result = pointer === undefined ? checkFilterV1(raw) : checkFilterV1(raw, pointer);
  return result.ok ? [] : result.faults.map((one) => [one.name, one.pointer]);
}

describe('filter_v1', () => {
  test('all five fields, made canonical', () => {
    const raw = {
      source_address: '10.1.2.3/8',
      destination_address: '192.0.2.1/32',
      source_port: 0,
      destination_port: 65_535,
      protocol: 17,
    };
    expect(checkFilterV1(raw)).toEqual({
      ok: true,
      value: { ...raw, source_address: '10.0.0.0/8', destination_address: '192.0.2.1' },
    });
  });

  test('null and the empty text are absent', () => {
    const absent = {
      source_address: '',
      destination_address: null,
      source_port: null,
      destination_port: '',
      protocol: undefined,
    };
    expect(checkFilterV1(absent)).toEqual({ ok: true, value: {} });
    expect(checkFilterV1({})).toEqual({ ok: true, value: {} });
  });

  test('zero is a value', () => {
    expect(checkFilterV1({ protocol: 0 })).toEqual({ ok: true, value: { protocol: 0 } });
  });

  test('every fault comes at once, with its pointer', () => {
    const raw = {
      source_address: '10.0.0.256',
      destination_address: 7,
      source_port: -1,
      destination_port: 65_536,
      protocol: 256,
    };
    expect(faultsOf(raw, '/f')).toEqual([
      ['filter_address', '/f/source_address'],
      ['filter_address', '/f/destination_address'],
      ['filter_port', '/f/source_port'],
      ['filter_port', '/f/destination_port'],
      ['filter_protocol', '/f/protocol'],
    ]);
  });

  test.each([1.5, Number.NaN, '80', true, {}, 2 ** 53])('%j is no port', (source_port) => {
    expect(faultsOf({ source_port })).toEqual([['filter_port', '/filter_v1/source_port']]);
  });

  test('mixed address families', () => {
    const result = checkFilterV1({ source_address: '10.0.0.1', destination_address: '2001:db8::1' });
    expect(result.ok ? [] : result.faults.map((one) => [one.name, one.message])).toEqual([
      ['filter_family_mixed', 'destination_address is IPv6 and the other address is not: no packet can match both.'],
    ]);
  });

  test('an IPv4-mapped address is IPv4', () => {
    expect(checkFilterV1({ source_address: '::ffff:10.0.0.1', destination_address: '10.0.0.2' })).toMatchObject({
      ok: true,
    });
  });

  test('ports need a protocol that has them', () => {
    expect(faultsOf({ source_port: 1, destination_port: 2, protocol: 1 })).toEqual([
      ['filter_port_protocol', '/filter_v1/source_port'],
      ['filter_port_protocol', '/filter_v1/destination_port'],
    ]);
    for (const protocol of [6, 17, 132]) expect(faultsOf({ source_port: 1, protocol })).toEqual([]);
    expect(faultsOf({ protocol: 58 })).toEqual([]);
  });
});
