// Reads the many ways of handing numbers to a figure (arrays, typed arrays, tensors, lists of them) into plain arrays.
import { DTypeError, ShapeError } from '../runtime/errors.ts';

/** Anything that hands out its values synchronously, such as a `Tensor`. */
export interface TensorLike {
  toArraySync(): unknown;
}

export type Scalar = number | bigint | boolean;

/** Numbers in one or more dimensions: typed arrays, arrays (nested to any depth) and tensors, freely mixed. */
export type Plottable = TensorLike | ArrayLike<Scalar> | ArrayLike<Plottable>;

export type Nested = number | Nested[];

/** Nested plain arrays of numbers. Throws `DTypeError` for anything that is not a number, and names `argument`. */
export function toNested(value: unknown, argument: string): Nested {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint' || typeof value === 'boolean') return Number(value);
  if (isTensorLike(value)) return toNested(value.toArraySync(), argument);
  if (isArrayLike(value)) return Array.from(value, (item) => toNested(item, argument));
  throw new DTypeError(`${argument}: found ${describe(value)}; expected numbers, arrays of numbers or tensors`);
}

/** One sequence of numbers, [n]. A dimension of size 1 is tolerated ([n, 1] and [1, n] are read as [n]). */
export function toVector(value: unknown, argument: string): number[] {
  const nested = toNested(value, argument);
  if (typeof nested === 'number') return [nested];
  if (nested.every((item) => typeof item === 'number')) return nested as number[];
  const rows = nested.map((row) => (typeof row === 'number' ? [row] : row));
  if (rows.length === 1) return toVector(rows[0], argument);
  if (rows.every((row) => row.length === 1))
    return toVector(
      rows.map((row) => row[0]),
      argument,
    );
  throw new ShapeError(
    `${argument}: expected one dimension, but rows have ${rows[0]?.length ?? 0} elements; pass one row, or flatten it first`,
  );
}

/** A list of sequences: one-dimensional input becomes a list of one. */
export function toSeries(value: unknown, argument: string): number[][] {
  const nested = toNested(value, argument);
  if (typeof nested === 'number') return [[nested]];
  if (nested.length > 0 && nested.every((item) => typeof item === 'number')) return [nested as number[]];
  return nested.map((item, i) => toVector(item, `${argument}[${i}]`));
}

/** A matrix as rows of equal length. */
export function toMatrix(value: unknown, argument: string): number[][] {
  const rows = toSeries(value, argument);
  const width = rows[0]?.length ?? 0;
  const odd = rows.findIndex((row) => row.length !== width);
  if (odd > 0)
    throw new ShapeError(
      `${argument}: row ${odd} has ${rows[odd]?.length} elements, row 0 has ${width}; a matrix needs rows of one length`,
    );
  return rows;
}

/** Sizes of nested arrays, outermost first; throws `ShapeError` where they are ragged. */
export function shapeOf(nested: Nested, argument: string): number[] {
  if (typeof nested === 'number') return [];
  const first = nested[0];
  if (first === undefined) return [0];
  const inner = shapeOf(first, argument);
  for (const item of nested) {
    const other = shapeOf(item, argument);
    if (other.length !== inner.length || other.some((size, i) => size !== inner[i])) {
      throw new ShapeError(`${argument}: parts have the shapes [${inner}] and [${other}]; expected one shape`);
    }
  }
  return [nested.length, ...inner];
}

export function isTensorLike(value: unknown): value is TensorLike {
  return typeof value === 'object' && value !== null && typeof (value as Partial<TensorLike>).toArraySync === 'function';
}

function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  if (Array.isArray(value)) return true;
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return `the text ${JSON.stringify(value.slice(0, 20))}`;
  return typeof value === 'object' ? `an object (${value.constructor?.name ?? 'unknown'})` : `a ${typeof value}`;
}
