import { readFileSync } from 'node:fs';
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { createApi } from '../../src/api/create_api.ts';
import { recordingControl, testLimits } from '../../src/api/recording_control.ts';
import { catalogue } from '../../src/model/errors/catalogue.ts';
import { checkAnswer } from '../../src/wire/http/check_answer.ts';
import { checkCaptureBody } from '../../src/wire/http/check_capture_body.ts';

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

test('docs/api.md has every route that there is, and no other', async () => {
  const app = await createApi({
    control: recordingControl(),
    logger: Fastify().log,
    version: '1',
    packets_max: 10_000,
    limits: testLimits(),
  });
  const document: { paths: Record<string, object> } = (await app.inject('/openapi.json')).json();
  await app.close();
  const there = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace('/client/v4', '')}`),
  );
  const told = [...read('api.md').matchAll(/`((?:GET|POST|PUT|DELETE) \/[^`]+)`/g)].map((found) => found[1] ?? '');
  expect(told.toSorted()).toEqual(there.toSorted());
});

test('its examples are what they say', () => {
  const examples = [...read('api.md').matchAll(/```json\n([\s\S]*?)```/g)].map(
    (found) => JSON.parse(found[1] ?? '') as Readonly<Record<string, unknown>>,
  );
  const requests = examples.filter((one) => 'type' in one);
  expect(requests.map((one) => one['type'])).toEqual(['simple', 'full', 'full']);
  for (const request of requests) expect(checkCaptureBody(request).faults).toEqual([]);
  const refusals = examples.filter((one) => one['success'] === false);
  expect(refusals).toHaveLength(1);
  const { faults } = checkCaptureBody({
    type: 'simple',
    system: 'magic-transit',
    time_limit: 301,
    packet_limit: 1,
    byte_limit: 1,
  });
  const [refusal] = refusals;
  if (refusal === undefined || !checkAnswer('Errors', refusal)) throw new Error('there is no refusal');
  const told = refusal.errors.map(({ code, message }) => [code, message]);
  expect(told).toEqual(faults.map(({ code, message }) => [code, message]));
});

test('every code that the documents name is in the catalogue', () => {
  const known = new Set(Object.values(catalogue).map((kind): number => kind.code));
  for (const name of ['api.md', 'cli.md', 'filters.md']) {
    const codes = [...read(name).matchAll(/[(|] ?(1[0-9]{3}) ?[),|]/g)].map((found) => Number(found[1]));
    expect(codes.length, name).toBeGreaterThan(0);
    for (const code of codes) expect(known.has(code), `${name}: ${code}`).toBe(true);
  }
});
