import { formatTime } from '../../model/time.ts';
import type { KnownRate } from './packets_estimated.ts';

const shown_most = 50;

/** Which part of the packets was kept, and from when on; undefined where nothing is known of it. */
export function ratesText(rates: readonly KnownRate[]): string | undefined {
  const changes = rates.filter(({ rate }, index) => rate !== rates[index - 1]?.rate);
  const [first, ...later] = changes;
  if (first === undefined) return undefined;
  if (later.length === 0) return `1 in ${first.rate} packets was kept`;
  const shown = changes.slice(0, shown_most).map(({ rate, from }) => `1 in ${rate} from ${formatTime(from)}`);
  const more = changes.length > shown_most ? `, and ${changes.length - shown_most} more changes` : '';
  return `of the packets were kept: ${shown.join(', ')}${more}`;
}
