/** The version of the bus messages. A process speaks its own version and accepts the one before it. */
export const wireVersion = 1;

/** Can this process understand messages of that version? */
export function accepts(version: number): boolean {
  return version === wireVersion || version === wireVersion - 1;
}
