import type { FaultKind } from './kind.ts';

/** Codes 1300 to 1399. */
export const filterFaults = {
} as const satisfies Record<string, FaultKind>;
