import { type Logger, type LoggerOptions, pino } from 'pino';
import { logRedaction } from '../api/log_redaction.ts';
import type { Fault } from '../model/errors/fault.ts';
import { LineRate } from './line_rate.ts';
import { standardOutput } from './standard_output.ts';

/** Makes a process's logger: JSON lines on standard error, no secret in any. What cannot be written is dropped and counted. */
export function createLogger(name: string, level: string): Logger {
  const { redact, serializers } = logRedaction;
  return pino(
    {
      name,
      level,
      base: { pid: process.pid },
      redact: { ...redact, paths: [...redact.paths] },
      serializers,
      hooks: { logMethod: boundedLines() },
    },
    standardOutput().err,
  );
}

/** Lines of a kind in 10 s. */
const lines_most = 1000;
const warn_level = 40;

/** Whoever makes the same mistake again and again does not fill the log: see `LineRate`. Good requests are written all. */
function boundedLines(): NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']> {
  const rate = new LineRate(lines_most);
  return function log(line, method, level) {
    const parts: readonly unknown[] = line;
    const [first] = parts;
    const text = parts.find((one) => typeof one === 'string');
    const status = typeof first === 'object' && first !== null && 'status' in first ? Number(first.status) : 0;
    if (level < warn_level && status < 400) return method.apply(this, line);
    const { write, left_out } = rate.take(`${text ?? ''} ${status}`);
    if (left_out > 0) method.apply(this, [{ left_out }, `${text ?? ''}: so many lines like this were left out`]);
    return write ? method.apply(this, line) : undefined;
  };
}

/** The operator is told of a fault. */
export function warnBy(logger: Logger): (fault: Fault, context: string) => void {
  return (fault, context) => logger.warn({ fault: fault.name, code: fault.code, context }, fault.message);
}

/** The operator is told where a refused endpoint leads. */
export function refusedBy(logger: Logger): (host: string, address: string) => void {
  return (host, address) => logger.warn({ host, address }, 'an endpoint is refused: its address is not allowed');
}
