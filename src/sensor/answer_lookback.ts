import { indexFormula } from '../filter/index_formula.ts';
import type { FilterTexts } from '../libpcap/compile_filter.ts';
import type { Compiled, FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { Program } from '../libpcap/program.ts';
import { FaultError, fault } from '../model/errors/fault.ts';
import { linkTypes } from '../pcap/link_type.ts';
import type { InnerFilter } from '../samples/lookback.ts';
import type { SampleStore } from '../samples/sample_store.ts';
import type { FilterOrder } from '../wire/bus_fields.ts';
import type { InterfaceCoverage, LookbackReply, LookbackRequest } from '../wire/control_messages.ts';

/** Answers look-backs from a sample store. `clockOffset` is the wall clock less the monotonic one, in nanoseconds. */
export async function* answerLookback(
  store: SampleStore,
  compiler: FilterCompiler,
  request: LookbackRequest,
  signal: AbortSignal,
  clockOffset: () => bigint,
): AsyncGenerator<LookbackReply, void, void> {
  const { filter, from, to, packet_limit } = request;
  const programs = new Map<number, Program>();
  const excluded = new Map<number, string>();
  for (const linktype of store.linktypes()) {
    const compiled = await compileFor(compiler, filter, linktype);
    if (compiled.kind === 'program') programs.set(linktype, compiled.program);
    else excluded.set(linktype, compiled.reason);
  }
  const inner =
    filter.inner === undefined ? undefined : await innerQuery(compiler, filter, filter.inner, store.linktypes());
  const answer = await store.query({
    programs,
    formula: indexFormula(filter),
    ...(inner === undefined ? {} : { inner }),
    ...(request.interface === undefined ? {} : { interface: request.interface }),
    from,
    to,
    packet_limit,
    signal,
  });
  for (const { interface: name, linktype, records } of answer.chunks) {
    yield { kind: 'records', interface: name, linktype, records };
  }
  const coverage = answer.coverage.map((one): InterfaceCoverage => {
    const { interface: name, linktype, watermark, gaps, rates, dropped, clock_set } = one;
    return {
      interface: name,
      ...(linktype === undefined ? {} : { linktype }),
      ...(watermark === undefined ? {} : { watermark }),
      gaps: gaps.map((gap) => ({ from: gap.from, to: gap.to, reason: gap.reason })),
      dropped,
      rates: rates.map((span) => ({ from: span.from, to: span.to, rate: span.rate })),
      ...(clock_set.length === 0 ? {} : { clock_set: [...clock_set] }),
      ...(one.excluded ? { excluded: reasonOf(excluded, linktype) } : {}),
    };
  });
  yield { kind: 'end', coverage, clock_offset: clockOffset() };
}

/** What inner packets are judged by; undefined where none can match, and the outside alone counts. */
async function innerQuery(
  compiler: FilterCompiler,
  { expression_text }: FilterOrder,
  { text, scope_text }: NonNullable<FilterOrder['inner']>,
  known: readonly number[],
): Promise<InnerFilter | undefined> {
  const own = { expression_text, any_tags_text: text, own_tags_text: '' };
  const compiled = await compileFor(compiler, own, linkTypes.raw);
  if (compiled.kind === 'excluded') return undefined;
  const scope = { expression_text: '', any_tags_text: scope_text, own_tags_text: '' };
  const scopes = new Map<number, Program>();
  for (const linktype of known) {
    const within = await compileFor(compiler, scope, linktype);
    if (within.kind === 'program') scopes.set(linktype, within.program);
  }
  return { program: compiled.program, formula: indexFormula(own), scopes };
}

async function compileFor(compiler: FilterCompiler, filter: FilterTexts, linktype: number): Promise<Compiled> {
  const compiled = await compiler.compile({ filter, linktype });
  if (compiled.ok) return compiled.value;
  throw new FaultError([compiled.faults[0] ?? fault('expression_compiler', { reason: 'it said nothing' })]);
}

function reasonOf(excluded: ReadonlyMap<number, string>, linktype: number | undefined): string {
  const reason = linktype === undefined ? undefined : excluded.get(linktype);
  return reason ?? 'its link type appeared while the query was being prepared';
}
