import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';

import { layerRules } from './layer_rules.ts';
import { type LayerReport, checkLayers } from './layers.ts';

const roots: string[] = [];

/** The report on a tree of just these files. */
function report(files: Readonly<Record<string, string>>): LayerReport {
  const root = mkdtempSync(join(tmpdir(), 'edgetap-layers-'));
  roots.push(root);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, 'src', name)), { recursive: true });
    writeFileSync(join(root, 'src', name), text);
  }
  return checkLayers(root);
}

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

describe('a planted breach is found', () => {
  test.each([
    // Every way to refer to a module.
    ['model/a.ts', `import { b } from '../filter/b.ts';`, 'model cannot import filter'],
    ['model/a.ts', `import type { B } from '../filter/b.ts';`, 'model cannot import filter'],
    ['model/a.ts', `import '../filter/b.ts';`, 'model cannot import filter'],
    ['model/a.ts', `export * from '../filter/b.ts';`, 'model cannot import filter'],
    ['model/a.ts', `export { b } from '../filter/b.ts';`, 'model cannot import filter'],
    ['model/a.ts', `export type { B } from '../filter/b.ts';`, 'model cannot import filter'],
    ['model/a.ts', `export type B = import('../filter/b.ts').B;`, 'model cannot import filter'],
    ['model/a.ts', `export type B = typeof import('../filter/b.ts');`, 'model cannot import filter'],
    ['model/a.ts', `export const b = await import('../filter/b.ts');`, 'model cannot import filter'],
    ['model/a.ts', 'export const b = await import(`../filter/b.ts`);', 'model cannot import filter'],
    ['model/deep/er/a.ts', `import { b } from '../../../filter/b.ts';`, 'model cannot import filter'],
    ['sensor/a.ts', `const { b } = require('../db/b.ts');`, 'sensor cannot import db'],
    ['sensor/a.ts', `import b = require('../db/b.ts');`, 'sensor cannot import db'],
    ['sensor/a.ts', `new Worker(new URL('../db/b.ts', import.meta.url));`, 'sensor cannot import db'],
    ['sensor/a.ts', `new Worker('../db/b.ts');`, 'sensor cannot import db'],
    ['sensor/a.ts', `import.meta.resolve('../db/b.ts');`, 'sensor cannot import db'],
    ['sensor/a.ts', `fork('../db/b.ts');`, 'sensor cannot import db'],
    ['sensor/a.ts', `child.fork('../db/b.ts', []);`, 'sensor cannot import db'],
    ['sensor/a.ts', `fork(join(import.meta.dirname, '..', 'db/b.ts'));`, 'sensor cannot import db'],
    ['sensor/a.ts', `await import('../' + 'db/b.ts');`, 'computed name'],

    // Who may import whom.
    ['sensor/a.ts', `import '../bucket/b.ts';`, 'sensor cannot import bucket'],
    ['sensor/a.ts', `import '../control/b.ts';`, 'sensor cannot import control'],
    ['sensor/a.ts', `import '../api/b.ts';`, 'sensor cannot import api'],
    ['control/a.ts', `import '../libpcap/b.ts';`, 'control cannot import libpcap'],
    ['control/a.ts', `import '../capture/b.ts';`, 'control cannot import capture'],
    ['control/a.ts', `import '../samples/b.ts';`, 'control cannot import samples'],
    ['control/a.ts', `import '../sensor/b.ts';`, 'control cannot import sensor'],
    ['control/a.ts', `import '../api/b.ts';`, 'control cannot import api'],
    ['bus/a.ts', `import '../db/b.ts';`, 'bus cannot import db'],
    ['cli/a.ts', `import '../control/b.ts';`, 'cli cannot import control'],
    ['bus/a.ts', `import './bus_suite.ts';`, 'only tests may import src/bus/bus_suite.ts'],
    ['db/a.ts', `import './suite/captures.ts';`, 'only tests may import src/db/suite/captures.ts'],
    ['db/a.ts', `import './test_rows.ts';`, 'only tests may import src/db/test_rows.ts'],
    ['bus/a.ts', `import './a.test.ts';`, 'only tests may import src/bus/a.test.ts'],
    ['control/a.ts', `import '../../test/support/wait_for.ts';`, 'control cannot refer to test/support/wait_for.ts'],
    ['main/a.ts', `import '../../tools/check.ts';`, 'main cannot refer to tools/check.ts'],
    ['main/a.ts', `import '../../../elsewhere.json';`, 'outside src'],
    ['wire/a.ts', `import version from '../../package.json' with { type: 'json' };`, 'outside src'],
    ['tools/a.ts', 'export {};', 'src/tools is not in tools/layer_rules.ts'],
    ['a.ts', 'export {};', 'is not in tools/layer_rules.ts'],

    // Packages and Node.
    ['model/a.ts', `import { x } from 'typebox';`, 'model cannot import the package typebox'],
    ['sensor/a.ts', `import koffi from 'koffi';`, 'sensor cannot import the package koffi'],
    ['capture/a.ts', `import type { TypeObject } from 'koffi';`, 'capture cannot import the package koffi'],
    ['upload/a.ts', `import x from '@aws-sdk/client-s3';`, 'upload cannot import the package @aws-sdk/client-s3'],
    ['control/a.ts', `import { x } from 'kysely/helpers/sqlite';`, 'control cannot import the package kysely'],
    ['db/a.ts', `import fs from 'fs';`, 'db cannot import the package fs'],
    ['bus/a.ts', `import vitest from 'vitest';`, 'bus cannot import the package vitest'],
    ['filter/a.ts', `import type { Stats } from 'node:fs';`, 'filter is pure: it cannot import node:fs'],

    // What pure means.
    ['model/a.ts', 'export const a = Date.now();', 'Date without an argument'],
    ['model/a.ts', `export const a = Date['now']();`, 'Date without an argument'],
    ['model/a.ts', 'export const a = new Date();', 'Date without an argument'],
    ['model/a.ts', 'export const a = new Date;', 'Date without an argument'],
    ['model/a.ts', 'export const a = new Date(...[]);', 'Date without an argument'],
    ['model/a.ts', 'export const a = Date();', 'Date without an argument'],
    ['model/a.ts', 'const { now } = Date;', 'Date without an argument'],
    ['pcap/a.ts', 'export const a = Math.random();', 'Math.random'],
    ['pcap/a.ts', 'const { random } = Math;', 'Math.random'],
    ['plan/a.ts', 'export const a = process.env;', 'process'],
    ['plan/a.ts', 'export const a = globalThis.process;', 'globalThis'],
    ['pcap/a.ts', 'export function a(b: Buffer): void {}', 'Buffer'],
    ['pcap/a.ts', 'export const a = Buffer.alloc(1);', 'Buffer'],
    ['wire/a.ts', `console.log('x');`, 'console'],
    ['plan/a.ts', 'setTimeout(() => {}, 1);', 'setTimeout'],
    ['plan/a.ts', 'export const a = performance.now();', 'performance'],
    ['plan/a.ts', 'export const a = crypto.randomUUID();', 'crypto'],
    ['plan/a.ts', 'export const a = { process };', 'process'],
    ['plan/a.ts', 'export const a = import.meta.url;', 'import.meta'],
    ['plan/a.ts', 'export const a: NodeJS.Platform = "linux";', 'NodeJS'],

    // The environment.
    ['control/a.ts', 'export const a = process.env.HOME;', 'only main reads the environment'],
    ['control/a.ts', `export const a = process['env'];`, 'only main reads the environment'],
    ['control/a.ts', 'const { env } = process;', 'only main reads the environment'],
    ['control/a.ts', 'export const a = globalThis.process.env;', 'only main reads the environment'],
    ['cli/a.ts', 'export const a = (p = process) => p;', 'only main reads the environment'],
    ['bus/a.ts', `import { env } from 'node:process';`, 'use the global process'],

    ['model/a.ts', 'export const = ;', 'does not parse'],
  ])('%s: %s', (file, text, expected) => {
    const { breaches } = report({ [file]: text });
    expect(breaches.map(({ what }) => what).join('\n')).toContain(expected);
    expect(breaches[0]).toMatchObject({ file: `src/${file}`, line: 1 });
  });

  test('with its line', () => {
    const text = `// one\n// two\n\nimport '../filter/b.ts';\n`;
    expect(report({ 'model/a.ts': text }).breaches).toEqual([
      { file: 'src/model/a.ts', line: 4, what: 'model cannot import filter' },
    ]);
  });

  test('also when a layer is reached through another', () => {
    const { breaches } = report({
      'sensor/a.ts': `import '../upload/a.ts';`,
      'upload/a.ts': `import '../bucket/a.ts';`,
      'bucket/a.ts': 'export {};',
    });
    expect(breaches.map(({ what }) => what)).toEqual([
      'upload cannot import bucket',
      'sensor reaches bucket, which it must never',
    ]);
  });
});

