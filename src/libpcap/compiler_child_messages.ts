import type { Fault } from '../model/errors/fault.ts';
import type { CompiledFilter, FilterTexts } from './compile_filter.ts';

/** What the compiler's process is asked: compile this filter for each of these link types. */
export interface CompileRequest {
  readonly id: number;
  readonly filter: FilterTexts;
  /** LINKTYPE_ numbers. */
  readonly linktypes: readonly number[];
  /** The programs go before a live socket. */
  readonly live: boolean;
  /** The process ends itself somewhat after this long, should nobody be left to end it. */
  readonly limit_ms: number;
}

/** What the compiler's process says. */
export type CompilerMessage =
  | {
      readonly kind: 'ready';
      /** Why the kernel does not keep it from files and the network; absent where it does. */
      readonly unconfined?: string;
    }
  /** It cannot work at all, and ends. */
  | { readonly kind: 'broken'; readonly reason: string }
  /** One result for each link type, in order. */
  | { readonly kind: 'compiled'; readonly id: number; readonly results: readonly CompiledFilter[] }
  /** The expression is good for no link type. */
  | { readonly kind: 'syntax'; readonly id: number; readonly reason: string }
  /** There is not the memory for it. */
  | { readonly kind: 'exhausted'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly faults: readonly Fault[] };
