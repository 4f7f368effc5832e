import { expect, test } from 'vitest';
import { ambientEnvironment, childEnvironment } from './child_environment.ts';

const env = {
  PATH: '/bin',
  LC_ALL: 'C',
  NODE_EXTRA_CA_CERTS: '/ca.pem',
  EDGETAP_TOKEN: 'secret',
  EDGETAP_BOOTSTRAP_TOKEN: 'secret',
  AWS_SECRET_ACCESS_KEY: 'secret',
  DATABASE_PASSWORD: 'secret',
  EDGETAP_DATA_DIR: './data',
};

test('a child gets what it needs, and no secret', () => {
  expect(childEnvironment(env, '/data')).toEqual({
    PATH: '/bin',
    LC_ALL: 'C',
    NODE_EXTRA_CA_CERTS: '/ca.pem',
    EDGETAP_DATA_DIR: '/data',
  });
});

test('the machine’s own credentials are told apart', () => {
  expect(ambientEnvironment(env)).toEqual({ AWS_SECRET_ACCESS_KEY: 'secret' });
});
