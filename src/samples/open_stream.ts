import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { endOf, type RecoverContext, recoverSegment } from './recover_segment.ts';
import { fault } from '../model/errors/fault.ts';
import { segmentLabel } from './segment_label.ts';
import type { SealedSegment } from './sealed_segment.ts';
import { parseSegmentFile, segmentFiles } from './segment_name.ts';

/** A stream as it was found on the disk. */
export interface OpenedStream {
  /** In the order of their numbers. */
  readonly sealed: SealedSegment[];
  /** Greater than the number of any segment found. */
  readonly next_number: number;
  /** Files that are not the store's. */
  readonly foreign: readonly string[];
}

/** Opens a stream's directory: seals what a crash left open, removes what is left over, and leaves foreign files alone. */
export async function openStream(context: RecoverContext): Promise<OpenedStream> {
  const foreign: string[] = [];
  const packets = new Map<number, 'open' | 'sealed'>();
  const others = new Map<number, string[]>();
  let greatest = 0;
  for (const name of await readdir(context.directory)) {
    const file = parseSegmentFile(name);
    if (file === undefined) {
      foreign.push(name);
      continue;
    }
    greatest = Math.max(greatest, file.number);
    if (file.kind === 'new_header' || file.kind === 'new_index')
      await unlink(join(context.directory, name)).catch(() => foreign.push(name));
    else if (file.kind === 'open' || file.kind === 'sealed') {
      // The store never makes both: a number is used once.
      if (packets.has(file.number)) foreign.push(segmentFiles(file.number).open);
      if (packets.get(file.number) !== 'sealed') packets.set(file.number, file.kind);
    } else others.set(file.number, [...(others.get(file.number) ?? []), name]);
  }
  const sealed: SealedSegment[] = [];
  const without_index: number[] = [];
  for (const [number, kind] of [...packets].sort(([a], [b]) => a - b)) {
    const before = sealed.at(-1);
    const end = before === undefined ? undefined : endOf(before);
    const recovered = await recoverSegment(number, kind === 'open', context, end).catch((error: unknown) => {
      // One that the disk does not give, or does not let be sealed, keeps nothing else from being opened.
      context.report(
        fault('segment_unreadable', { segment: segmentLabel(context.stream, number), reason: String(error) }),
      );
      return undefined;
    });
    if (recovered === undefined) continue;
    if (recovered.kind === 'sealed') {
      sealed.push(recovered.segment);
      if (recovered.index_missing === true) without_index.push(number);
    }
    if (recovered.kind === 'foreign') foreign.push(recovered.name);
  }
  // The last ones may never have had one: a process that dies leaves segments that it had not indexed yet.
  const last_indexed = sealed.findLast((segment) => segment.index_bytes !== undefined)?.number ?? 0;
  for (const number of without_index.filter((one) => one < last_indexed)) {
    const segment = segmentLabel(context.stream, number);
    context.report(fault('segment_index_damaged', { segment, reason: 'it is missing' }));
  }
  for (const [number, names] of others) {
    if (packets.has(number)) continue;
    for (const name of names) await unlink(join(context.directory, name)).catch(() => foreign.push(name));
  }
  return { sealed, next_number: greatest + 1, foreign };
}
