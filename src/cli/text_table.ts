/** Columns under headings, as wide as their longest text. Columns named in `right` are set to the right. */
export function textTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    headings
      .map((heading, column) => {
        const [cell, width] = [cells[column] ?? '', widths[column] ?? 0];
        return right.includes(heading) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return lines.map((cells) => `${line(cells)}\n`).join('');
}
