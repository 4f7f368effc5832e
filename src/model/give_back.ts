/**
 * Frees memory that nobody needs any more, now: left to the collector, every few look-backs would stop the process for it. The bytes
 * must be all that their buffer is for.
 */
export function giveBack(bytes: Uint8Array): void {
  if (bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}
