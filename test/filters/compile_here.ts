import { compileFilter, type FilterTexts } from '../../src/libpcap/compile_filter.ts';
import type { Program } from '../../src/libpcap/program.ts';

/**
 * Compiles for stored packets, or for a live capture, in this very process: for texts of the tests' own, which are quick. A filter that no packet
 * can match gives undefined.
 */
export function programHere(texts: FilterTexts, linktype = 1, live = false): Program | undefined {
  const compiled = compileFilter(texts, { linktype, live });
  if (compiled.kind === 'fault') throw new Error(compiled.fault.message);
  if (compiled.kind === 'program') return compiled.program;
  if (compiled.reason !== 'no packet can match it') throw new Error(compiled.reason);
  return undefined;
}
