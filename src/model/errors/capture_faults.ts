import type { FaultKind } from './kind.ts';

/** Codes 1500 to 1599. */
export const captureFaults = {
} as const satisfies Record<string, FaultKind>;
