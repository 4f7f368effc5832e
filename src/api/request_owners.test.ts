import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { RequestOwners } from './request_owners.ts';

function request(address: string, headers: IncomingMessage['headers'] = {}): IncomingMessage {
  const socket = new Socket();
  Object.defineProperty(socket, 'remoteAddress', { value: address });
  const made = new IncomingMessage(socket);
  made.headers = headers;
  return made;
}

test("a request is the client's by its address, until its credentials were good", () => {
  const owners = new RequestOwners();
  const credentials = { authorization: 'Bearer one' };
  expect(owners.of(request('192.0.2.1', credentials))).toBe('192.0.2.1');
  owners.know(request('192.0.2.1', credentials), 'account');
  expect(owners.of(request('192.0.2.1', credentials))).toBe('account');
  // Good credentials count from any address. A request with others, or without, still counts for its address.
  expect(owners.of(request('192.0.2.2', credentials))).toBe('account');
  expect(owners.of(request('192.0.2.1', { authorization: 'Bearer two' }))).toBe('192.0.2.1');
  expect(owners.of(request('192.0.2.1'))).toBe('192.0.2.1');
  owners.know(request('192.0.2.1'), 'nobody');
  expect(owners.of(request('192.0.2.1'))).toBe('192.0.2.1');
});

test("keys of users are credentials, and another account's good ones count anew", () => {
  const owners = new RequestOwners();
  const user = { 'x-auth-email': 'one@example.com', 'x-auth-key': 'key' };
  owners.know(request('192.0.2.1', user), 'first');
  expect(owners.of(request('192.0.2.1', user))).toBe('first');
  owners.know(request('192.0.2.1', user), 'second');
  expect(owners.of(request('192.0.2.1', user))).toBe('second');
});

test('addresses of one IPv6 network are one sender', () => {
  const owners = new RequestOwners();
  const one = owners.of(request('2001:db8:1:2::1'));
  expect(owners.of(request('2001:db8:1:2:ffff::2'))).toBe(one);
  expect(owners.of(request('2001:db8:1:3::1'))).not.toBe(one);
});

test('whatever number of credentials were good, few are remembered', () => {
  const owners = new RequestOwners();
  for (let at = 0; at <= 4096; at += 1) {
    owners.know(request('192.0.2.1', { authorization: `Bearer ${at}` }), `account ${at}`);
  }
  expect(owners.of(request('192.0.2.1', { authorization: 'Bearer 0' }))).toBe('192.0.2.1');
  expect(owners.of(request('192.0.2.1', { authorization: 'Bearer 4096' }))).toBe('account 4096');
});
