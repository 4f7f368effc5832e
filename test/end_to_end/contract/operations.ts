import { readFileSync } from 'node:fs';
import { Errors } from 'typebox/schema';
import { describe, expect, test } from 'vitest';
import { operationOf, resolved } from './as_documented.ts';
import { allowed, type ContractWorld } from './contract_world.ts';

/** What operators and their tools ask for: health, metrics, the document, the pages. */
export function operationsContract(world: () => ContractWorld): void {
  describe('operations', () => {
    const page = async (path: string): Promise<{ status: number; type: string; csp: string; text: string }> => {
      const response = await fetch(`${world().served.url}${path}`);
      const { headers, status } = response;
      const [type, csp] = [headers.get('content-type') ?? '', headers.get('content-security-policy') ?? ''];
      return { status, type, csp, text: await response.text() };
    };

    test('/healthz and /readyz need no credentials', async () => {
      const health = await world().ask('GET', '//healthz', { as: null });
      expect([health.status, health.body]).toEqual([200, { status: 'ok', reasons: [] }]);
      const ready = await world().ask('GET', '//readyz', { as: null });
      const well = (name: string): unknown => ({ name, ok: true, reasons: [] });
      const names = ['database', 'sensors', 'sampling', 'spool', 'disk', 'buckets', 'descriptors', 'bus', 'set aside'];
      const parts = names.map(well);
      expect([ready.status, ready.body]).toEqual([200, { status: 'ok', reasons: [], parts }]);
    });

    test('/metrics has every metric that the documentation names, and no secret', async () => {
      const { served, pair, create, becomes } = world();
      await becomes((await create({ type: 'simple', time_limit: 1, packet_limit: 1 })).id, ['success']);
      const { status, type, text } = await page('/metrics');
      expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
      const labels = `sensor="s1",interface="${pair.near.name}"`;
      for (const line of [
        /^edgetap_captures\{type="simple",status="success"\} [1-9]/m,
        /^edgetap_sensor_last_heard_timestamp_seconds\{sensor="s1",colo="lab01"\} \d/m,
        /^edgetap_sensor_spool_limit_bytes\{sensor="s1"\} 4000000000$/m,
        new RegExp(`^edgetap_sensor_interface_up\\{${labels}\\} 1$`, 'm'),
        new RegExp(`^edgetap_samples_packets\\{${labels}\\} \\d`, 'm'),
        new RegExp(`^edgetap_samples_rate\\{${labels}\\} 1$`, 'm'),
        /^edgetap_http_requests_total\{method="POST",route="\/client\/v4\/accounts\/:account_id\/pcaps",status="200"\} [1-9]/m,
        /^edgetap_http_request_seconds_bucket\{/m,
        /^process_cpu_seconds_total \d/m,
      ]) {
        expect(text).toMatch(line);
      }
      const documented = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
      for (const [name] of documented.matchAll(/\bedgetap_[a-z_]+/g)) expect(text).toContain(`# TYPE ${name} `);
      expect(text).not.toContain(served.token);
      expect(text).not.toContain(served.account_id);
    });

    test('/openapi.json is a document of 3.1: every reference resolves, every route answers', async () => {
      const { document, ask } = world();
      expect(document).toMatchObject({ openapi: expect.stringMatching(/^3\.1\./) as string });
      expect(() => resolved(document, { ...document.paths })).not.toThrow();
      expect(() => resolved(document, { ...document.components.schemas })).not.toThrow();
      for (const [, name = ''] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
        expect(document.components.schemas).toHaveProperty(name);
      }
      const ids = new Set<string>();
      for (const [path, methods] of Object.entries(document.paths)) {
        for (const [method, operation] of Object.entries(methods)) {
          ids.add(operation.operationId);
          expect(operationOf(document, method, path)).toBe(operation);
          if (!path.startsWith('/client/v4')) continue;
          expect(operation.security, path).toEqual([{ api_token: [] }, { api_email: [], api_key: [] }]);
          const filled = path.replaceAll(/\{\w+\}/g, 'f'.repeat(32)).slice('/client/v4'.length);
          const { errors } = await ask(method.toUpperCase(), filled, { as: null });
          expect(errors, path).toEqual([[1000, undefined]]);
        }
      }
      expect(ids.size).toBe(16);
      for (const name of ['Capture', 'CaptureRequest']) {
        const { anyOf, discriminator } = document.components.schemas[name] as {
          anyOf: { $ref: string }[];
          discriminator: { propertyName: string; mapping: Readonly<Record<string, string>> };
        };
        expect(discriminator.propertyName).toBe('type');
        expect(anyOf.map((one) => one.$ref)).toEqual([discriminator.mapping['simple'], discriminator.mapping['full']]);
      }
      const { examples, schema } = document.paths['/client/v4/accounts/{account_id}/pcaps']?.['post']?.requestBody
        ?.content['application/json'] ?? { examples: {}, schema: {} };
      for (const name of ['simple', 'full']) {
        expect(Errors(resolved(document, schema), examples?.[name]?.value)).toEqual([true, []]);
      }
      const full = resolved(document, { $ref: '#/components/schemas/FullCaptureRequest' }) as {
        properties: { packet_limit: { maximum: number } };
      };
      expect(full.properties.packet_limit.maximum).toBe(allowed.packets_max);
    });

    test('/docs shows it, and asks for nothing from elsewhere', async () => {
      const { status, type, csp, text } = await page('/docs');
      expect([status, type]).toEqual([200, 'text/html; charset=utf-8']);
      expect(csp).toContain("default-src 'self'");
      expect(csp).toContain("script-src 'self'");
      const links = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link ?? '');
      expect(links.length).toBeGreaterThan(3);
      for (const link of links) {
        const { origin, pathname } = new URL(link, `${world().served.url}/docs`);
        expect(origin).toBe(world().served.url);
        expect((await page(pathname)).status, link).toBe(200);
      }
    });

    test('every error leads to its own line of /docs/errors', async () => {
      const { ask } = world();
      const { text } = await page('/docs/errors');
      const { body } = await ask('POST', '/pcaps', { body: {} });
      expect(body.errors.length).toBeGreaterThan(1);
      for (const { code, documentation_url } of body.errors as readonly {
        code: number;
        documentation_url?: string;
      }[]) {
        expect(documentation_url).toBe(`/docs/errors#${code}`);
        expect(text).toContain(`id="${code}"`);
      }
    });

    test('what is not there says so, and what is possible', async () => {
      const { ask } = world();
      const unknown = await ask('GET', '//client/v4/nothing');
      expect([unknown.status, unknown.errors]).toEqual([404, [[1004, undefined]]]);
      const wrong = await ask('DELETE', '/pcaps');
      expect([wrong.status, wrong.errors]).toEqual([405, [[1005, undefined]]]);
      expect(wrong.headers.get('allow')).toBe('GET, HEAD, POST');
    });
  });
}
