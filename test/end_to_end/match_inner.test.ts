import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { edgetapProgram } from '../support/edgetap_program.ts';
import { type TunnelFrame, tunnelFrames } from '../fixtures/tunnel_frames.ts';
import { createNamespacePair, type NamespacePair } from '../support/namespace_pair.ts';
import { parsePcap } from '../support/packet_samples.ts';
import { openFrameSender } from '../support/replay_frames.ts';
import { type Served, startServe } from '../support/serve.ts';
import { createCapture, downloadFile, provedFileBucket } from '../support/take_captures.ts';
import { waitFor } from '../support/wait_for.ts';
import { endsAsCovered } from '../support/ends_as_covered.ts';

/** GRE, VXLAN, MPLS, PPPoE and plain IP, untagged and tagged once and twice. */
const frames: readonly TunnelFrame[] = tunnelFrames().filter(({ name }) =>
  /^[012] tags, ((MPLS|PPPoE) )?IPv[46] (GRE 0|VXLAN with 0 tags|IP|UDP)( of IPv|$)/.test(name),
);

const simple = { type: 'simple', system: 'magic-transit', time_limit: 60, packet_limit: 10_000 };
let pair: NamespacePair;
let served: Served;
/** The same edgetap, asked by an account that is limited to one of the outer networks. */
let limited: Served;

beforeAll(async () => {
  pair = await createNamespacePair();
  served = await startServe({ interfaces: [pair.near.name] });
  const operator = async (...args: readonly string[]): Promise<string> => {
    const env = { PATH: process.env['PATH'], EDGETAP_DATA_DIR: served.data_dir };
    return (await promisify(execFile)(edgetapProgram, args, { env })).stdout.trim();
  };
  const account_id = await operator('account', 'create', 'tenant');
  await operator('account', 'grant', account_id, '--sensors', 's1', '--networks', '10.0.100.0/24');
  const token = await operator(
    'token',
    'create',
    '--account',
    account_id,
    '--name',
    'limited',
    '--permission',
    'write',
  );
  const call: Served['call'] = async (method, path, body) => {
    const answer = await fetch(`${served.base_url}/accounts/${account_id}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, headers: answer.headers, body: (await answer.json()) as never };
  };
  limited = { ...served, account_id, token, call };

  const sender = openFrameSender(pair.far);
  sender.send(frames.map(({ bytes }) => bytes));
  sender.close();
  await waitFor(async () => (await lookBack(served, {})).length === frames.length || undefined, {
    what: 'all frames to be samples',
  });
});
afterAll(async () => {
  await served?.remove();
  await pair?.remove();
});

/** What a look-back finds, as the names of the frames that were sent. */
async function lookBack(by: Served, ask: Readonly<Record<string, unknown>>): Promise<readonly string[]> {
  const { id } = await createCapture(by, { ...simple, ...ask });
  await endsAsCovered(by, id);
  return parsePcap(await downloadFile(by, id)).packets.map(({ data }) => nameOf(data));
}

function nameOf(data: Uint8Array): string {
  const same = frames.filter(({ bytes }) => Buffer.compare(bytes.subarray(0, 160), data) === 0);
  return same.map(({ name }) => name).join(' or ');
}

const named = (matches: (frame: TunnelFrame) => boolean): readonly string[] =>
  frames.filter(matches).map(({ bytes }) => nameOf(bytes.subarray(0, 160)));
const from = (source: string) => ({
  outside: ({ outer }: TunnelFrame): boolean => outer?.source === source,
  inside: ({ inner }: TunnelFrame): boolean => inner.some((one) => one.source === source),
});

describe.each([
  ['10.0.4.1', { filter_v1: { source_address: '10.0.4.1' } }],
  ['2001:db8:6::1', { filter_expression: 'src host 2001:db8:6::1' }],
  ['10.0.100.1', { filter_v1: { source_address: '10.0.100.1' }, filter_expression: 'ip' }],
])('from %s', (source, filter) => {
  const { outside, inside } = from(source);

  test('only the outside counts, where nothing else is asked for', async () => {
    expect(named(inside).length).toBeGreaterThan(10);
    expect(await lookBack(served, filter)).toEqual(named(outside));
    expect(await lookBack(served, { ...filter, match_inner: false })).toEqual(named(outside));
  });

  test('with match_inner what is inside counts too', async () => {
    const all = named((frame) => outside(frame) || inside(frame));
    expect(await lookBack(served, { ...filter, match_inner: true })).toEqual(all);
    expect(await lookBack(served, { ...filter, match_inner: true, packet_limit: 5 })).toEqual(all.slice(-5));
  });

  test('an account sees no more than its scope by it', async () => {
    const granted = from('10.0.100.1').outside;
    const seen = named((frame) => granted(frame) && (outside(frame) || inside(frame)));
    expect(seen.length).toBeGreaterThan(5);
    expect(await lookBack(limited, { ...filter, match_inner: true })).toEqual(seen);
  });
});

test('both parts of a filter are about one header', async () => {
  const ask = { filter_v1: { source_address: '10.0.100.1' }, filter_expression: 'udp port 5353', match_inner: true };
  expect(await lookBack(served, ask)).toEqual([]);
  const inner = { ...ask, filter_v1: { source_address: '10.0.4.1' } };
  expect((await lookBack(served, inner)).length).toBeGreaterThan(10);
});

test('it is shown where it was asked for, and refused where it cannot be', async () => {
  const shown = await createCapture(served, { ...simple, match_inner: true });
  expect(shown).toMatchObject({ match_inner: true });
  expect(await createCapture(served, { ...simple, match_inner: false })).not.toHaveProperty('match_inner');
  const listed = await served.call('GET', `/pcaps/${shown.id}`);
  expect(listed.body.result).toMatchObject({ match_inner: true });
  const destination_conf = await provedFileBucket(served);
  const full = { type: 'full', system: 'magic-transit', time_limit: 1, colo_name: 'lab01', destination_conf };
  const refused = await served.call('POST', '/pcaps', { ...full, match_inner: true });
  expect([refused.status, refused.body.errors]).toMatchObject([
    400,
    [{ code: 1313, source: { pointer: '/match_inner' } }],
  ]);
  const useless = await served.call('POST', '/pcaps', {
    ...simple,
    match_inner: true,
    filter_expression: 'ether host 02:00:00:00:00:01',
  });
  expect([useless.status, useless.body.errors]).toMatchObject([
    400,
    [{ code: 1314, source: { pointer: '/match_inner' } }],
  ]);
});
