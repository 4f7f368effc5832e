import { type Logger, pino } from 'pino';
import { logRedaction } from '../api/log_redaction.ts';
import type { Fault } from '../model/errors/fault.ts';
import { standardOutput } from './standard_output.ts';

/** Makes a process's logger: JSON lines on standard error, no secret in any. What cannot be written is dropped and counted. */
export function createLogger(name: string, level: string): Logger {
  const { redact, serializers } = logRedaction;
  return pino(
    { name, level, base: { pid: process.pid }, redact: { ...redact, paths: [...redact.paths] }, serializers },
    standardOutput().err,
  );
}

/** The operator is told of a fault. */
export function warnBy(logger: Logger): (fault: Fault, context: string) => void {
  return (fault, context) => logger.warn({ fault: fault.name, code: fault.code, context }, fault.message);
}

/** The operator is told where a refused endpoint leads. */
export function refusedBy(logger: Logger): (host: string, address: string) => void {
  return (host, address) => logger.warn({ host, address }, 'an endpoint is refused: its address is not allowed');
}
