const unitBytes: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  kib: 1024,
  m: 1e6,
  mb: 1e6,
  mib: 1_048_576,
  g: 1e9,
  gb: 1e9,
  gib: 1_073_741_824,
};

/** Reads a size in bytes: `1000`, `500kB`, `10MB`, `1.5GB`, `64KiB`. Undefined when it is none, or no whole number of bytes. */
export function parseSize(text: string): number | undefined {
  const found = /^(\d{1,12}(?:\.\d{1,6})?) ?([a-zA-Z]*)$/.exec(text);
  const unit = unitBytes[(found?.[2] ?? '').toLowerCase()];
  if (found === null || unit === undefined) return undefined;
  const bytes = Number(found[1]) * unit;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
