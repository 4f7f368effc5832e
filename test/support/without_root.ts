/**
 * Must a test that needs root (raw sockets, network namespaces) be left out here? Says so aloud; under CI, where everything
 * must run, it throws instead.
 */
export function withoutRoot(what: string): boolean {
  if (process.getuid?.() === 0) return false;
  if (process.env['CI'] !== undefined) throw new Error(`${what} needs root, and nothing is left out under CI`);
  // oxlint-disable-next-line no-console -- a test that is left out must be seen
  console.warn(`SKIPPED: ${what} needs root`);
  return true;
}
