import type { Envelope, Served } from './serve.ts';

/** Makes API calls of one account: the path is what comes after the account's id. */
export function callApi(url: string, { account_id, token }: Pick<Served, 'account_id' | 'token'>): Served['call'] {
  return async (method, path, body) => {
    const response = await fetch(`${url}/client/v4/accounts/${account_id}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text === '' ? {} : JSON.parse(text)) as Envelope,
    };
  };
}
