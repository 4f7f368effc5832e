import { FaultError } from '../model/errors/fault.ts';
import { captureJson } from '../wire/http/capture_json.ts';
import { captureRequest } from '../wire/http/capture_request.ts';
import { CaptureResponse } from '../wire/http/capture_response.ts';
import { checkListQuery } from '../wire/http/check_list_query.ts';
import { envelope, listEnvelope } from '../wire/http/envelope.ts';
import { ListQuery } from '../wire/http/list_query.ts';
import { AccountPath, CapturePath, RepeatHeaders, refusals } from '../wire/http/route_schemas.ts';
import { listAnswer } from './answer.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { callerOf } from './caller.ts';
import { captureAnswer, captureAnswerText } from './capture_answer.ts';
import { idOr404 } from './id_or_404.ts';
import { rateHeaders } from './rate_headers.ts';
import { repeatOf } from './repeat_of.ts';
import { unwrap } from './unwrap.ts';

const tags = ['Packet captures'];

/** Create, list, look at captures. */
export function captureRoutes(app: ApiInstance, { control: { captures }, packets_max }: ApiOptions): void {
  app.route({
    method: 'POST',
    url: '/accounts/:account_id/pcaps',
    schema: {
      tags,
      operationId: 'createCapture',
      summary: 'Ask for a capture',
      params: AccountPath,
      headers: RepeatHeaders,
      body: captureRequest(packets_max),
      response: { 200: envelope(CaptureResponse), ...refusals },
    },
    handler: async (request, reply) => {
      const created = await captures.create(callerOf(request), request.body, repeatOf(request.headers));
      reply.headers(rateHeaders(created));
      if (!created.ok) throw new FaultError([created.fault]);
      return captureAnswer(created.capture);
    },
  });

  app.route({
    method: 'GET',
    url: '/accounts/:account_id/pcaps',
    schema: {
      tags,
      operationId: 'listCaptures',
      summary: 'The newest captures, finished and running',
      params: AccountPath,
      querystring: ListQuery,
      response: { 200: listEnvelope(CaptureResponse), ...refusals },
    },
    handler: async (request) => {
      const query = unwrap(checkListQuery(request.query));
      const { page, per_page } = query;
      const found = await captures.list(callerOf(request), query);
      return listAnswer(found.captures.map(captureJson), { page, per_page, total_count: found.total_count });
    },
  });

  app.route({
    method: 'GET',
    url: '/accounts/:account_id/pcaps/:pcap_id',
    schema: {
      tags,
      operationId: 'getCapture',
      summary: 'One capture',
      params: CapturePath,
      response: { 200: envelope(CaptureResponse), ...refusals },
    },
    // Whoever waits for a capture asks for it again and again.
    serializerCompiler: () => captureAnswerText,
    handler: async (request) =>
      captureAnswer(await captures.get(callerOf(request), idOr404(request.params.pcap_id, 'capture'))),
  });
}
