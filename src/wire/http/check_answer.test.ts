import { expect, test } from 'vitest';
import { checkAnswer } from './check_answer.ts';

const rest = { success: true, errors: [], messages: [] };
const ownership = {
  id: 'a'.repeat(32),
  destination_conf: 's3://b',
  filename: 'f',
  status: 'pending',
  submitted: '2026-01-31T08:00:00.000000Z',
};

test('takes answers of this version and of later ones, and nothing else', () => {
  expect(checkAnswer('Ownership', { result: ownership, ...rest })).toBe(true);
  expect(checkAnswer('Ownership', { result: { ...ownership, later: 1 }, ...rest, later: 2 })).toBe(true);
  expect(checkAnswer('Ownership', { result: { ...ownership, id: 5 }, ...rest })).toBe(false);
  expect(checkAnswer('Ownership', { result: null, ...rest })).toBe(false);
  expect(checkAnswer('OwnershipList', { result: [ownership], ...rest })).toBe(false);
  expect(checkAnswer('Capture', '<html>')).toBe(false);
});

test('errors are errors', () => {
  const refusal = { result: null, success: false, errors: [{ code: 1000, message: 'no' }], messages: [] };
  expect(checkAnswer('Errors', refusal)).toBe(true);
  expect(checkAnswer('Errors', { ...refusal, errors: [] })).toBe(false);
  expect(checkAnswer('Errors', { error: 'no' })).toBe(false);
});
