import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { SampleStore } from '../samples/sample_store.ts';
import type { LookbackReply, LookbackRequest } from '../wire/control_messages.ts';
import { compileForSamples } from './compile_for_samples.ts';
import { coverageMessage } from './coverage_message.ts';

/** Answers look-backs from a sample store. */
export async function* answerLookback(
  store: SampleStore,
  compiler: FilterCompiler,
  request: LookbackRequest,
  signal: AbortSignal,
): AsyncGenerator<LookbackReply, void, void> {
  const { from, to, packet_limit } = request;
  const filter = await compileForSamples(store, compiler, request.filter);
  const answer = await store.query({ programs: filter.programs, from, to, packet_limit, signal });
  for (const { interface: name, linktype, records } of answer.chunks) {
    yield { kind: 'records', interface: name, linktype, records };
  }
  yield { kind: 'end', coverage: answer.coverage.map((one) => coverageMessage(one, filter)) };
}
