import type { FaultKind } from './kind.ts';

/** Codes 1600 to 1699. */
export const samplesFaults = {
} as const satisfies Record<string, FaultKind>;
