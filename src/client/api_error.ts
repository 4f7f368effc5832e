/** One error as the server told it. */
export interface ToldError {
  readonly code: number;
  /** For people. */
  readonly message: string;
  /** JSON pointer of the offending field of the request. */
  readonly pointer?: string;
}

/** A request that the server refused: what it said, as values. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status. */
  readonly status: number;
  /** Never empty. */
  readonly errors: readonly [ToldError, ...ToldError[]];
  /** Names the request in the server's log. */
  readonly request_id?: string;

  constructor(status: number, errors: readonly [ToldError, ...ToldError[]], request_id?: string) {
    super(errors.map((one) => one.message).join('; '));
    this.status = status;
    this.errors = errors;
    if (request_id !== undefined) this.request_id = request_id;
  }

  /** Is this one of the errors? */
  has(code: number): boolean {
    return this.errors.some((one) => one.code === code);
  }
}
