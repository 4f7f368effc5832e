/** One entry of the error catalogue. Codes are stable for ever; texts may be improved. */
export interface FaultKind {
  /** Stable number, at least 1000, unique over the whole catalogue. */
  readonly code: number;
  /** The HTTP status that answers it; 500 for faults that never reach a client by themselves. */
  readonly status: number;
  /**
   * May a client send the same request again by itself? `no` sends `x-should-retry: false`, `soon` sends `Retry-After`
   * and lets it, `default` leaves it to the client's own rules for the status.
   */
  readonly retry: 'no' | 'soon' | 'default';
  /** What happened, where and what to do. `{name}` is replaced by the parameter of that name. */
  readonly text: string;
}
