import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { catalogue } from '../model/errors/catalogue.ts';
import type { ApiInstance } from './api_instance.ts';
import { createApi } from './create_api.ts';
import { hoistSchemas } from './hoist_schemas.ts';
import { recordingControl, testLimits } from './recording_control.ts';

let app: ApiInstance;
let document: {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Record<string, unknown>>; securitySchemes: object };
};
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: string[];
  readonly security?: object[];
  readonly parameters?: { name: string; in: string; required?: boolean; schema: object }[];
  readonly requestBody?: { content: Record<string, { schema: object }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

beforeAll(async () => {
  app = await createApi({
    control: recordingControl(),
    logger: Fastify().log,
    version: '1.2.3',
    packets_max: 12_345,
    limits: testLimits(),
    public_url: 'https://edgetap.example.com',
  });
  document = (await app.inject('/openapi.json')).json();
});
afterAll(async () => await app.close());

const operations = (): [string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => [`${method} ${path}`, one] as [string, Operation]),
  );

describe('the OpenAPI document', () => {
  test('is of version 3.1 and has every route, once', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/);
    expect(document.info).toMatchObject({ title: 'edgetap', version: '1.2.3' });
    const account = '/client/v4/accounts/{account_id}/pcaps';
    expect(
      operations()
        .map(([name]) => name)
        .sort(),
    ).toEqual(
      [
        `post ${account}`,
        `get ${account}`,
        `get ${account}/{pcap_id}`,
        `post ${account}/estimate`,
        `put ${account}/{pcap_id}/stop`,
        `delete ${account}/{pcap_id}`,
        `get ${account}/{pcap_id}/download`,
        `get ${account}/ownership`,
        `post ${account}/ownership`,
        `post ${account}/ownership/validate`,
        `delete ${account}/ownership/{ownership_id}`,
        'get /client/v4/accounts',
        'get /client/v4/user/tokens/verify',
        'get /healthz',
        'get /readyz',
        'get /metrics',
      ].sort(),
    );
    const ids = operations().map(([, one]) => one.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('every operation is described, its path parameters declared, its answers typed', () => {
    for (const [name, one] of operations()) {
      expect(one.summary, name).toBeTruthy();
      expect(one.tags, name).toHaveLength(1);
      const inPath = [...name.matchAll(/\{(\w+)\}/g)].map((found) => found[1] ?? '');
      const declared = (one.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(declared.map((parameter) => parameter.name).sort(), name).toEqual(inPath.sort());
      expect(declared.every((parameter) => parameter.required === true)).toBe(true);
      expect(Object.keys(one.responses).length, name).toBeGreaterThan(0);
      for (const answer of Object.values(one.responses)) expect(typeof answer.description, name).toBe('string');
      if (!name.includes('/client/v4')) continue;
      expect(one.security, name).toEqual([{ api_token: [] }, { api_email: [], api_key: [] }]);
      for (const status of ['4XX', '5XX']) {
        expect(one.responses[status]?.content?.['application/json']?.schema, name).toEqual({
          $ref: '#/components/schemas/Errors',
        });
      }
    }
  });

  test('every reference leads somewhere, and every component is used', () => {
    const references = new Set(JSON.stringify(document).match(/#\/components\/schemas\/[^"]+/g));
    const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect([...references].sort()).toEqual(known.sort());
    expect(known).toEqual(
      expect.arrayContaining(
        ['SimpleCapture', 'FullCapture', 'Filter', 'Ownership', 'Errors', 'ResponseInfo'].map(
          (name) => `#/components/schemas/${name}`,
        ),
      ),
    );
  });

  test('says what the operator allows', () => {
    const full = document.components.schemas['FullCaptureRequest'] as { properties: Record<string, object> };
    expect(full.properties['packet_limit']).toMatchObject({ minimum: 1, maximum: 12_345 });
    expect(full).toMatchObject({ additionalProperties: false });
  });

  test('a title names one schema', () => {
    expect(() => hoistSchemas({ a: { title: 'X', type: 'string' }, b: { title: 'X', type: 'number' } })).toThrow(
      'two schemas have the title X',
    );
  });
});

describe('pages for people', () => {
  test('/docs shows the same document, and its pages may run no foreign script', async () => {
    const page = await app.inject('/docs');
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toContain('text/html');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.headers['content-security-policy']).not.toContain('upgrade-insecure-requests');
    expect((await app.inject('/docs/json')).json()).toEqual(document);
    const scripts = [...page.body.matchAll(/<script[^>]*src="([^"]+)"/g)].map((found) => found[1] ?? '');
    expect(scripts.length).toBeGreaterThan(0);
    for (const script of scripts) {
      const at = new URL(script, 'http://localhost/docs/').pathname;
      expect((await app.inject(at)).statusCode, at).toBe(200);
    }
    expect(page.body).not.toMatch(/<script(?![^>]*src=)[^>]*>[^<]/);
  });

  test('every error leads to its line of /docs/errors', async () => {
    const refusal: { errors: { documentation_url: string }[] } = (await app.inject('/nowhere')).json();
    const link = new URL(refusal.errors[0]?.documentation_url ?? '');
    expect(link.origin).toBe('https://edgetap.example.com');
    const page = await app.inject(link.pathname);
    expect(page.body).toContain(`<tr id="${link.hash.slice(1)}">`);
    for (const { code } of Object.values(catalogue)) expect(page.body).toContain(`<tr id="${code}">`);
    expect(page.body).not.toMatch(/<script/);
  });
});
