import { beforeAll, describe, expect, test } from 'vitest';
import { parsePcap } from '../../support/packet_samples.ts';
import { replayFrames } from '../../support/replay_frames.ts';
import { waitFor } from '../../support/wait_for.ts';
import type { ContractWorld } from './contract_world.ts';
import { numbered, numberOf } from './frames.ts';
import { requireAsCovered } from '../../support/ends_as_covered.ts';

const vlan = [0x8100, 5] as const;
const service = [0x88a8, 7] as const;

/** Numbered frames of conversations within 10.1.0.0/16, out of it, and between the two; UDP and TCP, tagged and not. */
function traffic(first: number): readonly { readonly bytes: Uint8Array; readonly granted: boolean }[] {
  const pairs = [
    ['10.1.0.1', '198.51.100.7', true],
    ['198.51.100.7', '10.1.255.254', true],
    ['10.1.2.3', '10.1.2.4', true],
    ['10.2.0.1', '198.51.100.7', false],
    ['192.0.2.1', '10.0.255.255', false],
    ['101.0.0.1', '110.1.0.1', false],
  ] as const;
  const nestings = [[], [vlan], [service, vlan]];
  return pairs
    .flatMap(([from, to, granted]) =>
      nestings.flatMap((tags) => (['udp', 'tcp'] as const).map((protocol) => ({ from, to, granted, tags, protocol }))),
    )
    .map(({ granted, ...of }, index) => ({ bytes: numbered(first + index, of), granted }));
}

/** Expressions that try to lead out of a scope, and others; which of the granted frames each has. */
const expressions: readonly (readonly [string, ((frame: Buffer) => boolean) | 'some'])[] = [
  ['', () => true],
  ['tcp or udp', () => true],
  ['not tcp', 'some'],
  ['not net 10.1.0.0/16', () => false],
  ['not host 10.1.2.3', 'some'],
  ['vlan', (frame) => tagsOf(frame) > 0],
  ['not vlan', (frame) => tagsOf(frame) === 0],
  ['vlan or not vlan', () => true],
  ['vlan 5 or ip', 'some'],
  ['ip or vlan', () => true],
  ['ip or (vlan and ip)', 'some'],
  ['vlan and vlan', (frame) => tagsOf(frame) === 2],
  // From `mpls` on, all is looked for behind a label.
  ['mpls or ip', () => false],
  ['net 10.2.0.0/16', () => false],
  ['net 10.2.0.0/16 or vlan', (frame) => tagsOf(frame) > 0],
  ['len >= 0', () => true],
  ['1 = 1', () => true],
  ['ether[0] & 0 = 0 or ip[0] & 0 = 0', 'some'],
];

function tagsOf(frame: Buffer): number {
  return [12, 16].filter((at) => [0x8100, 0x88a8].includes(frame.readUInt16BE(at))).length;
}

