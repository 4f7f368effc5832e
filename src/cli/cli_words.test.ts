import { expect, test } from 'vitest';
import { catalogue } from '../model/errors/catalogue.ts';
import { fault } from '../model/errors/fault.ts';
import { cliWords } from './cli_words.ts';

test('no message at the command line speaks of requests', () => {
  for (const { text } of Object.values(catalogue)) {
    expect(cliWords(text)).not.toMatch(/\b(?:GET|POST|PUT|DELETE|PATCH) \/|Authorization:|\/openapi/);
  }
});

test('a bucket is added and proved by commands', () => {
  expect(cliWords(fault('destination_not_owned', { destination: 's3://a/b' }).message)).toBe(
    's3://a/b is not a bucket of this account: add it with "edgetap bucket add" and prove it with "edgetap bucket validate" first.',
  );
  expect(
    cliWords(
      fault('destination_not_validated', { destination: 's3://a', filename: 'ownership-challenge-1.txt' }).message,
    ),
  ).toBe(
    'The ownership of s3://a is not proved yet: give the content of ownership-challenge-1.txt to "edgetap bucket validate".',
  );
});
