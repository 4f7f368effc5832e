import { indexFormula } from '../filter/index_formula.ts';
import type { FilterTexts } from '../libpcap/compile_filter.ts';
import type { Compiled, FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { Program } from '../libpcap/program.ts';
import { FaultError, fault } from '../model/errors/fault.ts';
import { linkTypes } from '../pcap/link_type.ts';
import type { InnerFilter, LookbackQuery } from '../samples/lookback.ts';
import type { SampleStore } from '../samples/sample_store.ts';
import type { FilterOrder } from '../wire/bus_fields.ts';

/** Why a link type that has no program has none. */
export type ExcludedReason = (linktype: number | undefined) => string;

/** A filter for every link type that a store has samples of, in the form of a query. */
export interface SampleFilter extends Pick<LookbackQuery, 'programs' | 'formula' | 'inner'> {
  readonly excluded: ExcludedReason;
}

/** What is asked of the samples, and for whom. */
export interface SampleOrder {
  readonly filter: FilterOrder;
  readonly account?: string;
}

type OwnCompiler = Pick<FilterCompiler, 'compile'>;

/** Compiles it. @throws FaultError what the compiler said */
export async function compileForSamples(
  store: SampleStore,
  shared: FilterCompiler,
  { filter, account: owner }: SampleOrder,
): Promise<SampleFilter> {
  const compiler: OwnCompiler = {
    compile: (what) => shared.compile({ ...what, ...(owner === undefined ? {} : { owner }) }),
  };
  const programs = new Map<number, Program>();
  const excluded = new Map<number, string>();
  const linktypes = store.linktypes();
  for (const linktype of linktypes) {
    const compiled = await compileFor(compiler, filter, linktype);
    if (compiled.kind === 'program') programs.set(linktype, compiled.program);
    else excluded.set(linktype, compiled.reason);
  }
  const inner = filter.inner === undefined ? undefined : await innerFilter(compiler, filter, filter.inner, linktypes);
  return {
    programs,
    formula: indexFormula(filter),
    ...(inner === undefined ? {} : { inner }),
    excluded: (linktype) => {
      const reason = linktype === undefined ? undefined : excluded.get(linktype);
      return reason ?? 'its link type appeared while the query was being prepared';
    },
  };
}

/** What inner packets are judged by; undefined where none can match, and the outside alone counts. */
async function innerFilter(
  compiler: OwnCompiler,
  { expression_text }: FilterOrder,
  { text, scope_text }: NonNullable<FilterOrder['inner']>,
  linktypes: readonly number[],
): Promise<InnerFilter | undefined> {
  const own = { expression_text, any_tags_text: text, own_tags_text: '' };
  const compiled = await compileFor(compiler, own, linkTypes.raw);
  if (compiled.kind === 'excluded') return undefined;
  const scope = { expression_text: '', any_tags_text: scope_text, own_tags_text: '' };
  const scopes = new Map<number, Program>();
  for (const linktype of linktypes) {
    const within = await compileFor(compiler, scope, linktype);
    if (within.kind === 'program') scopes.set(linktype, within.program);
  }
  return { program: compiled.program, formula: indexFormula(own), scopes };
}

async function compileFor(compiler: OwnCompiler, filter: FilterTexts, linktype: number): Promise<Compiled> {
  const compiled = await compiler.compile({ filter, linktype });
  if (compiled.ok) return compiled.value;
  throw new FaultError([compiled.faults[0] ?? fault('expression_compiler', { reason: 'it said nothing' })]);
}
