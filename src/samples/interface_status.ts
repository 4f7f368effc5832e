import type { InterfaceSampler } from './interface_sampler.ts';
import type { InterfaceStatus } from './sample_store.ts';
import type { Stream } from './stream.ts';
import { timeSpan } from './time_span.ts';

/** What there is of an interface: in the sealed segments of its streams, and in those that its sampler, if it has one, is writing. */
export function interfaceStatus(
  name: string,
  streams: readonly Stream[],
  sampler: InterfaceSampler | undefined,
): InterfaceStatus {
  const sealed = streams.filter((stream) => stream.interface === name).flatMap((stream) => stream.sealed);
  const open = sampler === undefined ? [] : sampler.open.map(({ slot }) => sampler.state.content(slot));
  const bytes =
    sealed.reduce((sum, segment) => sum + segment.disk_bytes, 0) + open.reduce((sum, { length }) => sum + length, 0);
  const times = [...sealed, ...open].flatMap(({ least, greatest }) =>
    least === undefined || greatest === undefined ? [] : [{ oldest: least, newest: greatest }],
  );
  return {
    interface: name,
    bytes,
    ...timeSpan(times),
    ...(sampler === undefined ? {} : { sampling: sampler.status() }),
  };
}
