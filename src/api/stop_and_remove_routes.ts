import { OwnershipPath, CapturePath, NoContent, refusals } from '../wire/http/route_schemas.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { callerOf } from './caller.ts';
import { idOr404 } from './id_or_404.ts';

/**
 * The routes that say everything by method and path. A body that comes all the same, of any kind (some clients send an
 * empty one with a JSON content type), is passed over.
 */
export function stopAndRemoveRoutes(app: ApiInstance, { control }: ApiOptions): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, _body, done) => {
    done(null);
  });

  app.route({
    method: 'PUT',
    url: '/accounts/:account_id/pcaps/:pcap_id/stop',
    schema: {
      tags: ['Packet captures'],
      operationId: 'stopCapture',
      summary: 'Stop a full capture',
      description: 'What was captured is delivered. Stopping what has ended, or was stopped before, changes nothing.',
      params: CapturePath,
      response: { 204: NoContent, ...refusals },
    },
    handler: async (request, reply) => {
      await control.captures.stop(callerOf(request), idOr404(request.params.pcap_id, 'capture'));
      return await reply.code(204).send(null);
    },
  });

  app.route({
    method: 'DELETE',
    url: '/accounts/:account_id/pcaps/:pcap_id',
    schema: {
      tags: ['Packet captures'],
      operationId: 'discardCapture',
      summary: 'Discard a capture',
      description:
        'Ends a capture that has not ended, as `failed`, and removes what edgetap holds of it: what waits for its bucket is not delivered any more. Of a look-back that has ended its file is removed, and it is not listed any more. What is in a bucket already stays. Repeating it changes nothing.',
      params: CapturePath,
      response: { 204: NoContent, ...refusals },
    },
    handler: async (request, reply) => {
      await control.captures.discard(callerOf(request), idOr404(request.params.pcap_id, 'capture'));
      return await reply.code(204).send(null);
    },
  });

  app.route({
    method: 'DELETE',
    url: '/accounts/:account_id/pcaps/ownership/:ownership_id',
    schema: {
      tags: ['Buckets'],
      operationId: 'removeBucket',
      summary: 'Remove a bucket from the account',
      description: 'The bucket itself, and what is in it, stays as it is.',
      params: OwnershipPath,
      response: { 204: NoContent, ...refusals },
    },
    handler: async (request, reply) => {
      await control.ownerships.remove(callerOf(request), idOr404(request.params.ownership_id, 'bucket'));
      return await reply.code(204).send(null);
    },
  });
}
