import type { NamespacePair } from './namespace_pair.ts';
import { waitFor } from './wait_for.ts';

/** Brings a pair's near side up, by the name that it has now. The far side needs a moment, too, until it sends again: that is waited for. */
export async function linkUp(pair: NamespacePair, name: string): Promise<void> {
  await pair.exec('near', 'ip', ['link', 'set', name, 'up']);
  const state = async (): Promise<string> => (await pair.exec('far', 'ip', ['link', 'show', pair.far.name])).stdout;
  await waitFor(async () => / state UP /.test(await state()), { what: 'the cable to be up' });
}