/** What an account may see, proved by packets. */
export function scopesContract(world: () => ContractWorld): void {
  describe("an account's scope", () => {
    let about = { account: '', as: '' };
    const simple = { type: 'simple', system: 'magic-transit', time_limit: 300, packet_limit: 10_000 };
    beforeAll(async () => {
      const { edgetap, token } = world();
      const account = await edgetap('account', 'create', 'tenant');
      about = { account, as: await token('write', account) };
    });
    const refusal = async (): Promise<unknown> => {
      const { status, errors } = await world().ask('POST', '/pcaps', { ...about, body: simple });
      return [status, errors];
    };

    test('is empty until it is granted, sensors and networks both', async () => {
      const { ask, edgetap } = world();
      expect(await refusal()).toEqual([403, [[1115, undefined]]]);
      await edgetap('account', 'grant', about.account, '--sensors', 's1');
      expect(await refusal()).toEqual([403, [[1115, undefined]]]);
      expect((await ask('GET', '/pcaps', about)).body.result).toEqual([]);
      expect((await ask('GET', '/pcaps/ownership', about)).body.result).toEqual([]);
      await edgetap('account', 'grant', about.account, '--networks', '10.1.0.0/16,2001:db8:1::/48');
      const listed = JSON.parse(await edgetap('account', 'list', '--json')) as { id: string; scope: unknown }[];
      const scope = { sensors: ['s1'], networks: ['10.1.0.0/16', '2001:db8:1::/48'] };
      expect(listed.find(({ id }) => id === about.account)?.scope).toEqual(scope);
    });

    test.each(['tcp) or (udp', 'tcp or udp)', '(tcp', 'tcp)\n or (udp', ') or 1 = 1 or (tcp'])(
      'an expression that is no expression by itself, %j, is refused',
      async (filter_expression) => {
        const { status, errors } = await world().ask('POST', '/pcaps', {
          ...about,
          body: { ...simple, filter_expression },
        });
        expect(status).toBe(400);
        expect(errors.map(([, pointer]) => pointer)).toEqual(['/filter_expression']);
      },
    );

    const check = (
      file: Buffer,
      sent: ReturnType<typeof traffic>,
      [text, wanted]: (typeof expressions)[number],
    ): void => {
      const granted = sent.filter((one) => one.granted).map((one) => numberOf(one.bytes));
      const { packets } = parsePcap(file);
      const numbers = packets.map(({ data }) => numberOf(data)).filter((number) => number >= (granted[0] ?? 0));
      expect(granted, text).toEqual(expect.arrayContaining(numbers));
      const expected =
        wanted === 'some'
          ? undefined
          : sent.filter((one) => one.granted && wanted(Buffer.from(one.bytes))).map((one) => numberOf(one.bytes));
      if (expected === undefined) expect(numbers.length, text).toBeGreaterThan(0);
      else expect(numbers, text).toEqual(expected);
    };

    test('a look-back has only what is in it, whatever it asks for', async () => {
      const { create, becomes, download, pair } = world();
      const sent = traffic(2000);
      replayFrames(
        pair.far,
        sent.map((one) => one.bytes),
      );
      for (const expression of expressions) {
        const { id } = await create({ ...simple, filter_expression: expression[0] }, about);
        requireAsCovered(await becomes(id, ['success', 'complete'], about));
        check(await download(id, about), sent, expression);
      }
      // What is asked for by filter_v1 is ANDed as well.
      const { id } = await create({ ...simple, filter_v1: { source_address: '10.2.0.1' } }, about);
      requireAsCovered(await becomes(id, ['success', 'complete'], about));
      expect(parsePcap(await download(id, about)).packets).toEqual([]);
    });

    test('so has a full capture; its counts tell of nothing else', async () => {
      const { ask, bucket, create, becomes, download, pair, token } = world();
      const destination_conf = await bucket('tenant', about);
      const by = { ...about, as: await token('write', about.account) };
      const full = { type: 'full', time_limit: 3600, colo_name: 'lab01', destination_conf };
      const tried = expressions.filter(([text]) => ['', 'not tcp', 'vlan', 'not vlan', 'ip or vlan'].includes(text));
      const made = await Promise.all(
        tried.map(async ([filter_expression]) => (await create({ ...full, filter_expression }, by)).id),
      );
      await Promise.all(made.map(async (id) => await becomes(id, ['running'], by)));
      const sent = traffic(3000);
      replayFrames(
        pair.far,
        sent.map((one) => one.bytes),
      );
      for (const [index, id] of made.entries()) {
        // All that is granted to the widest has been seen before any is stopped.
        await waitFor(
          async () => Number((await ask('GET', `/pcaps/${made[0]}`, by)).body.result['packets_captured']) >= 18,
          { what: 'the packets' },
        );
        await ask('PUT', `/pcaps/${id}/stop`, by);
        const done = await becomes(id, ['success'], by);
        const file = await download(id, by);
        check(file, sent, tried[index] ?? ['', 'some']);
        expect(done['packets_captured']).toBe(parsePcap(file).packets.length);
      }
    });

    test('so has one that looks back, before it began and after; its counts tell of nothing else', async () => {
      const { ask, bucket, create, becomes, download, pair, token } = world();
      const destination_conf = await bucket('tenant-past', about);
      const by = { ...about, as: await token('write', about.account) };
      const granted: number[] = [];
      const send = (first: number): void => {
        const sent = traffic(first);
        granted.push(...sent.filter((one) => one.granted).map((one) => numberOf(one.bytes)));
        replayFrames(
          pair.far,
          sent.map((one) => one.bytes),
        );
      };
      send(4000);
      const full = { type: 'full', time_limit: 3600, lookback: 300, colo_name: 'lab01', destination_conf };
      const { id } = await create(full, by);
      await becomes(id, ['running'], by);
      send(5000);
      await waitFor(async () => Number((await ask('GET', `/pcaps/${id}`, by)).body.result['packets_captured']) >= 18, {
        what: 'the packets',
      });
      await ask('PUT', `/pcaps/${id}/stop`, by);
      const done = await becomes(id, ['success', 'complete'], by);
      requireAsCovered(done);
      const numbers = parsePcap(await download(id, by)).packets.map(({ data }) => numberOf(data));
      expect(numbers.filter((number) => number >= 4000)).toEqual(granted);
      // What other tests have sent in the last five minutes: granted as well, in the same places of each round.
      const places = new Set(granted.map((number) => number % 1000));
      expect(numbers.filter((number) => number < 4000 && !places.has(number % 1000))).toEqual([]);
      expect(done).toMatchObject({ packets_captured: 18, packets_past: numbers.length - 18 });
      const [sensor] = done['sensors'] as readonly Record<string, unknown>[];
      expect(sensor).toMatchObject({ packets: 18, past: { packets: numbers.length - 18, dropped: 0 } });
    });

    test('a sensor that is not granted is no site', async () => {
      const { ask, edgetap } = world();
      await edgetap('account', 'grant', about.account, '--sensors', 'elsewhere');
      const body = { ...simple, type: 'full', colo_name: 'lab01', destination_conf: 'file:///x' };
      const { body: answer, errors } = await ask('POST', '/pcaps', { ...about, body });
      expect(errors).toContainEqual([1108, '/colo_name']);
      expect(answer.errors.find(({ code }) => code === 1108)?.message).toBe(
        'No site is named "lab01". Known: none yet.',
      );
    });
  });
}
