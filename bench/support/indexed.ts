import { existsSync, statSync } from 'node:fs';
import { pcapHeaderBytes } from '../../src/pcap/pcap_header.ts';

const none_ms = 15_000;
const all_ms = 300_000;

/** Waits until a store that is open has made the index of every one of these packet files that has packets: others get none. */
export async function untilIndexed(files: readonly string[]): Promise<void> {
  const segments = files.filter((path) => statSync(path).size > pcapHeaderBytes);
  const begun = performance.now();
  for (;;) {
    const made = segments.filter((path) => existsSync(path.replace(/\.pcap$/, '.idx'))).length;
    if (made === segments.length) return;
    const waited_ms = performance.now() - begun;
    if (waited_ms > (made === 0 ? none_ms : all_ms)) {
      throw new Error(`the store has made ${made} indexes of ${segments.length} segments`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
