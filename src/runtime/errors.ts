// Error classes of the library. Every message is one line: which argument, what it is, what was expected, what to do.

/** Base class of all errors that Fathom throws on purpose. */
export class FathomError extends Error {
  override name = 'FathomError';
}

/** A shape does not fit the operation. */
export class ShapeError extends FathomError {
  override name = 'ShapeError';
}

/** A dtype does not fit the operation. */
export class DTypeError extends FathomError {
  override name = 'DTypeError';
}

/** An index or a dimension is out of range. */
export class IndexError extends FathomError {
  override name = 'IndexError';
}

/** An argument has a value that the operation cannot take. */
export class ValueError extends FathomError {
  override name = 'ValueError';
}

/** A matrix has no such factorisation or solution: it is singular, not positive definite, or holds NaN. */
export class LinAlgError extends FathomError {
  override name = 'LinAlgError';
}

/** A device is unknown, missing or cannot do what was asked. */
export class DeviceError extends FathomError {
  override name = 'DeviceError';
}

/** Automatic differentiation was asked for something impossible. */
export class GradError extends FathomError {
  override name = 'GradError';
}

/** The device's memory is exhausted. */
export class OutOfMemoryError extends FathomError {
  override name = 'OutOfMemoryError';
}
