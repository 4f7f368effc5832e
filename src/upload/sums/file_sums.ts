import type { SumPoint } from './sum_point.ts';

/** A place where a record of a file ends, as control is told it. */
export type FileSum = Omit<SumPoint, 'whole'>;

/** At most so many of a file's places where a record ends, spread over the file; the last one is among them. */
export function fileSums(points: readonly SumPoint[], most: number): readonly FileSum[] {
  const whole = points.filter((point) => point.whole);
  const step = Math.ceil(whole.length / most);
  return whole
    .filter((_, index) => (whole.length - 1 - index) % step === 0)
    .map(({ end_bytes, packets, bytes, checksum }) => ({ end_bytes, packets, bytes, checksum }));
}
