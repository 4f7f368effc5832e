import { filterText } from '../../filter/filter_text.ts';
import type { CaptureSpec } from '../../model/capture.ts';
import type { PartRecord } from '../../model/record.ts';

/** What a pcapng file says of a part's interface: its name, where it is, and the filter in force. */
export function interfaceText(
  { filter_v1, filter_expression = '' }: CaptureSpec,
  { interface: name, sensor, colo }: PartRecord,
): { readonly name: string; readonly description: string; readonly filter?: string } {
  const filter = [filterText(filter_v1), filter_expression]
    .filter((text) => text !== '')
    .map((text) => `(${text})`)
    .join(' and ');
  return { name, description: `${sensor} in ${colo}`, ...(filter === '' ? {} : { filter }) };
}
