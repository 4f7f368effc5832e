import { describe, expect, test } from 'vitest';
import {
  type EndpointPolicy,
  type EndpointTarget,
  anywhere,
  endpointVerdict,
  parseEndpointPolicy,
  plainHost,
} from './endpoint_policy.ts';

function policy(text: string): EndpointPolicy {
  const parsed = parseEndpointPolicy(text);
  if (!parsed.ok) throw new Error(parsed.faults[0]?.message);
  return parsed.value;
}

function targetOf(url: URL): EndpointTarget {
  const secure = url.protocol === 'https:';
  return { secure, host: plainHost(url.hostname), port: Number(url.port === '' ? (secure ? 443 : 80) : url.port) };
}

function verdict(list: string, url: string, address: string): string {
  return endpointVerdict(policy(list), targetOf(new URL(url)), address);
}

describe('nothing listed', () => {
  test.each([
    ['https://s3.example.com', '52.1.2.3', 'allowed'],
    ['https://s3.example.com', '127.0.0.1', 'refused'],
    ['https://s3.example.com', '::1', 'refused'],
    ['https://s3.example.com', 'not an address', 'refused'],
    ['http://s3.example.com', '52.1.2.3', 'insecure'],
    ['http://127.0.0.1:9000', '127.0.0.1', 'insecure'],
  ])('%s at %s is %s', (url, address, expected) => expect(verdict('', url, address)).toBe(expected));
});

describe('listed', () => {
  test.each([
    // A name: any address, plain HTTP too, any port; but only that name.
    ['minio.internal', 'http://minio.internal:9000', '10.0.0.5', 'allowed'],
    ['MinIO.internal.', 'https://minio.INTERNAL', '10.0.0.5', 'allowed'],
    ['minio.internal', 'https://minio.internal.', '10.0.0.5', 'allowed'],
    ['minio.internal', 'https://x.minio.internal', '10.0.0.5', 'refused'],
    ['minio.internal', 'https://internal', '10.0.0.5', 'refused'],
    // With a port: only that.
    ['minio.internal:9000', 'http://minio.internal:9000', '10.0.0.5', 'allowed'],
    ['minio.internal:9000', 'http://minio.internal:9001', '10.0.0.5', 'insecure'],
    ['minio.internal:443', 'https://minio.internal', '10.0.0.5', 'allowed'],
    ['minio.internal:80', 'http://minio.internal', '10.0.0.5', 'allowed'],
    // An address: whatever the name was.
    ['127.0.0.1', 'http://localhost:9000', '127.0.0.1', 'allowed'],
    ['127.0.0.1', 'http://localhost:9000', '127.0.0.2', 'insecure'],
    ['127.0.0.1:9000', 'https://localhost:9001', '127.0.0.1', 'refused'],
    ['[::1]:9000', 'http://[::1]:9000', '::1', 'allowed'],
    ['[::1]:9000', 'http://[::1]:9001', '::1', 'insecure'],
    ['::1', 'http://[::1]:9001', '::1', 'allowed'],
    // A network.
    ['10.0.0.0/8, fd00::/8', 'https://a.example', '10.255.0.1', 'allowed'],
    ['10.0.0.0/8, fd00::/8', 'http://a.example', 'fd00::7', 'allowed'],
    ['10.0.0.0/8, fd00::/8', 'https://a.example', '11.0.0.1', 'allowed'],
    ['10.0.0.0/8, fd00::/8', 'http://a.example', '11.0.0.1', 'insecure'],
    ['10.0.0.0/8, fd00::/8', 'https://a.example', '192.168.0.1', 'refused'],
    // A spelling of a listed address is another address.
    ['127.0.0.1', 'https://a.example', '::ffff:127.0.0.1', 'refused'],
  ])('%s: %s at %s is %s', (list, url, address, expected) => expect(verdict(list, url, address)).toBe(expected));
});

test('anywhere is anywhere', () => {
  for (const address of ['127.0.0.1', '::1', '169.254.169.254', '8.8.8.8', 'fe80::1%eth0']) {
    expect(endpointVerdict(anywhere, targetOf(new URL('http://control:8787')), address)).toBe('allowed');
  }
});

test.each([
  'http://a.example',
  'a b',
  'a.example:0',
  'a.example:65536',
  'a.example:x',
  '10.0.0.1/8',
  '*.example.com',
  '0x7f.1',
  '127.1',
  '[a]',
  '[::1',
  'a_/b',
  '-a',
])('%j is refused with the setting and the entry', (text) => {
  const parsed = parseEndpointPolicy(`good.example, ${text}`);
  expect(parsed).toMatchObject({ ok: false, faults: [{ name: 'setting_invalid' }] });
  if (!parsed.ok) expect(parsed.faults[0]?.message).toContain(`EDGETAP_ALLOW_ENDPOINTS is "${text}"`);
});
