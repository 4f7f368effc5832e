import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { Fault } from '../model/errors/fault.ts';
import { giveBack } from '../model/give_back.ts';
import type { LookbackAnswer } from '../samples/lookback.ts';
import type { SampleStore } from '../samples/sample_store.ts';
import type { InterfaceCoverage, LookbackReply, LookbackRequest } from '../wire/control_messages.ts';
import { compileForSamples, type ExcludedReason } from './compile_for_samples.ts';
import { coverageMessage } from './coverage_message.ts';

/** What answering look-backs takes. */
export interface AnswerLookbackDeps {
  readonly samples: SampleStore;
  readonly compiler: FilterCompiler;
  /** The wall clock less the monotonic one, in nanoseconds. */
  clockOffset(): bigint;
  /** What is to be sampled and is not, and why. */
  unsampled(): ReadonlyMap<string, Fault>;
}

/** Answers look-backs from a sample store. */
export async function* answerLookback(
  deps: AnswerLookbackDeps,
  request: LookbackRequest,
  signal: AbortSignal,
): AsyncGenerator<LookbackReply, void, void> {
  const { from, to, packet_limit, account: owner = '' } = request;
  const { samples, compiler } = deps;
  const { excluded, ...filter } = await compileForSamples(samples, compiler, request);
  const only = request.interface === undefined ? {} : { interface: request.interface };
  const answer = await samples.query({ ...filter, ...only, owner, from, to, packet_limit, signal });
  let before: Uint8Array = new Uint8Array(0);
  for (const { interface: name, linktype, records } of answer.chunks) {
    yield { kind: 'records', interface: name, linktype, records };
    // Whoever asks for the next has sent the one before.
    giveBack(before);
    before = records;
  }
  const { coverage, truncated } = await coverageOf(deps, answer, excluded);
  const all = [...coverage, ...unsampledCoverage(deps.unsampled(), coverage, request)];
  yield { kind: 'end', coverage: all, ...(truncated ? { truncated } : {}), clock_offset: deps.clockOffset() };
}

async function coverageOf(
  { samples, unsampled }: Pick<AnswerLookbackDeps, 'samples' | 'unsampled'>,
  answer: LookbackAnswer,
  excluded: ExcludedReason,
): Promise<{ readonly coverage: InterfaceCoverage[]; readonly truncated: boolean }> {
  const { truncated, interfaces } = await answer.counted;
  const lacking = answer.coverage.some(({ covered }) => covered !== 'whole');
  const states = lacking ? samples.status().interfaces : [];
  const coverage = answer.coverage.map((one) => {
    const counts = interfaces.find((of) => of.interface === one.interface && of.linktype === one.linktype);
    const state = states.find((of) => of.interface === one.interface);
    // While it is tried again, nothing of it says why the try before has failed.
    const cause = state?.sampling?.fault ?? (lacking ? unsampled().get(one.interface) : undefined);
    return coverageMessage(one, excluded, { ...counts, ...(cause === undefined ? {} : { fault: cause }) });
  });
  return { coverage, truncated };
}

/** Interfaces that are to be sampled and are not have nothing, and say why. */
function unsampledCoverage(
  unsampled: ReadonlyMap<string, Fault>,
  known: readonly InterfaceCoverage[],
  { from, to, interface: only }: LookbackRequest,
): InterfaceCoverage[] {
  return [...unsampled].flatMap(([name, cause]) => {
    if (known.some((one) => one.interface === name) || (only !== undefined && only !== name)) return [];
    const gaps = [{ from, to, reason: 'not_sampled' }];
    const { name: kind, code, message } = cause;
    return [
      { interface: name, covered: 'nothing', gaps, dropped: 0n, rates: [], fault: { name: kind, code, message } },
    ];
  });
}
