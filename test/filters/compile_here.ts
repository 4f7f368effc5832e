import { type CompiledFilter, compileFilter, type FilterTexts } from '../../src/libpcap/compile_filter.ts';
import { openCompileHandle } from '../../src/libpcap/compile_handle.ts';
import type { Program } from '../../src/libpcap/program.ts';

/** Compiles for stored packets in this very process: for texts of the tests' own, which are quick. */
function compileHere(texts: FilterTexts, linktype = 1): CompiledFilter {
  const handle = openCompileHandle(linktype);
  try {
    return compileFilter(texts, { linktype, live: false, pointer: handle.pointer });
  } finally {
    handle.close();
  }
}

/** As `compileHere`; a filter that no packet can match gives undefined. */
export function programHere(texts: FilterTexts, linktype = 1): Program | undefined {
  const compiled = compileHere(texts, linktype);
  if (compiled.kind === 'fault') throw new Error(compiled.fault.message);
  if (compiled.kind === 'program') return compiled.program;
  if (compiled.reason !== 'no packet can match it') throw new Error(compiled.reason);
  return undefined;
}
