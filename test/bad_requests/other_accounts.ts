import { type BadRequest, full, pcaps, simple } from './bad_request.ts';

const others = '/client/v4/accounts/{other_account}/pcaps';
const routes: readonly (readonly [BadRequest['method'], string, unknown?])[] = [
  ['GET', ''],
  ['POST', '', simple],
  ['POST', '/estimate', simple],
  ['GET', '/{other_simple}'],
  ['PUT', '/{other_full}/stop'],
  ['DELETE', '/{other_full}'],
  ['GET', '/{other_simple}/download'],
  ['GET', '/ownership'],
  ['POST', '/ownership', { destination_conf: '{bucket}' }],
  ['POST', '/ownership/validate', { destination_conf: '{other_bucket}', ownership_challenge: 'x' }],
  ['DELETE', '/ownership/{other_ownership}'],
];
const missing = (what: string, method: BadRequest['method'], path: string): BadRequest => ({
  what,
  method,
  path: pcaps + path,
  status: 404,
  errors: [[1003]],
});

/** Other accounts, and what is theirs: like what does not exist. */
export const otherAccounts: readonly BadRequest[] = [
  ...routes.map(([method, path, body]): BadRequest => {
    const sent = body === undefined ? {} : { body };
    return {
      what: `another account: ${method} ${path}`,
      method,
      path: others + path,
      ...sent,
      status: 404,
      errors: [[1015]],
    };
  }),
  {
    what: 'an account that does not exist',
    method: 'GET',
    path: `/client/v4/accounts/${'0'.repeat(32)}/pcaps`,
    status: 404,
    errors: [[1015]],
  },
  {
    what: 'an account that is no id',
    method: 'GET',
    path: '/client/v4/accounts/..%2F/pcaps',
    status: 404,
    errors: [[1015]],
  },
  missing("another account's look-back", 'GET', '/{other_simple}'),
  missing("another account's full capture", 'GET', '/{other_full}'),
  missing("download another account's look-back", 'GET', '/{other_simple}/download'),
  missing("stop another account's full capture", 'PUT', '/{other_full}/stop'),
  missing("discard another account's full capture", 'DELETE', '/{other_full}'),
  missing("remove another account's bucket", 'DELETE', '/ownership/{other_ownership}'),
  {
    what: "validate another account's bucket",
    method: 'POST',
    path: `${pcaps}/ownership/validate`,
    body: { destination_conf: '{other_bucket}', ownership_challenge: 'x' },
    status: 400,
    errors: [[1109, '/destination_conf']],
  },
  {
    what: "capture into another account's bucket",
    method: 'POST',
    path: pcaps,
    body: { ...full, destination_conf: '{other_bucket}' },
    status: 400,
    errors: [[1109, '/destination_conf']],
  },
];
