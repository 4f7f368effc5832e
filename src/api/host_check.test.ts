import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { assert, constantFrom, ipV4, ipV6, oneof, property, string, webAuthority } from 'fast-check';
import { expect, test } from 'vitest';
import { hostCheck } from './host_check.ts';

const check = hostCheck(['localhost', 'Edgetap.example.']);

function asked(hosts: readonly string[], url = '/metrics', minor = 1, by = check): string | undefined {
  const request = new IncomingMessage(new Socket());
  Object.assign(request, { httpVersionMajor: 1, httpVersionMinor: minor, url });
  request.rawHeaders = hosts.flatMap((host) => ['Host', host]);
  return by(request)?.name;
}

test.each([
  ['localhost'],
  ['LOCALHOST:8787'],
  ['edgetap.example'],
  ['EDGETAP.example.:1'],
  ['127.0.0.1'],
  ['203.0.113.9:80'],
  ['[::1]'],
  ['[2001:db8::1]:8787'],
  [''],
])('%s is good', (host) => {
  expect(asked([host])).toBeUndefined();
  expect(asked([host])).toBeUndefined();
});

test.each([
  ['evil.example'],
  ['127.0.0.1.evil.example'],
  ['localhost.evil.example:8787'],
  ['edgetap.example.evil'],
  ['0x7f.1'],
  ['2130706433'],
])('%s is a name that edgetap is not known by, but to probes', (host) => {
  expect(asked([host])).toBe('host_unknown');
  expect(asked([host], '/')).toBe('host_unknown');
  expect(asked([host], '/healthzz')).toBe('host_unknown');
  for (const url of ['/healthz', '/readyz', '/readyz/', '/healthz?x=1']) expect(asked([host], url)).toBeUndefined();
  expect(asked([host])).toBe('host_unknown');
});

test('two hosts are no request, whatever they are, and none is one of HTTP/1.0 only', () => {
  expect(asked(['localhost', 'localhost'])).toBe('request_malformed');
  expect(asked([])).toBe('request_malformed');
  expect(asked([], '/metrics', 0)).toBeUndefined();
});

test('a name is good only if it is known, an address always, and what was asked before changes nothing', () => {
  const name = oneof(webAuthority(), string({ maxLength: 20 }), constantFrom('localhost', 'edgetap.example', 'a:1'));
  assert(
    property(name, (host) => {
      const fresh = hostCheck(['localhost', 'edgetap.example']);
      return asked([host], '/', 1, fresh) === asked([host]);
    }),
  );
  assert(property(ipV4(), (address) => asked([address]) === undefined));
  assert(property(ipV6(), (address) => asked([`[${address}]:1`]) === undefined));
});
