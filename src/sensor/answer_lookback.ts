import { indexFormula } from '../filter/index_formula.ts';
import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { Program } from '../libpcap/program.ts';
import { FaultError, fault } from '../model/errors/fault.ts';
import type { SampleStore } from '../samples/sample_store.ts';
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
    const compiled = await compiler.compile({ filter, linktype });
    if (!compiled.ok) {
      throw new FaultError([compiled.faults[0] ?? fault('expression_compiler', { reason: 'it said nothing' })]);
    }
    if (compiled.value.kind === 'program') programs.set(linktype, compiled.value.program);
    else excluded.set(linktype, compiled.value.reason);
  }
  const only = request.interface === undefined ? {} : { interface: request.interface };
  const formula = indexFormula(filter);
  const answer = await store.query({ programs, formula, from, to, packet_limit, signal, ...only });
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

function reasonOf(excluded: ReadonlyMap<number, string>, linktype: number | undefined): string {
  const reason = linktype === undefined ? undefined : excluded.get(linktype);
  return reason ?? 'its link type appeared while the query was being prepared';
}
