import { raise } from '../model/errors/fault.ts';
import type { AccountResponse, TokenResponse } from '../wire/http/account_schemas.ts';
import type { CaptureRequest } from '../wire/http/capture_request.ts';
import type { CaptureResponse } from '../wire/http/capture_response.ts';
import { type Answers, checkAnswer } from '../wire/http/check_answer.ts';
import type { EstimateRequest } from '../wire/http/estimate_request.ts';
import type { EstimateResponse } from '../wire/http/estimate_response.ts';
import type { ResultInfo } from '../wire/http/envelope.ts';
import type { ListQuery } from '../wire/http/list_query.ts';
import type { OwnershipRequest, OwnershipResponse, ValidateRequest } from '../wire/http/ownership_schemas.ts';
import { type CaptureFile, downloadCapture } from './download_capture.ts';
import { type ApiRequest, type ClientOptions, type ClientWorld, createTransport } from './transport.ts';

/** A page of captures, newest first. */
export interface CapturePage {
  readonly captures: readonly CaptureResponse[];
  readonly info: ResultInfo;
}

/**
 * The API as functions. Requests that may be sent again are, where the server or the kind of failure allows it. All of them throw
 * `ApiError` for what the server refused, and `FaultError` (`server_unreachable`, `answer_unreadable`) for all else.
 */
export interface ApiClient {
  readonly url: string;
  /** The account that everything below is about: the given one, or else the first that the token reaches. */
  accountId(): Promise<string>;
  accounts(): Promise<readonly AccountResponse[]>;
  verifyToken(): Promise<TokenResponse>;
  createCapture(request: CaptureRequest): Promise<CaptureResponse>;
  /** What a capture would catch; nothing is created. */
  estimateCapture(request: EstimateRequest): Promise<EstimateResponse>;
  listCaptures(query?: ListQuery): Promise<CapturePage>;
  getCapture(id: string): Promise<CaptureResponse>;
  stopCapture(id: string): Promise<void>;
  /** Ends a capture, or removes its file: nothing that edgetap holds of it is kept. */
  discardCapture(id: string): Promise<void>;
  /** Opens the result file; the bytes come as they are read, and go on after a cut connection. */
  download(id: string, signal?: AbortSignal): Promise<CaptureFile>;
  listOwnerships(): Promise<readonly OwnershipResponse[]>;
  addOwnership(request: OwnershipRequest): Promise<OwnershipResponse>;
  validateOwnership(request: ValidateRequest): Promise<OwnershipResponse>;
  removeOwnership(id: string): Promise<void>;
}

/** Makes a client. `account_id` saves it from asking which account the token belongs to. */
export function createApiClient(
  options: ClientOptions & { readonly account_id?: string },
  world: ClientWorld,
): ApiClient {
  const transport = createTransport(options, world);

  const ask = async <Name extends keyof Answers>(name: Name, request: ApiRequest): Promise<Answers[Name]> => {
    const answer = await transport.send({ ...request, headers: { accept: 'application/json', ...request.headers } });
    const body: unknown = await answer.json().catch((cause: unknown) => {
      raise('answer_unreadable', { url: transport.url, reason: 'its answer is not JSON' }, { cause });
    });
    if (checkAnswer(name, body)) return body;
    return raise('answer_unreadable', { url: transport.url, reason: `its answer is not of the form "${name}"` });
  };
  const read = (path: string): ApiRequest => ({ method: 'GET', path, repeatable: true });
  const accounts = async (): Promise<readonly AccountResponse[]> =>
    (await ask('AccountList', read('/accounts'))).result;

  let account: string | undefined = options.account_id;
  const accountId = async (): Promise<string> => {
    if (account !== undefined) return account;
    const [first] = await accounts();
    account = first?.id ?? raise('answer_unreadable', { url: transport.url, reason: 'the token reaches no account' });
    return account;
  };
  const at = async (path: string): Promise<string> => `/accounts/${encodeURIComponent(await accountId())}/pcaps${path}`;
  const one = (id: string): string => `/${encodeURIComponent(id)}`;

  return {
    url: transport.url,
    accountId,
    accounts,
    verifyToken: async () => (await ask('Token', read('/user/tokens/verify'))).result,
    createCapture: async (body) => {
      // The key makes sending it again safe: the same capture comes back.
      const headers = { 'idempotency-key': world.randomId() };
      return (await ask('Capture', { method: 'POST', path: await at(''), body, headers, repeatable: true })).result;
    },
    estimateCapture: async (body) =>
      (await ask('Estimate', { method: 'POST', path: await at('/estimate'), body, repeatable: true })).result,
    listCaptures: async (query = {}) => {
      const given = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
      const parameters = new URLSearchParams(given).toString();
      const { result, result_info } = await ask('CaptureList', read(await at(`?${parameters}`)));
      return { captures: result, info: result_info };
    },
    getCapture: async (id) => (await ask('Capture', read(await at(one(id))))).result,
    stopCapture: async (id) => {
      await transport.send({ method: 'PUT', path: await at(`${one(id)}/stop`), repeatable: true });
    },
    discardCapture: async (id) => {
      await transport.send({ method: 'DELETE', path: await at(one(id)), repeatable: false });
    },
    download: async (id, signal) => await downloadCapture(transport, await at(`${one(id)}/download`), world, signal),
    listOwnerships: async () => {
      const all: OwnershipResponse[] = [];
      for (let page = 1; ; page += 1) {
        const { result, result_info } = await ask('OwnershipList', read(await at(`/ownership?page=${page}`)));
        all.push(...result);
        if (page >= result_info.total_pages) return all;
      }
    },
    addOwnership: async (body) =>
      (await ask('Ownership', { method: 'POST', path: await at('/ownership'), body, repeatable: false })).result,
    validateOwnership: async (body) =>
      (await ask('Ownership', { method: 'POST', path: await at('/ownership/validate'), body, repeatable: true }))
        .result,
    removeOwnership: async (id) => {
      await transport.send({ method: 'DELETE', path: await at(`/ownership${one(id)}`), repeatable: false });
    },
  };
}
