import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Served } from './serve.ts';
import { waitFor } from './wait_for.ts';

/** A capture as the API shows it. */
export type ShownCapture = Readonly<Record<string, unknown>> & { readonly id: string; readonly status: string };

const finals = ['success', 'complete', 'failed'];

/** Adds a `file://` bucket and proves it; gives its destination. `root` is what the operator allows, `seen_as` what edgetap sees it as. */
export async function provedFileBucket(
  served: Pick<Served, 'call' | 'data_dir'>,
  name = 'captures',
  root: string = join(served.data_dir, 'buckets'),
  seen_as = root,
): Promise<string> {
  const directory = join(root, name);
  mkdirSync(directory, { recursive: true });
  const destination_conf = `file://${join(seen_as, name)}`;
  const added = await served.call('POST', '/pcaps/ownership', { destination_conf });
  if (added.status !== 200) throw new Error(JSON.stringify(added.body.errors));
  const ownership_challenge = readFileSync(join(directory, String(added.body.result['filename'])), 'utf8');
  const proved = await served.call('POST', '/pcaps/ownership/validate', { destination_conf, ownership_challenge });
  if (proved.status !== 200) throw new Error(JSON.stringify(proved.body.errors));
  return destination_conf;
}

/** Asks for a capture; anything but 200 is an error of the test. */
export async function createCapture(
  served: Pick<Served, 'call'>,
  body: Readonly<Record<string, unknown>>,
): Promise<ShownCapture> {
  const { status, body: answer } = await served.call('POST', '/pcaps', { system: 'magic-transit', ...body });
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(answer.errors)}`);
  return answer.result as ShownCapture;
}

/** A capture as it is now. */
export async function showCapture(served: Pick<Served, 'call'>, id: string): Promise<ShownCapture> {
  const { status, body } = await served.call('GET', `/pcaps/${id}`);
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body.errors)}`);
  return body.result as ShownCapture;
}

/** Waits until a capture has this status, or, with none named, any final one. */
export async function captureBecomes(
  served: Pick<Served, 'call' | 'output'>,
  id: string,
  wanted: readonly string[] = finals,
  limit_ms = 300_000,
): Promise<ShownCapture> {
  const ended = await waitFor(
    async () => {
      const capture = await showCapture(served, id);
      return wanted.includes(capture.status) || finals.includes(capture.status) ? capture : undefined;
    },
    { what: `capture ${id} to be ${wanted.join(' or ')}`, limit_ms },
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${served.output().slice(-4000)}`, { cause: error });
  });
  // What is final stays as it is.
  if (!wanted.includes(ended.status)) {
    throw new Error(`not ${wanted.join(' or ')}: ${JSON.stringify(ended)}\n${served.output().slice(-4000)}`);
  }
  return ended;
}

/** Stops a full capture. */
export async function stopCapture(served: Served, id: string): Promise<void> {
  const { status } = await served.call('PUT', `/pcaps/${id}/stop`);
  if (status !== 204) throw new Error(`stop answered ${status}`);
}

/** The delivered file of a capture in a `file://` bucket. */
export function deliveredFile(destination_conf: string, id: string, format = 'pcap'): Buffer {
  const directory = destination_conf.slice('file://'.length);
  const names = readdirSync(directory).filter((name) => name.includes(id));
  if (names.length !== 1 || names[0] !== `pcap_${id}.${format}`)
    throw new Error(`the bucket holds ${names.join(', ')}`);
  return readFileSync(join(directory, `pcap_${id}.${format}`));
}

/** A result file by the API. */
export async function downloadFile(served: Served, id: string): Promise<Buffer> {
  const response = await fetch(`${served.base_url}/accounts/${served.account_id}/pcaps/${id}/download`, {
    headers: { authorization: `Bearer ${served.token}` },
  });
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}
