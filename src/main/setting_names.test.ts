import { expect, test } from 'vitest';
import { checkSettingNames } from './setting_names.ts';
import { serveSettings } from './settings.ts';

test.each([
  ['EDGETAP_INTERFACE', 'did you mean EDGETAP_INTERFACES?'],
  ['EDGETAP_LISTN', 'did you mean EDGETAP_LISTEN?'],
  ['EDGETAP_DATADIR', 'did you mean EDGETAP_DATA_DIR?'],
  ['EDGETAP_PASSWORD', 'take it out of the environment'],
  ['EDGETAP_interfaces', 'is not a setting of edgetap'],
  ['EDGETAP_', 'is not a setting of edgetap'],
])('%s stops the start: setting_unknown', (name, advice) => {
  expect(() => checkSettingNames({ [name]: 'x' })).toThrow(`${name} is not a setting of edgetap`);
  expect(() => checkSettingNames({ [name]: 'x' })).toThrow(advice);
});

test('what is known, empty, or meant for others stops nothing', () => {
  const known = Object.fromEntries(serveSettings.map(({ name }) => [name, 'x']));
  const links = ['SERVICE_HOST', 'SERVICE_PORT', 'SERVICE_PORT_HTTP', 'PORT', 'PORT_8787_TCP', 'PORT_8787_TCP_ADDR'];
  const others = [
    ...links,
    ...links.map((name) => `CONTROL_${name}`),
    'URL',
    'TOKEN',
    'SEED',
    'TEST_CLOCK',
    'BENCH_SECONDS',
  ];
  const env = Object.fromEntries(others.map((name) => [`EDGETAP_${name}`, 'x']));
  expect(() =>
    checkSettingNames({ ...known, ...env, EDGETAP_NOTHING: '', PATH: '/', MY_EDGETAP_X: '1' }),
  ).not.toThrow();
});
