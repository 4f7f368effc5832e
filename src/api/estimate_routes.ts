import { envelope } from '../wire/http/envelope.ts';
import { estimateJson } from '../wire/http/estimate_json.ts';
import { estimateRequest } from '../wire/http/estimate_request.ts';
import { EstimateResponse } from '../wire/http/estimate_response.ts';
import { AccountPath, refusals } from '../wire/http/route_schemas.ts';
import { answer } from './answer.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { callerOf } from './caller.ts';
import { goneSignal } from './gone_signal.ts';

/** What would a capture catch? */
export function estimateRoutes(app: ApiInstance, { control: { estimates }, packets_max }: ApiOptions): void {
  app.route({
    method: 'POST',
    url: '/accounts/:account_id/pcaps/estimate',
    schema: {
      tags: ['Packet captures'],
      operationId: 'estimateCapture',
      summary: 'What a capture would catch',
      description:
        'Takes the body of a create and answers from the samples that the sensors keep. Nothing is created, and the rate of creates is not used up.',
      params: AccountPath,
      body: estimateRequest(packets_max),
      response: { 200: envelope(EstimateResponse), ...refusals },
    },
    handler: async (request, reply) =>
      answer(estimateJson(await estimates.estimate(callerOf(request), request.body, goneSignal(reply)))),
  });
}
