import type { FaultKind } from './kind.ts';

/** Codes 1800 to 1899. */
export const stateFaults = {
} as const satisfies Record<string, FaultKind>;
