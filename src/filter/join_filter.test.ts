import { describe, expect, test } from 'vitest';
import { FaultError } from '../model/errors/fault.ts';
import { filterText } from './filter_text.ts';
import { joinFilter } from './join_filter.ts';

describe('joining', () => {
  test('nothing asked, everything allowed: no restriction', () => {
    expect(joinFilter({ filter_v1: {}, networks: 'all' })).toEqual({
      expression_text: '',
      any_tags_text: '',
      any_tags_parts: [],
      own_tags_text: '',
    });
    expect(joinFilter({ filter_v1: {}, expression: ' \n', networks: 'all' }).any_tags_text).toBe('');
  });

  test('each part in its own parentheses, the expression last', () => {
    const joined = joinFilter({
      filter_v1: { protocol: 6 },
      expression: 'port 80 or port 443',
      networks: ['10.0.0.0/8', '2001:db8::1'],
    });
    expect(joined).toEqual({
      expression_text: 'port 80 or port 443',
      any_tags_text: `(net 10.0.0.0/8 or host 2001:db8::1) and (${filterText({ protocol: 6 })}) and (port 80 or port 443)`,
      any_tags_parts: ['net 10.0.0.0/8 or host 2001:db8::1', filterText({ protocol: 6 }), 'port 80 or port 443'],
      own_tags_text: '',
    });
  });

  test('an expression that names vlan stays apart from the scope', () => {
    const joined = joinFilter({ filter_v1: {}, expression: 'vlan 100 or ip', networks: ['10.0.0.0/8'] });
    expect(joined.any_tags_text).toBe('(net 10.0.0.0/8)');
    expect(joined.any_tags_parts).toEqual(['net 10.0.0.0/8']);
    expect(joined.own_tags_text).toBe('vlan 100 or ip');
  });

  test('names of protocols become numbers', () => {
    const joined = joinFilter({ filter_v1: {}, expression: 'ip proto \\tcp', networks: 'all' });
    expect(joined.any_tags_text).toBe('(ip proto 6)');
    expect(joined.expression_text).toBe('ip proto 6');
  });

  test('for inner packets the scope stays with the outside, and all else goes in', () => {
    const parts = { filter_v1: { protocol: 6 }, expression: 'port 80', networks: ['10.0.0.0/8'] };
    expect(joinFilter(parts)).not.toHaveProperty('inner');
    expect(joinFilter({ ...parts, match_inner: true })).toEqual({
      ...joinFilter(parts),
      inner: { scope_text: '(net 10.0.0.0/8)', text: `(${filterText({ protocol: 6 })}) and (port 80)` },
    });
    expect(joinFilter({ filter_v1: {}, networks: 'all', match_inner: true }).inner).toEqual({
      scope_text: '',
      text: '',
    });
    // Of use to no inner packet, and the compiler says so.
    const tagged = joinFilter({ filter_v1: {}, expression: 'vlan 7', networks: [], match_inner: true });
    expect(tagged.inner).toEqual({ scope_text: '(1 = 0)', text: '(vlan 7)' });
  });

  test('a scope without networks lets nothing through', () => {
    expect(joinFilter({ filter_v1: {}, networks: [] }).any_tags_text).toBe('(1 = 0)');
  });

  test('networks inside others and repeated ones are left out', () => {
    const networks = ['10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/8', '10.9.9.9/8', '192.0.2.1', '::/0', '2001:db8::/32'];
    expect(joinFilter({ filter_v1: {}, networks }).any_tags_text).toBe(
      '(net 10.0.0.0/8 or host 192.0.2.1 or net ::/0)',
    );
  });

  test('refuses an expression that was not checked, and a scope that is none', () => {
    const expression = 'tcp) or (udp';
    const unchecked = (): unknown => joinFilter({ filter_v1: {}, expression, networks: 'all' });
    expect(unchecked).toThrow(FaultError);
    expect(unchecked).toThrow('closes nothing');
    expect(() => joinFilter({ filter_v1: {}, networks: ['10.0.0.0/8', 'office'] })).toThrow('office must be an IPv4');
  });
});
