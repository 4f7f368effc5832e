import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { catalogue } from '../src/model/errors/catalogue.ts';
import { errorsDoc, errorsDocPath } from './errors_doc.ts';

test('docs/errors.md is what the catalogue makes of it: run "node tools/errors_doc.ts" after a change', () => {
  expect(readFileSync(errorsDocPath, 'utf8')).toBe(errorsDoc());
});

test('it has every error of the catalogue once, and none other', () => {
  const codes = [...errorsDoc().matchAll(/<a id="(\d+)">/g)].map((found) => Number(found[1]));
  const known = Object.values(catalogue).map((kind): number => kind.code);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes).toEqual(known.toSorted((a, b) => a - b));
});
