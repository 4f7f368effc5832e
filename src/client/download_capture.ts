import { FaultError, fault, raise } from '../model/errors/fault.ts';
import { waitFor } from './retry_policy.ts';
import type { ClientWorld, Transport } from './transport.ts';

/** A result file on its way. */
export interface CaptureFile {
  /** As the server calls it: `pcap_<id>.pcap` or `.pcapng`. */
  readonly filename: string;
  readonly size_bytes: number;
  /**
   * All bytes in order, once. After a cut connection the rest is asked for from where it broke.
   *
   * @throws {FaultError} `server_unreachable` when it stays cut, `answer_unreadable` when the file is another one now
   */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Cut connections in a row, without a byte between them, that end a download. */
const cuts_max = 5;

/** Opens a result file. Leaving `chunks` early closes the connection, and so does the signal. */
export async function downloadCapture(
  transport: Transport,
  path: string,
  world: ClientWorld,
  signal?: AbortSignal,
): Promise<CaptureFile> {
  // What a proxy packed would not have the length that is compared below.
  const plain = { 'accept-encoding': 'identity' };
  const ending = signal === undefined ? {} : { signal };
  const first = await transport.send({ method: 'GET', path, headers: plain, ...ending, repeatable: true });
  const size_bytes = Number(first.headers.get('content-length') ?? Number.NaN);
  const etag = first.headers.get('etag');
  if (!Number.isSafeInteger(size_bytes)) {
    raise('answer_unreadable', { url: transport.url, reason: 'it does not say how long the file is' });
  }
  return {
    filename: filenameOf(first.headers.get('content-disposition')),
    size_bytes,
    chunks: chunksOf(first, size_bytes, async (from) => {
      const answer = await transport.send({
        method: 'GET',
        path,
        repeatable: true,
        ...ending,
        headers: { ...plain, range: `bytes=${from}-`, ...(etag === null ? {} : { 'if-range': etag }) },
      });
      if (answer.status === 206 && startOf(answer) === from) return answer;
      await answer.body?.cancel();
      return raise('answer_unreadable', {
        url: transport.url,
        reason: 'the file has changed since its first bytes came',
      });
    }),
  };

  async function* chunksOf(
    opened: Response,
    size: number,
    goOn: (from: number) => Promise<Response>,
  ): AsyncGenerator<Uint8Array> {
    let answer = opened;
    let got = 0;
    let cuts = 0;
    for (;;) {
      let cause: unknown;
      try {
        for await (const chunk of answer.body ?? []) {
          got += chunk.length;
          cuts = 0;
          yield chunk;
        }
      } catch (error) {
        signal?.throwIfAborted();
        cause = error;
      }
      if (got === size) return;
      if (got > size) raise('answer_unreadable', { url: transport.url, reason: 'more came than the file has' });
      cuts += 1;
      if (cuts > cuts_max) {
        const reason = `the connection was cut at byte ${got} of ${size}`;
        throw new FaultError([fault('server_unreachable', { url: transport.url, reason })], { cause });
      }
      await world.sleep(waitFor(cuts - 1));
      answer = await goOn(got);
    }
  }
}

function startOf({ headers }: Response): number | undefined {
  const found = /^bytes (\d+)-/.exec(headers.get('content-range') ?? '');
  return found === null ? undefined : Number(found[1]);
}

/** The name that the server gives, without any way out of the directory that it is put into. */
function filenameOf(disposition: string | null): string {
  const name = /filename="([^"/\\]+)"/.exec(disposition ?? '')?.[1] ?? '';
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ? name : 'capture.pcap';
}
