import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { Program } from '../libpcap/program.ts';
import { FaultError, fault } from '../model/errors/fault.ts';
import type { SampleStore } from '../samples/sample_store.ts';
import type { FilterOrder } from '../wire/bus_fields.ts';

/** A filter for every link type that a store has samples of. */
export interface SampleFilter {
  readonly programs: ReadonlyMap<number, Program>;
  /** Why a link type that has no program has none. */
  excluded(linktype: number | undefined): string;
}

/** Compiles it. @throws FaultError what the compiler said */
export async function compileForSamples(
  store: SampleStore,
  compiler: FilterCompiler,
  filter: FilterOrder,
): Promise<SampleFilter> {
  const programs = new Map<number, Program>();
  const excluded = new Map<number, string>();
  for (const linktype of store.linktypes()) {
    const compiled = await compiler.compile({ filter, linktype });
    if (!compiled.ok) {
      throw new FaultError([compiled.faults[0] ?? fault('expression_compiler', { reason: 'it said nothing' })]);
    }
    if (compiled.value.kind === 'program') programs.set(linktype, compiled.value.program);
    else excluded.set(linktype, compiled.value.reason);
  }
  return {
    programs,
    excluded: (linktype) => {
      const reason = linktype === undefined ? undefined : excluded.get(linktype);
      return reason ?? 'its link type appeared while the query was being prepared';
    },
  };
}
