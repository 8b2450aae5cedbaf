// Errors of the command line and how they are shown: one line, with the stack only for those who ask (DEBUG=1).

/** A wrong command line: exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export const exitCodes = { ok: 0, failure: 1, usage: 2, interrupted: 130 } as const;

/** The error in one line, or with its stack and causes when `debug` is on. */
export function errorText(error: unknown, debug = false): string {
  if (!(error instanceof Error)) return `error: ${String(error)}`;
  const name = error.name === 'Error' || error instanceof UsageError ? '' : `${error.name}: `;
  const line = `error: ${name}${error.message.replace(/\s*\n\s*/g, ' ')}`;
  if (!debug) return line;
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack ?? error.cause.message}` : '';
  return `${line}\n${error.stack ?? ''}${cause}`;
}
