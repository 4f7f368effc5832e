import { expect, test } from 'vitest';
import { knownHosts } from './known_hosts.ts';

test.each([
  ['127.0.0.1', undefined, [], ['localhost']],
  ['::1', undefined, [], ['localhost']],
  ['0.0.0.0', undefined, ['a.example'], ['localhost', 'a.example']],
  ['192.0.2.1', undefined, [], []],
  ['host-1', 'https://edgetap.example:8443', ['a'], ['host-1', 'edgetap.example', 'a']],
])('%s, %s and %j are known as %j', (host, public_url, allowed_hosts, known) => {
  expect(knownHosts({ allowed_hosts, ...(public_url === undefined ? {} : { public_url }) }, host)).toEqual(known);
});
