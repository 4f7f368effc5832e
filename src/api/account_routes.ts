import { formatTime } from '../model/time.ts';
import { AccountResponse, TokenResponse } from '../wire/http/account_schemas.ts';
import { checkListQuery, pageParameters } from '../wire/http/check_list_query.ts';
import { envelope, listEnvelope } from '../wire/http/envelope.ts';
import { PageQuery } from '../wire/http/list_query.ts';
import { refusals } from '../wire/http/route_schemas.ts';
import { answer, listAnswer } from './answer.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { callerOf } from './caller.ts';
import { unwrap } from './unwrap.ts';

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
      querystring: PageQuery,
      response: { 200: listEnvelope(AccountResponse), ...refusals },
    },
    handler: async (request) => {
      // SDKs ask for pages until one is empty.
      const { page, per_page } = unwrap(checkListQuery(request.query, pageParameters));
      const all = await control.accounts(callerOf(request).principal);
      const items = all.slice((page - 1) * per_page, page * per_page).map(({ id, name, created }) => {
        return { id, name, type: 'standard' as const, created_on: formatTime(created) };
      });
      return listAnswer(items, { page, per_page, total_count: all.length });
    },
  });
}
