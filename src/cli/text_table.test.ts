import { expect, test } from 'vitest';
import { textTable } from './text_table.ts';

test('columns are as wide as their longest text', () => {
  const rows = [
    ['1', 'longer than it', 'x'],
    ['22', 'b', ''],
  ];
  expect(textTable(['ID', 'WHAT', 'END'], rows)).toBe(
    ['ID  WHAT            END', '1   longer than it  x', '22  b', ''].join('\n'),
  );
  expect(textTable(['ID', 'WHAT'], [])).toBe('ID  WHAT\n');
});
