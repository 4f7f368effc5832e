import type { FaultKind } from './kind.ts';

/** Codes 1100 to 1199. */
export const requestFaults = {
} as const satisfies Record<string, FaultKind>;
