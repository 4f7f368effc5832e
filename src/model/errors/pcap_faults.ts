import type { FaultKind } from './kind.ts';

/** Codes 1400 to 1499. */
export const pcapFaults = {
} as const satisfies Record<string, FaultKind>;
