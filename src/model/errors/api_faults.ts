import type { FaultKind } from './kind.ts';

/** Codes 1000 to 1099. */
export const apiFaults = {
} as const satisfies Record<string, FaultKind>;
