// Errors of data sets. Every message is one line: which file, what was found, what was expected, what to do.

import { FathomError } from '../runtime/errors.ts';

/**
 * What went wrong: `missing` no copy could be had (the only kind for which a stand-in may step in), `folder` FATHOM_DATA names no
 * folder, `checksum` the bytes are not the ones that were published, `truncated` a file ends early, `format` it is of another kind, `worker` a
 * thread of a loader failed.
 */
export type DataErrorKind = 'missing' | 'folder' | 'checksum' | 'truncated' | 'format' | 'worker';

/** A data file is missing, damaged or of the wrong kind. */
export class DataError extends FathomError {
  override name = 'DataError';
  readonly kind: DataErrorKind;

  constructor(kind: DataErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}
