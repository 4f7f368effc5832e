import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { SignedPiece } from '../model/piece.ts';
import type { GuardedAgents } from '../net/guarded_agent.ts';

/** What the bucket answered. */
export interface PieceAnswer {
  readonly status: number;
  /** Without quotes; the empty string when there was none. */
  readonly etag: string;
  /** The first of the body, where S3 says what is wrong. */
  readonly text: string;
  /** The server's wish, in milliseconds. */
  readonly retry_after_ms: number;
}

/** Of silence, on the way there or back. */
const silence_ms = 60_000;
/** How long to wait for leave to send the body before it is sent unasked: old servers do not know the question. */
const continue_ms = 1000;
const answer_chars = 16_384;

/**
 * PUTs one piece to its signed URL and gives the answer, whatever it is; redirects are answers. The body is sent once the
 * server agrees (`Expect: 100-continue`), so that a refusal costs nothing. Fails with the system's error when the
 * connection does, with the guard's FaultError when it may not be made, and with the signal's reason.
 */
export async function sendPiece(
  signed: SignedPiece,
  body: AsyncIterable<Uint8Array>,
  agents: GuardedAgents,
  signal: AbortSignal,
): Promise<PieceAnswer> {
  signal.throwIfAborted();
  const url = new URL(signed.url);
  const options = {
    method: signed.method,
    headers: { ...signed.headers, expect: '100-continue' },
    timeout: silence_ms,
    signal,
  };
  const sending =
    url.protocol === 'https:'
      ? httpsRequest(url, { ...options, agent: agents.https })
      : httpRequest(url, { ...options, agent: agents.http });
  sending.on('timeout', () => sending.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })));
  const answered = new AbortController();
  const writing = writeBody(sending, body, answered.signal);
  try {
    const response = await responseOf(sending);
    answered.abort();
    return await readAnswer(response);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    answered.abort();
    await writing;
    // A connection with half a body in it cannot be used again.
    if (!sending.writableFinished) sending.destroy();
  }
}

function responseOf(sending: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sending.on('response', resolve);
    // Stays for what comes after the response: a server may answer and hang up.
    sending.on('error', reject);
  });
}

/** Writes the body when the server agrees or says nothing. Never fails: a failure ends the request, which says it. */
async function writeBody(
  sending: ClientRequest,
  body: AsyncIterable<Uint8Array>,
  answered: AbortSignal,
): Promise<void> {
  const over = AbortSignal.any([answered, closeOf(sending)]);
  try {
    await once(sending, 'continue', { signal: AbortSignal.any([over, AbortSignal.timeout(continue_ms)]) }).catch(
      () => undefined,
    );
    for await (const chunk of body) {
      if (over.aborted) return;
      if (!sending.write(chunk)) await once(sending, 'drain', { signal: over });
    }
    if (!over.aborted) sending.end();
  } catch (error) {
    if (!over.aborted) sending.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function closeOf(sending: ClientRequest): AbortSignal {
  const closed = new AbortController();
  sending.once('close', () => closed.abort());
  return closed.signal;
}

async function readAnswer(response: IncomingMessage): Promise<PieceAnswer> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      text += String(chunk).slice(0, answer_chars - text.length);
      // The rest, which may have no end, is not waited for.
      if (text.length === answer_chars) break;
    }
  } catch (error) {
    // A success whose answer was cut may be none; a refusal is one without its words.
    if ((response.statusCode ?? 0) < 300) throw error;
  }
  const wish_s = Number(response.headers['retry-after']);
  return {
    status: response.statusCode ?? 0,
    etag: (response.headers.etag ?? '').replace(/^"(.*)"$/, '$1'),
    text,
    retry_after_ms: Number.isFinite(wish_s) && wish_s > 0 ? wish_s * 1000 : 0,
  };
}
