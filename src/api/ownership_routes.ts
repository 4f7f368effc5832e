import { checkListQuery, pageParameters } from '../wire/http/check_list_query.ts';
import { envelope, listEnvelope } from '../wire/http/envelope.ts';
import { BucketListQuery, bucketListBounds } from '../wire/http/list_query.ts';
import { ownershipJson } from '../wire/http/ownership_json.ts';
import { OwnershipRequest, OwnershipResponse, ValidateRequest } from '../wire/http/ownership_schemas.ts';
import { AccountPath, refusals } from '../wire/http/route_schemas.ts';
import { answer, listAnswer } from './answer.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { callerOf } from './caller.ts';
import { unwrap } from './unwrap.ts';

const tags = ['Buckets'];

/** List, add and validate buckets. */
export function ownershipRoutes(app: ApiInstance, { control: { ownerships } }: ApiOptions): void {
  app.route({
    method: 'GET',
    url: '/accounts/:account_id/pcaps/ownership',
    schema: {
      tags,
      operationId: 'listBuckets',
      summary: 'The buckets of the account',
      params: AccountPath,
      querystring: BucketListQuery,
      response: { 200: listEnvelope(OwnershipResponse), ...refusals },
    },
    handler: async (request) => {
      const { page, per_page } = unwrap(checkListQuery(request.query, pageParameters, bucketListBounds));
      const { buckets, total_count } = await ownerships.list(callerOf(request), { page, per_page });
      return listAnswer(buckets.map(ownershipJson), { page, per_page, total_count });
    },
  });

  app.route({
    method: 'POST',
    url: '/accounts/:account_id/pcaps/ownership',
    schema: {
      tags,
      operationId: 'addBucket',
      summary: 'Add a bucket: writes the challenge file into it',
      params: AccountPath,
      body: OwnershipRequest,
      response: { 200: envelope(OwnershipResponse), ...refusals },
    },
    handler: async (request) => answer(ownershipJson(await ownerships.add(callerOf(request), request.body))),
  });

  app.route({
    method: 'POST',
    url: '/accounts/:account_id/pcaps/ownership/validate',
    schema: {
      tags,
      operationId: 'validateBucket',
      summary: 'Prove the ownership of a bucket with the content of its challenge file',
      params: AccountPath,
      body: ValidateRequest,
      response: { 200: envelope(OwnershipResponse), ...refusals },
    },
    handler: async (request) => answer(ownershipJson(await ownerships.validate(callerOf(request), request.body))),
  });
}
