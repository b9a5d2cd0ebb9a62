import { type Logger as PinoLogger, pino } from 'pino';

/** Structured logging: a static message plus fields, one JSON line each. An error is the field `err`. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error'> & {
  child(fields: Record<string, unknown>): Logger;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Logs to standard output; fields are `time` (RFC 3339), `level`, `msg` and whatever the call names. */
export function createLogger(level: LogLevel, fields: Record<string, unknown> = {}): Logger {
  return pino({
    level,
    base: fields,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

export const silentLogger: Logger = createLogger('silent');
