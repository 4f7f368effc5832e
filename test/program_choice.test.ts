import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { edgetapProgram } from './support/edgetap_program.ts';

let root: string;
const put = (path: string, at_s: number, text = ''): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  for (const one of [path, dirname(path)]) utimesSync(join(root, one), at_s, at_s);
};
const started = (): string => spawnSync(join(root, 'bin/edgetap'), ['x'], { encoding: 'utf8' }).stdout;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgetap-choice-'));
  put('bin/edgetap', 1);
  copyFileSync(edgetapProgram, join(root, 'bin/edgetap'));
  mkdirSync(join(root, 'node_modules/fastify'), { recursive: true });
  for (const arch of ['x64', 'arm64']) {
    const node = `node_modules/node-linux-${arch}/bin/node`;
    put(node, 1, `#!/bin/sh\necho "\${1#${root}/} $2"\n`);
    chmodSync(join(root, node), 0o755);
  }
  put('package-lock.json', 10);
  put('src/main/edgetap.ts', 10);
  put('src/model/x.ts', 10);
  utimesSync(join(root, 'src'), 10, 10);
});
afterEach(() => rmSync(root, { recursive: true }));

test('bin/edgetap runs what is built for as long as it is the newest, else the sources', () => {
  expect(started()).toBe('src/main/edgetap.ts x\n');
  put('dist/edgetap.js', 11);
  expect(started()).toBe('dist/edgetap.js x\n');
  put('src/model/x.ts', 12);
  expect(started()).toBe('src/main/edgetap.ts x\n');
  put('dist/edgetap.js', 13);
  expect(started()).toBe('dist/edgetap.js x\n');
  put('package-lock.json', 14);
  expect(started()).toBe('src/main/edgetap.ts x\n');
  put('dist/edgetap.js', 15);
  utimesSync(join(root, 'package-lock.json'), 10, 10);
  rmSync(join(root, 'src/model/x.ts'));
  expect(started()).toBe('src/main/edgetap.ts x\n');
});

test('bin/edgetap runs what is built where there are no sources', () => {
  rmSync(join(root, 'src'), { recursive: true });
  put('dist/edgetap.js', 11);
  expect(started()).toBe('dist/edgetap.js x\n');
});
