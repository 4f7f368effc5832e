import { addAbortSignal, Readable } from 'node:stream';
import { NodeHttpHandler, type NodeHttpHandlerOptions } from '@smithy/node-http-handler';

/** How much of a server's answer is taken. */
export interface AnswerBounds {
  /** Of every answer that is not an object's content. */
  readonly answer_bytes: number;
  /** From the request's last byte to the answer's head, and from there to its end. */
  readonly answer_ms: number;
  /** Slower senders than this give up. */
  readonly least_bytes_per_ms: number;
  /** So long a server may say nothing while it puts an object together of its pieces, and a reader may not read on. */
  readonly patient_ms: number;
}

type Handle = NodeHttpHandler['handle'];

/**
 * The SDK's way to the network, for servers that users name: the SDK reads every answer but an object's content into memory, whole,
 * and waits for it as long as a byte comes now and then. Here an answer has an end.
 */
export class BoundedHandler extends NodeHttpHandler {
  readonly #bounds: AnswerBounds;
  readonly #tooLong: () => Error;
  readonly #patient: NodeHttpHandler;

  /** `tooLong` makes the error of an answer that has no end. */
  constructor(options: NodeHttpHandlerOptions, bounds: AnswerBounds, tooLong: () => Error) {
    super({ ...options, throwOnRequestTimeout: true });
    this.#patient = new NodeHttpHandler({
      ...options,
      socketTimeout: bounds.patient_ms,
      throwOnRequestTimeout: true,
    });
    this.#bounds = bounds;
    this.#tooLong = tooLong;
  }

  override async handle(...[request, options]: Parameters<Handle>): ReturnType<Handle> {
    const { answer_bytes, answer_ms, least_bytes_per_ms } = this.#bounds;
    const sending_ms = Number(request.headers['content-length'] ?? 0) / least_bytes_per_ms;
    const bounded = { ...options, requestTimeout: answer_ms + sending_ms };
    const takes_time = request.method === 'GET' || (request.method === 'POST' && 'uploadId' in request.query);
    const { response } = await (takes_time ? this.#patient.handle(request, bounded) : super.handle(request, bounded));
    const body: unknown = response.body;
    const isContent = request.method === 'GET' && response.statusCode >= 200 && response.statusCode < 300;
    if (!isContent && body instanceof Readable) {
      addAbortSignal(AbortSignal.timeout(answer_ms), body);
      response.body = Readable.from(this.#atMost(body, answer_bytes), { objectMode: false });
    }
    return { response };
  }

  override destroy(): void {
    super.destroy();
    this.#patient.destroy();
  }

  async *#atMost(body: Readable, most_bytes: number): AsyncGenerator<Uint8Array> {
    let taken = 0;
    for await (const chunk of body) {
      const bytes = chunk as Uint8Array;
      taken += bytes.length;
      if (taken > most_bytes) throw this.#tooLong();
      yield bytes;
    }
  }
}
