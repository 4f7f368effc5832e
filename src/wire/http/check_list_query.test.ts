import { expect, test } from 'vitest';
import { checkListQuery, pageParameters } from './check_list_query.ts';
import { bucketListBounds } from './list_query.ts';

test('fills in the defaults', () => {
  expect(checkListQuery({})).toEqual({ ok: true, value: { page: 1, per_page: 50 } });
  expect(checkListQuery({ page: '', status: '' })).toEqual({
    ok: true,
    value: { page: 1, per_page: 50 },
  });
  expect(checkListQuery({ page: '3', per_page: '5', status: 'running', type: 'full' })).toEqual({
    ok: true,
    value: { page: 3, per_page: 5, status: 'running', type: 'full' },
  });
});

test.each([
  [{ page: '0' }, '/page'],
  [{ page: '-1' }, '/page'],
  [{ page: '1.0' }, '/page'],
  [{ page: '9999999999' }, '/page'],
  [{ page: ['1', '2'] }, '/page'],
  [{ per_page: '51' }, '/per_page'],
  [{ per_page: ' 5' }, '/per_page'],
  [{ status: 'done' }, '/status'],
  [{ status: ['failed', 'success'] }, '/status'],
  [{ type: 'SIMPLE' }, '/type'],
  [{ page: '101' }, '/page'],
  [{ page: '5001', per_page: '1' }, '/page'],
  [{ before: 'x' }, '/before'],
  [{ before: ['0'.repeat(32), '1'.repeat(32)] }, '/before'],
])('refuses %j', (query, pointer) => {
  const found = checkListQuery(query);
  expect(found.ok ? [] : found.faults.map((one) => [one.name, one.pointer])).toEqual([['parameter_invalid', pointer]]);
});

test('reports all at once', () => {
  const found = checkListQuery({ page: 'x', per_page: 'y', status: 'z', type: 'w' });
  expect(found.ok ? 0 : found.faults.length).toBe(4);
});

test('what it does not know is refused beside the rest, a parameter twice too', () => {
  const found = checkListQuery({ limit: '5', page: ['', ''], 'status[]': 'failed' });
  expect(found.ok ? [] : found.faults.map((one) => [one.name, one.pointer])).toEqual([
    ['parameter_invalid', '/page'],
    ['parameter_unknown', '/limit'],
    ['parameter_unknown', '/status[]'],
  ]);
  expect(found.ok ? '' : found.faults[0]?.message).toBe('The query parameter page must be there only once.');
  const pages = checkListQuery({ status: 'failed', page: '1' }, pageParameters);
  expect(pages.ok ? [] : pages.faults.map((one) => one.pointer)).toEqual(['/status']);
});

test('deep pages are reached by what comes before them', () => {
  const before = '0'.repeat(32);
  expect(checkListQuery({ page: '100', before })).toEqual({ ok: true, value: { page: 100, per_page: 50, before } });
  expect(checkListQuery({ page: '5000', per_page: '1' }).ok).toBe(true);
});

test('a list of buckets has bounds of its own, and no captures that come before', () => {
  const found = checkListQuery({}, pageParameters, bucketListBounds);
  expect(found).toEqual({ ok: true, value: { page: 1, per_page: 1000 } });
  expect(checkListQuery({ before: '0'.repeat(32) }, pageParameters, bucketListBounds).ok).toBe(false);
});
