import type { FilterCompiler } from '../libpcap/compiler_pool.ts';
import type { SampleStore } from '../samples/sample_store.ts';
import type { InterfaceTally as StoreTally } from '../samples/tally.ts';
import type { EstimateOrder, EstimateReply, InterfaceTally } from '../wire/control_messages.ts';
import { compileForSamples, type ExcludedReason } from './compile_for_samples.ts';
import { coverageMessage } from './coverage_message.ts';

/** Counts what a sample store has of an order's window. */
export async function answerEstimate(
  store: SampleStore,
  compiler: FilterCompiler,
  order: EstimateOrder,
  signal: AbortSignal,
): Promise<EstimateReply> {
  const { from, to, account: owner = '' } = order;
  const { excluded, ...filter } = await compileForSamples(store, compiler, order);
  const { interfaces } = await store.tally({ ...filter, owner, from, to, signal });
  return { kind: 'tally', interfaces: interfaces.map((one) => tallyMessage(one, excluded)) };
}

function tallyMessage(one: StoreTally, excluded: ExcludedReason): InterfaceTally {
  const { packets, captured_bytes, packets_estimated, bytes_estimated, talkers, rates } = one;
  // No packet is no packet at any rate; but without a rate nobody knows how many a packet stands for.
  const known = rates.length > 0 || packets === 0n;
  return {
    coverage: coverageMessage(one, excluded),
    packets,
    captured_bytes,
    ...(known ? { estimated: { packets: packets_estimated, bytes: bytes_estimated } } : {}),
    talkers: known ? talkers.map((talker) => ({ ...talker })) : [],
  };
}
