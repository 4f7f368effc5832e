import { FaultError, fault, raise } from '../model/errors/fault.ts';
import { ApiError } from './api_error.ts';
import { errorsIn } from './errors_in.ts';
import { mayRetry, waitFor } from './retry_policy.ts';

/** What a client needs of the world. */
export interface ClientWorld {
  readonly fetch: typeof fetch;
  /** Resolves after that time. */
  readonly sleep: (ms: number) => Promise<void>;
  /** A fresh random text, for idempotency keys. */
  readonly randomId: () => string;
}

/** Where edgetap is and how to be let in. */
export interface ClientOptions {
  /** `http://127.0.0.1:8787`, with or without `/client/v4`. */
  readonly url: string;
  readonly token: string;
  /** The first and all further tries of one request. */
  readonly tries_max?: number;
}

/** One request. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the base path, with its query. */
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends the request, and the reading of its answer's body. */
  readonly signal?: AbortSignal;
  /** May it be sent again after the connection was cut, when nobody knows whether it arrived? */
  readonly repeatable: boolean;
}

/** Sends requests, again where that helps. */
export interface Transport {
  /**
   * The answer, its body not read.
   *
   * @throws {ApiError} when the server refused it
   * @throws {FaultError} `server_unreachable`, `answer_unreadable`
   */
  send(request: ApiRequest): Promise<Response>;
  readonly url: string;
}

const headers_timeout_ms = 60_000;

/** Makes a transport. */
export function createTransport({ url, token, tries_max = 3 }: ClientOptions, world: ClientWorld): Transport {
  const base = baseOf(url);
  const once = async ({ method, path, body, headers, signal }: ApiRequest): Promise<Response> => {
    // The timeout is for the headers; a body may take as long as it takes.
    const giveUp = new AbortController();
    const timer = setTimeout(
      () => giveUp.abort(new Error(`no answer in ${headers_timeout_ms / 1000} s`)),
      headers_timeout_ms,
    );
    try {
      return await world.fetch(`${base}${path}`, {
        method,
        redirect: 'error',
        signal: signal === undefined ? giveUp.signal : AbortSignal.any([giveUp.signal, signal]),
        headers: {
          accept: '*/*',
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    url: base,
    send: async (request) => {
      for (let tries = 1; ; tries += 1) {
        let answer: Response;
        try {
          answer = await once(request);
        } catch (cause) {
          request.signal?.throwIfAborted();
          if (request.repeatable && tries < tries_max) {
            await world.sleep(waitFor(tries));
            continue;
          }
          throw unreachable(base, cause);
        }
        if (answer.ok || answer.status === 304) return answer;
        const text = await answer.text().catch(() => '');
        if (tries < tries_max && mayRetry(answer)) {
          await world.sleep(waitFor(tries, answer.headers.get('retry-after')));
          continue;
        }
        const errors = errorsIn(text);
        if (errors === undefined) return raise('answer_unreadable', { url: base, reason: `status ${answer.status}` });
        throw new ApiError(answer.status, errors, answer.headers.get('x-request-id') ?? undefined);
      }
    },
  };
}

/** The base of all paths, without a slash at its end. */
function baseOf(url: string): string {
  const trimmed = url.replace(/\/+$/, '');
  if (!/^https?:\/\/[^/\s]/i.test(trimmed) || !URL.canParse(trimmed)) {
    raise('setting_invalid', { setting: 'EDGETAP_URL', value: url, expected: 'a URL such as http://127.0.0.1:8787' });
  }
  return trimmed.endsWith('/client/v4') ? trimmed : `${trimmed}/client/v4`;
}

function unreachable(url: string, cause: unknown): FaultError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : undefined;
  const text = inner instanceof Error && inner.message !== '' ? inner.message : 'the connection was cut';
  const reason = code === undefined || text.includes(code) ? text : `${text} (${code})`;
  return new FaultError([fault('server_unreachable', { url, reason })], { cause });
}