test('what is allowed is not reported', () => {
  const { modules, references, breaches } = report({
    'model/time.ts': `
      import type { A } from './a.ts';
      export const a = new Date(0), b = Date.UTC(2020, 1), c = Math.max(1, 2), d = new TextEncoder();
      export interface Entry { process: string; readonly performance: number; crypto(): void }
      export function isDate(value: unknown): value is Date { return value instanceof Date; }
      export const names = (entry: Entry) => [entry.process, entry.performance, { console: 1 }];
      // import x from '../db/x.ts'; and 'process.env' in a comment or a string are text
      export const text = "import '../db/x.ts'; process.env";`,
    'wire/a.ts': `import { Type } from 'typebox'; import { Value } from 'typebox/value'; import '../model/time.ts';`,
    'bucket/a.ts': `import { S3Client } from '@aws-sdk/client-s3'; import { createHash } from 'node:crypto';`,
    'control/a.ts': `import '../db/a.ts'; import '../bucket/a.ts'; export const a = [process.pid, Date.now()];`,
    'db/a.ts': `export const text = new URL('./schema.sql', import.meta.url); export type P = typeof process;`,
    'sensor/a.ts': `new Worker(new URL('../capture/a.ts', import.meta.url)); import '../libpcap/a.ts';`,
    'main/a.ts': `import { pino } from 'pino'; import '../control/a.ts'; import '../../package.json'; process.env.HOME;`,
    'bus/bus_suite.ts': `import { test } from 'vitest';`,
    'db/suite/rows.ts': `import fc from 'fast-check'; process.env.EDGETAP_SOAK;`,
    'samples/test_packets.ts': `import fc from 'fast-check';`,
    'bus/ipc.test.ts': `import './bus_suite.ts'; import fc from 'fast-check'; import '../../test/support/wait_for.ts';
      import { readFileSync } from 'node:fs'; import '../upload/a.ts'; process.env.CI;`,
    'plan/a.test.ts': `import { readFileSync } from 'node:fs'; Math.random(); Date.now();`,
  });
  expect(breaches).toEqual([]);
  expect(modules).toBe(12);
  expect(references).toBe(23);
});

test('a test may import what is below its folder, not what is above', () => {
  expect(
    report({ 'bus/a.test.ts': `import '../control/a.ts'; import 'fastify';` }).breaches.map(({ what }) => what),
  ).toEqual(['bus cannot import control', 'bus cannot import the package fastify']);
});

test('the table itself points one way', () => {
  const folders = [...layerRules.keys()];
  for (const [folder, rule] of layerRules) {
    for (const other of rule.folders)
      expect(folders.indexOf(other), `${folder} <- ${other}`).toBeLessThan(folders.indexOf(folder));
    if (rule.pure === true) for (const other of rule.folders) expect(layerRules.get(other)?.pure).toBe(true);
    for (const other of rule.never ?? []) expect(folders).toContain(other);
  }
});

test('the real tree is seen', () => {
  const { modules, references } = checkLayers(resolve(import.meta.dirname, '..'));
  expect(modules).toBeGreaterThan(20);
  expect(references).toBeGreaterThan(modules);
});
