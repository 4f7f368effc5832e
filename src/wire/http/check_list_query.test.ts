import { expect, test } from 'vitest';
import { checkListQuery, pageParameters } from './check_list_query.ts';

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
