/** Says on standard error what a benchmark is at: standard output is for figures. */
export function progress(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
