import type { FaultKind } from './kind.ts';

/** Codes 1200 to 1299. */
export const bucketFaults = {
} as const satisfies Record<string, FaultKind>;
