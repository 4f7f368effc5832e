import { expect, test } from 'vitest';
import { checkOwnershipBody, checkValidateBody } from './check_ownership_body.ts';

const destination_conf = 's3://bucket?region=us-east-1';
const told = (result: ReturnType<typeof checkOwnershipBody> | ReturnType<typeof checkValidateBody>): string[] =>
  result.ok ? [] : result.faults.map((one) => `${one.name} ${one.pointer}`);

test('takes the bodies of the two ownership requests', () => {
  expect(checkOwnershipBody({ destination_conf })).toEqual({ ok: true, value: { destination_conf } });
  const both = { destination_conf, ownership_challenge: 'content' };
  expect(checkValidateBody(both)).toEqual({ ok: true, value: both });
});

test('refuses the rest with a pointer', () => {
  expect(told(checkOwnershipBody({}))).toEqual(['field_required /destination_conf']);
  expect(told(checkOwnershipBody({ destination_conf: 5, a: 1 }))).toEqual([
    'field_type /destination_conf',
    'field_unknown /a',
  ]);
  expect(told(checkOwnershipBody([]))).toEqual(['body_type ']);
  expect(told(checkValidateBody({ destination_conf }))).toEqual(['field_required /ownership_challenge']);
  expect(told(checkValidateBody({ destination_conf, ownership_challenge: 'x'.repeat(1025) }))).toEqual([
    'field_length /ownership_challenge',
  ]);
});
