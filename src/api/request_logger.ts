import type { FastifyBaseLogger } from 'fastify';

type Bindings = Parameters<FastifyBaseLogger['child']>[0];
type ChildOptions = Parameters<FastifyBaseLogger['child']>[1];
type LogMethod = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

/**
 * The logger of one request: makes its child, with the request's id, when something is logged first. Of most requests nothing is,
 * and a child costs more than routing a request does.
 */
export class RequestLogger implements FastifyBaseLogger {
  readonly #parent: FastifyBaseLogger;
  readonly #bindings: Bindings;
  readonly #options: ChildOptions;
  #made: FastifyBaseLogger | undefined;

  constructor(parent: FastifyBaseLogger, bindings: Bindings, options: ChildOptions) {
    this.#parent = parent;
    this.#bindings = bindings;
    this.#options = options;
  }

  get level(): string {
    return (this.#made ?? this.#parent).level;
  }

  set level(level: string) {
    this.#logger.level = level;
  }

  fatal(...line: readonly unknown[]): void {
    this.#log('fatal', line);
  }

  error(...line: readonly unknown[]): void {
    this.#log('error', line);
  }

  warn(...line: readonly unknown[]): void {
    this.#log('warn', line);
  }

  info(...line: readonly unknown[]): void {
    this.#log('info', line);
  }

  debug(...line: readonly unknown[]): void {
    this.#log('debug', line);
  }

  trace(...line: readonly unknown[]): void {
    this.#log('trace', line);
  }

  silent(): void {
    // Logs nothing.
  }

  child(bindings: Bindings, options?: ChildOptions): FastifyBaseLogger {
    return this.#logger.child(bindings, options);
  }

  get #logger(): FastifyBaseLogger {
    this.#made ??= this.#parent.child(this.#bindings, this.#options);
    return this.#made;
  }

  #log(level: LogMethod, line: readonly unknown[]): void {
    const logger = this.#logger;
    Reflect.apply(logger[level], logger, line);
  }
}
