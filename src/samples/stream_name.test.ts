import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseStreamDirectory, streamDirectory } from './stream_name.ts';

test('the names of the format document', () => {
  expect(streamDirectory({ interface: 'eth0', linktype: 1 })).toBe('eth0@1');
  expect(streamDirectory({ interface: 'eth0.100', linktype: 1 })).toBe('eth0.100@1');
  expect(streamDirectory({ interface: 'a@b', linktype: 1 })).toBe('a%40b@1');
  expect(streamDirectory({ interface: '..', linktype: 101 })).toBe('%2E.@101');
  expect(streamDirectory({ interface: 'ünï', linktype: 276 })).toBe('%C3%BCn%C3%AF@276');
});

test('every interface name comes back, from a name that is one directory on any file system', () => {
  const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 15 }).filter((one) => {
    return new TextEncoder().encode(one).length <= 15 && one.isWellFormed();
  });
  fc.assert(
    fc.property(name, fc.integer({ min: 0, max: 65_535 }), (interface_name, linktype) => {
      const directory = streamDirectory({ interface: interface_name, linktype });
      expect(directory).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9_%.-]*@[0-9]+$/);
      expect(parseStreamDirectory(directory)).toEqual({ interface: interface_name, linktype });
    }),
  );
});

test.each([
  'eth0',
  'eth0@',
  '@1',
  'eth0@01',
  '.x@1',
  'a%2Db@1',
  'a%2fb@1',
  'a/b@1',
  'eth0@1 ',
  'x'.repeat(16).concat('@1'),
])('%s is no stream', (name) => {
  expect(parseStreamDirectory(name)).toBeUndefined();
});
