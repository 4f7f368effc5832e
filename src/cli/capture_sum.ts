import type { CaptureResponse } from '../wire/http/capture_response.ts';

/** A capture's figures, over all sensors. What is not known is left out. */
export interface CaptureSum {
  readonly packets?: number;
  readonly bytes?: number;
  readonly dropped?: number;
}

/** Adds up what is known of a capture: of a look-back and of one that runs, what its sensors have. */
export function captureSum(capture: CaptureResponse): CaptureSum {
  const parts = capture.sensors ?? [];
  const sum = (of: (part: (typeof parts)[number]) => number | undefined): number | undefined => {
    const known = parts.map(of).filter((value) => value !== undefined);
    return known.length === 0 ? undefined : known.reduce((total, value) => total + value, 0);
  };
  const delivered = sum((part) => (part.packets === undefined ? undefined : part.packets - (part.cut ?? 0)));
  const packets = (capture.type === 'full' ? capture.packets_captured : undefined) ?? delivered;
  const bytes = sum((part) => part.bytes);
  const dropped = capture.packets_dropped ?? sum((part) => part.dropped);
  return {
    ...(packets === undefined ? {} : { packets }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(dropped === undefined ? {} : { dropped }),
  };
}
