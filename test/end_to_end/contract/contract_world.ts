import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { edgetapProgram } from '../../support/edgetap_program.ts';
import { createToken } from '../../../src/control/accounts/manage_tokens.ts';
import type { Database } from '../../../src/db/database.ts';
import { openDatabase } from '../../../src/db/open_database.ts';
import { databasePath } from '../../../src/main/operator_command.ts';
import type { Permission } from '../../../src/model/principal.ts';
import { createNamespacePair, type NamespacePair } from '../../support/namespace_pair.ts';
import { type Envelope, type Served, startServe } from '../../support/serve.ts';
import { waitFor } from '../../support/wait_for.ts';
import { asDocumented, type OpenApi } from './as_documented.ts';

/** Who asks: a bearer token, headers of its own, or nobody. */
export type Credentials = string | Readonly<Record<string, string>> | null;

/** One request. */
export interface Ask {
  /** The first account's token by default. */
  readonly as?: Credentials;
  /** The account of the path; the first one by default. */
  readonly account?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body?: unknown;
}

/** What came back. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** The envelope, where it is one. */
  readonly body: Envelope;
  /** `[code, pointer]` of every error. */
  readonly errors: readonly (readonly [number, string | undefined])[];
}

/** A capture as the API shows it. */
export type Shown = Readonly<Record<string, unknown>> & { readonly id: string; readonly status: string };

/** An `edgetap serve` on one end of a cable, and everything that a client and an operator do with it. */
export interface ContractWorld {
  readonly served: Served;
  readonly pair: NamespacePair;
  /** The database of the running edgetap: what an operator finds in it. */
  readonly db: Database;
  readonly document: OpenApi;
  /** One API call. Every answer is held against the OpenAPI document that this edgetap serves. */
  readonly ask: (method: string, path: string, ask?: Ask) => Promise<Answered>;
  /** Makes a new token of an account. */
  readonly token: (permission?: Permission, account?: string) => Promise<string>;
  /** Runs the operator's command line on the data directory; gives what it prints. */
  readonly edgetap: (...args: readonly string[]) => Promise<string>;
  /** Adds a `file://` bucket of this name and proves it. */
  readonly bucket: (name: string, ask?: Ask) => Promise<string>;
  /** Asks for a capture that must be made. */
  readonly create: (body: Readonly<Record<string, unknown>>, ask?: Ask) => Promise<Shown>;
  /** Waits until a capture has one of these statuses, any final one by default. */
  readonly becomes: (id: string, wanted?: readonly string[], ask?: Ask) => Promise<Shown>;
  /** The result file of a capture. */
  readonly download: (id: string, ask?: Ask) => Promise<Buffer>;
  /** Stops the sensor's process for as long as `during` runs: nothing arms, nothing answers. */
  readonly withSensorFrozen: <T>(during: () => Promise<T>) => Promise<T>;
  readonly remove: () => Promise<void>;
}

/** Statuses that never change. */
const finals: readonly string[] = ['success', 'complete', 'failed'];

/** An id that nothing has. */
export const nobody: string = 'f'.repeat(32);

/** What the suite's edgetap allows. */
export const allowed = { creates_per_minute: 25, running_max: 6, packets_max: 20_000 } as const;

/** Starts one. */
export async function startContractWorld(): Promise<ContractWorld> {
  const pair = await createNamespacePair();
  const served = await startServe({
    interfaces: [pair.near.name],
    env: {
      EDGETAP_CREATES_PER_MINUTE: String(allowed.creates_per_minute),
      EDGETAP_RUNNING_MAX: String(allowed.running_max),
      EDGETAP_PACKETS_MAX: String(allowed.packets_max),
    },
  }).catch(async (error: unknown) => {
    await pair.remove();
    throw error;
  });
  const path = databasePath(served.data_dir);
  const db = await openDatabase({ url: `sqlite:${path}`, clock: () => BigInt(Date.now()) * 1_000_000n });
  const document = (await (await fetch(`${served.url}/openapi.json`)).json()) as OpenApi;

  const ask: ContractWorld['ask'] = async (method, path, { as = served.token, account, headers, body } = {}) => {
    const under = path.startsWith('/pcaps') ? `/accounts/${account ?? served.account_id}${path}` : path;
    const whole = path.startsWith('//') ? path.slice(1) : `/client/v4${under}`;
    const response = await fetch(`${served.url}${whole}`, {
      method,
      headers: {
        ...(typeof as === 'string' ? { authorization: `Bearer ${as}` } : as),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const content_type = response.headers.get('content-type') ?? undefined;
    const json = content_type?.startsWith('application/json') === true && bytes.length > 0;
    const answer = (json ? JSON.parse(bytes.toString()) : {}) as Envelope;
    if (method !== 'HEAD') {
      const shown = json ? answer : bytes.length === 0 ? undefined : bytes;
      expect(asDocumented(document, { method, path: whole, status: response.status }, content_type, shown)).toBe(
        undefined,
      );
    }
    return {
      status: response.status,
      headers: response.headers,
      bytes,
      body: answer,
      errors: (answer.errors ?? []).map((error) => [error.code, error.source?.pointer] as const),
    };
  };

  const good = async (method: string, path: string, about: Ask): Promise<Envelope['result']> => {
    const { status, body } = await ask(method, path, about);
    if (status !== 200) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(body.errors)}`);
    return body.result;
  };

  return {
    served,
    pair,
    db,
    document,
    ask,
    token: async (permission = 'write', account = served.account_id) => {
      const order = { account_id: account, name: 'contract', permission };
      return (await createToken(db, order, (count) => randomBytes(count))).secret;
    },
    edgetap: async (...args) => {
      const env = { PATH: process.env['PATH'], EDGETAP_DATA_DIR: served.data_dir };
      return (await promisify(execFile)(edgetapProgram, args, { env })).stdout.trim();
    },
    bucket: async (name, about = {}) => {
      // Every account but the first has a directory of its own.
      const directory = join(served.data_dir, 'buckets', about.account ?? '', name);
      mkdirSync(directory, { recursive: true });
      const destination_conf = `file://${directory}`;
      const { filename } = await good('POST', '/pcaps/ownership', { ...about, body: { destination_conf } });
      const ownership_challenge = readFileSync(join(directory, String(filename)), 'utf8');
      const body = { destination_conf, ownership_challenge };
      await good('POST', '/pcaps/ownership/validate', { ...about, body });
      return destination_conf;
    },
    create: async (body, about = {}) =>
      (await good('POST', '/pcaps', { ...about, body: { system: 'magic-transit', ...body } })) as Shown,
    becomes: async (id, wanted = finals, about = {}) =>
      await waitFor(
        async () => {
          const capture = (await good('GET', `/pcaps/${id}`, about)) as Shown;
          if (wanted.includes(capture.status)) return capture;
          return finals.includes(capture.status) ? Promise.reject(new Error(JSON.stringify(capture))) : undefined;
        },
        { what: `capture ${id} to be ${wanted.join(' or ')}` },
      ),
    download: async (id, about = {}) => {
      const { status, bytes } = await ask('GET', `/pcaps/${id}/download`, about);
      if (status !== 200) throw new Error(`download answered ${status}: ${bytes.toString()}`);
      return bytes;
    },
    withSensorFrozen: async (during) => {
      const pid = served.pidOf('sensor');
      process.kill(pid, 'SIGSTOP');
      try {
        return await during();
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    },
    remove: async () => {
      await db.close();
      await served.remove();
      await pair.remove();
    },
  };
}
