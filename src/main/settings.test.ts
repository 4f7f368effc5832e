import { describe, expect, test } from 'vitest';
import { readServeSettings, serveSettings } from './settings.ts';
import { limitFallbacks } from '../model/shared_limits.ts';

describe('readServeSettings', () => {
  test('works with nothing given', () => {
    expect(readServeSettings({}, 'host-1')).toEqual({
      listen: { host: '127.0.0.1', port: 8787 },
      data_dir: './data',
      colo: 'local01',
      sensor: 'host-1',
      interfaces: 'default',
      sample_pps: 5000,
      packets_max: 10_000,
      limits: limitFallbacks,
      keep_days: 7,
      audit_days: 365,
      allow_endpoints: '',
      ambient_credentials: false,
      trust_proxy: [],
      allowed_hosts: [],
      log_level: 'info',
    });
  });

  test('reads lists, addresses and pairs', () => {
    const settings = readServeSettings(
      {
        EDGETAP_LISTEN: '[::1]:0',
        EDGETAP_INTERFACES: 'eth0, eth1',
        EDGETAP_TLS_CERT: 'c.pem',
        EDGETAP_TLS_KEY: 'k.pem',
        EDGETAP_ACCOUNT_ID: 'a'.repeat(32),
        EDGETAP_SAMPLE_BYTES: '5000000',
        EDGETAP_PUBLIC_URL: 'https://edgetap.example:8443/',
        EDGETAP_ALLOWED_HOSTS: 'Host-1, b.example',
        EDGETAP_METRICS_LISTEN: '127.0.0.1:9100',
      },
      'host-1',
    );
    expect(settings).toMatchObject({
      listen: { host: '::1', port: 0 },
      interfaces: ['eth0', 'eth1'],
      tls: { cert_file: 'c.pem', key_file: 'k.pem' },
      account_id: 'a'.repeat(32),
      sample_bytes: 5_000_000,
      public_url: 'https://edgetap.example:8443',
      allowed_hosts: ['host-1', 'b.example'],
      metrics_listen: { host: '127.0.0.1', port: 9100 },
    });
    expect(readServeSettings({ EDGETAP_INTERFACES: 'all' }, 'h').interfaces).toBe('all');
  });

  test.each([
    ['INTERFACES', 'any'],
    ['INTERFACES', 'eth0,a/b'],
    ['INTERFACES', 'sixteen-bytes-xy'],
    ['LISTEN', '8787'],
    ['LISTEN', '127.0.0.1:99999'],
    ['LISTEN', '::1:80'],
    ['PUBLIC_URL', 'edgetap.example'],
    ['PUBLIC_URL', 'https://edgetap.example/path'],
    ['PUBLIC_URL', 'https://user@edgetap.example'],
    ['ALLOWED_HOSTS', 'edgetap.example:80'],
    ['ALLOWED_HOSTS', 'a b'],
    ['METRICS_LISTEN', '9100'],
    ['COLO', 'not a name'],
    ['SENSOR', '../x'],
    ['SENSOR', 'all'],
    ['SENSOR', 'none'],
    ['ACCOUNT_ID', 'xyz'],
    ['BOOTSTRAP_TOKEN', 'too short'],
    ['SAMPLE_PPS', '99'],
    ['SAMPLE_PPS', '5k'],
    ['SAMPLE_RATE', '0'],
    ['SAMPLE_RATE', '1.5'],
    ['SAMPLE_BYTES', '10GB'],
    ['MEMORY_BYTES', '1000'],
    ['MEMORY_BYTES', '1 GiB'],
    ['KEEP_DAYS', '-1'],
    ['AMBIENT_CREDENTIALS', 'true'],
    ['LOG_LEVEL', 'loud'],
    ['TLS_CERT', 'only.pem'],
  ])('%s=%s stops the start with one clear line that names it', (name, value) => {
    const read = (): unknown => readServeSettings({ [`EDGETAP_${name}`]: value }, 'h');
    const other = name === 'TLS_CERT' ? 'TLS_KEY' : name;
    expect(read).toThrow(new RegExp(`^EDGETAP_${other} is .*: it must be `));
  });

  test('samples at a fixed rate, or at one that adapts, not both', () => {
    expect(readServeSettings({ EDGETAP_SAMPLE_RATE: '1' }, 'h')).toMatchObject({ sample_rate: 1 });
    expect(readServeSettings({ EDGETAP_SAMPLE_PPS: '900' }, 'h')).toMatchObject({ sample_pps: 900 });
    expect(readServeSettings({ EDGETAP_SAMPLE_PPS: '900', EDGETAP_SAMPLE_RATE: '' }, 'h').sample_rate).toBeUndefined();
    const both = { EDGETAP_SAMPLE_PPS: '5000', EDGETAP_SAMPLE_RATE: '4' };
    expect(() => readServeSettings(both, 'h')).toThrow(
      /^EDGETAP_SAMPLE_RATE is "4": it must be left out where EDGETAP_SAMPLE_PPS is given/,
    );
  });

  test('a wrong token is not shown', () => {
    expect(() => readServeSettings({ EDGETAP_BOOTSTRAP_TOKEN: 'hunter2 hunter2\n' }, 'h')).toThrow(/^(?!.*hunter2)/);
  });

  test('every setting has a name of its own and a help text', () => {
    expect(new Set(serveSettings.map((one) => one.name)).size).toBe(serveSettings.length);
    for (const one of serveSettings) expect(one.help.length).toBeGreaterThan(5);
  });
});
