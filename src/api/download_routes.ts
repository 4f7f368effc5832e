import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ByteRange, Download } from '../control/control.ts';
import { raise } from '../model/errors/fault.ts';
import { FileContent, NotModified } from '../wire/http/file_schemas.ts';
import { CapturePath, RangeHeaders, refusals } from '../wire/http/route_schemas.ts';
import type { ApiInstance } from './api_instance.ts';
import type { ApiOptions } from './api_options.ts';
import { callerOf } from './caller.ts';
import { conditionalAnswer } from './conditional_request.ts';
import { exactly } from './exactly.ts';
import { idOr404 } from './id_or_404.ts';

const path = '/accounts/:account_id/pcaps/:pcap_id/download';

/** The result file of a capture: whole, in part, or only its headers. */
export function downloadRoutes(app: ApiInstance, { control: { captures } }: ApiOptions): void {
  const schema = {
    tags: ['Packet captures'],
    operationId: 'downloadCapture',
    summary: 'The result file',
    description: 'Not ready is 409, failed is 404. Resume with Range and If-Range.',
    params: CapturePath,
    headers: RangeHeaders,
    response: { 200: FileContent, 206: FileContent, 304: NotModified, ...refusals },
  };
  const handler = async (request: FastifyRequest<{ Params: { pcap_id: string } }>, reply: FastifyReply) => {
    const id = idOr404(request.params.pcap_id, 'capture');
    return await send(request, reply, await captures.download(callerOf(request), id));
  };
  // Before the GET, which would bring a HEAD of its own that opens the file.
  app.head(path, { schema: { hide: true } }, handler);
  app.get(path, { schema }, handler);
}

async function send(request: FastifyRequest, reply: FastifyReply, file: Download): Promise<FastifyReply> {
  const { size_bytes, etag } = file;
  const last_modified_s = Number(file.last_modified / 1_000_000_000n);
  const found = conditionalAnswer(request.method, request.headers, { size_bytes, etag, last_modified_s });
  if (found.status === 412) raise('precondition_failed', { etag });
  if (found.status === 416) {
    reply.header('content-range', `bytes */${size_bytes}`);
    raise('range_unsatisfiable', { size_bytes, range: request.headers.range?.slice(0, 100) ?? '' });
  }
  reply.headers({ etag, 'last-modified': new Date(last_modified_s * 1000).toUTCString(), 'accept-ranges': 'bytes' });
  if (found.status === 304) return reply.code(304).send();
  const range: ByteRange | undefined = found.status === 206 ? found.range : undefined;
  const length = range === undefined ? size_bytes : range.end - range.start + 1;
  const head = request.method === 'HEAD';
  const content = head || length === 0 ? undefined : await file.open(range);
  if (range !== undefined) reply.header('content-range', `bytes ${range.start}-${range.end}/${size_bytes}`);
  reply
    .code(found.status)
    .type(file.media_type)
    .headers({
      'content-disposition': `attachment; filename="${file.filename}"`,
      'content-length': String(length),
    });
  return reply.send(content === undefined ? undefined : Readable.from(exactly(content, length), { objectMode: false }));
}
