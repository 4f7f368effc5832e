import type { FaultKind } from './kind.ts';

/** Codes 1900 to 1999. */
export const operatorFaults = {
} as const satisfies Record<string, FaultKind>;
