// Errors of reading and writing files. Every message is one line: which file, what was found, what was expected, what to do.

import { FathomError } from '../runtime/errors.ts';

/** A file's bytes do not follow the format they claim. */
export class FormatError extends FathomError {
  override name = 'FormatError';

  /** The message may quote names from the file: what a terminal would obey is written as \\x.. in it, and it ends after 1000 characters. */
  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }
}

function printable(message: string): string {
  let out = '';
  for (const c of message.slice(0, 1000)) {
    const code = c.codePointAt(0) as number;
    out += code < 0x20 || (code >= 0x7f && code < 0xa0) ? `\\x${code.toString(16).padStart(2, '0')}` : c;
  }
  return message.length > 1000 ? `${out}…` : out;
}

/** A file could not be written; the path that was asked for is as it was before. */
export class SaveError extends FathomError {
  override name = 'SaveError';
  /** The file that was to be written. */
  readonly path: string;

  constructor(message: string, path: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
  }
}

/** A file could not be read. */
export class LoadError extends FathomError {
  override name = 'LoadError';
  /** The file that was to be read. */
  readonly path: string;

  constructor(message: string, path: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
  }

  /** True when there is no such file, rather than one that cannot be read. */
  get missing(): boolean {
    return codeOf(this.cause) === 'ENOENT';
  }
}

const cures: Record<string, string> = {
  ENOSPC: 'the disk is full; free some space or choose another folder',
  EDQUOT: 'your disk quota is used up; free some space or choose another folder',
  EACCES: 'permission was denied; choose a folder you may write to, or change its permissions',
  EPERM: 'the operation is not permitted; choose another folder',
  EROFS: 'the file system is read-only; choose another folder',
  ENOENT: 'there is no such file or folder; check the path',
  ENOTDIR: 'a part of the path is a file where a folder is needed; check the path',
  EISDIR: 'this is a folder where a file is needed; give the name of a file',
  EMFILE: 'too many files are open; close some and try again',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
};

/** One line on why the operating system refused, with the next step. */
export function causeOf(error: unknown): string {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const cure = code === undefined ? undefined : cures[code];
  return (cure === undefined ? message : `${cure} (${code})`).replace(/\s*\n\s*/g, ' ');
}

/** The operating system's error code (`ENOENT`, `ENOSPC`, …), when the error carries one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
