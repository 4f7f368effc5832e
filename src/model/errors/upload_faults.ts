import type { FaultKind } from './kind.ts';

/** Codes 1700 to 1799. */
export const uploadFaults = {
} as const satisfies Record<string, FaultKind>;
