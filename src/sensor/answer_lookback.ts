import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import { giveBack } from '../model/give_back.ts';
import type { SampleStore } from '../samples/sample_store.ts';
import type { LookbackReply, LookbackRequest } from '../wire/control_messages.ts';
import { compileForSamples } from './compile_for_samples.ts';
import { coverageMessage } from './coverage_message.ts';

/** Answers look-backs from a sample store. `clockOffset` is the wall clock less the monotonic one, in nanoseconds. */
export async function* answerLookback(
  store: SampleStore,
  compiler: FilterCompiler,
  request: LookbackRequest,
  signal: AbortSignal,
  clockOffset: () => bigint,
): AsyncGenerator<LookbackReply, void, void> {
  const { from, to, packet_limit } = request;
  const { excluded, ...filter } = await compileForSamples(store, compiler, request.filter);
  const only = request.interface === undefined ? {} : { interface: request.interface };
  const answer = await store.query({ ...filter, ...only, from, to, packet_limit, signal });
  let before: Uint8Array = new Uint8Array(0);
  for (const { interface: name, linktype, records } of answer.chunks) {
    yield { kind: 'records', interface: name, linktype, records };
    // Whoever asks for the next has sent the one before.
    giveBack(before);
    before = records;
  }
  const { truncated, interfaces } = await answer.counted;
  const coverage = answer.coverage.map((one) => {
    const counts = interfaces.find((of) => of.interface === one.interface && of.linktype === one.linktype);
    return coverageMessage(one, excluded, counts);
  });
  yield { kind: 'end', coverage, ...(truncated ? { truncated } : {}), clock_offset: clockOffset() };
}
