import { formatTime } from '../model/time.ts';
import { AccountResponse, TokenResponse } from '../wire/http/account_schemas.ts';
import { envelope, listEnvelope } from '../wire/http/envelope.ts';
import { refusals } from '../wire/http/route_schemas.ts';
import { answer, listAnswer } from './answer.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { callerOf } from './caller.ts';

const tags = ['Accounts and tokens'];

/** What the credentials are good for. */
export function accountRoutes(app: ApiInstance, { control }: ApiOptions): void {
  app.route({
    method: 'GET',
    url: '/user/tokens/verify',
    schema: {
      tags,
      operationId: 'verifyToken',
      summary: 'Is this token valid?',
      response: { 200: envelope(TokenResponse), ...refusals },
    },
    handler: async (request) => {
      const { id, status, expires_on } = await control.verifyToken(callerOf(request).principal);
      return answer({ id, status, ...(expires_on === undefined ? {} : { expires_on: formatTime(expires_on) }) });
    },
  });

  app.route({
    method: 'GET',
    url: '/accounts',
    schema: {
      tags,
      operationId: 'listAccounts',
      summary: 'The accounts that these credentials reach',
      response: { 200: listEnvelope(AccountResponse), ...refusals },
    },
    handler: async (request) => {
      const all = await control.accounts(callerOf(request).principal);
      const items = all.map(({ id, name, created }) => {
        return { id, name, type: 'standard' as const, created_on: formatTime(created) };
      });
      return listAnswer(items, { page: 1, per_page: Math.max(1, all.length), total_count: all.length });
    },
  });
}
