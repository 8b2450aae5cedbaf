// What all of linear algebra shares: checks of matrix arguments, batches of matrices on the host, small helpers.

import { isGradEnabled, noGrad } from '../autograd/mode.ts';
import { eye, fromTyped } from '../ops/create.ts';
import { copy } from '../ops/raw.ts';
import { dataSync } from '../ops/read.ts';
import { transpose } from '../ops/view.ts';
import { DTypeError, LinAlgError, ShapeError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { broadcastShapes, numelOf, type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Throws unless `A` is a float32 or float64 tensor of matrices [..., m, n]. */
export function checkMatrices(name: string, A: Tensor, argument = 'A'): void {
  if (!(A instanceof Tensor))
    throw new DTypeError(`${name}: ${argument} must be a tensor, got ${A === null ? 'null' : typeof A}; make one with tensor(...)`);
  checkFloat(name, A, argument);
  if (A.ndim < 2)
    throw new ShapeError(`${name}: ${argument} has shape ${show(A.shape)}; expected a matrix [m, n] or a batch of them [..., m, n]`);
}

/** Throws unless `A` is float32 or float64. */
export function checkFloat(name: string, A: Tensor, argument = 'A'): void {
  if (A.dtype !== 'float32' && A.dtype !== 'float64')
    throw new DTypeError(`${name}: ${argument} is ${A.dtype}; needs float32 or float64, cast it with .to('float32')`);
}

/** Throws unless `A` holds square matrices. */
export function checkSquare(name: string, A: Tensor, argument = 'A'): void {
  checkMatrices(name, A, argument);
  const [m, n] = A.shape.slice(-2);
  if (m !== n)
    throw new ShapeError(`${name}: ${argument} has shape ${show(A.shape)}; its matrices are ${m} by ${n}, but must be square [..., n, n]`);
}

/** Throws unless both have one dtype. */
export function checkSame(name: string, A: Tensor, B: Tensor, other = 'B'): void {
  if (!(B instanceof Tensor))
    throw new DTypeError(`${name}: ${other} must be a tensor, got ${B === null ? 'null' : typeof B}; make one with tensor(...)`);
  if (A.dtype !== B.dtype)
    throw new DTypeError(`${name}: A is ${A.dtype} and ${other} is ${B.dtype}; both must have one dtype, cast one with .to('${A.dtype}')`);
}

export const batchOf = (A: Tensor): Shape => A.shape.slice(0, -2);

/** The batch shape that the leading dimensions of both broadcast to. */
export const commonBatch = (name: string, A: Tensor, B: Tensor): Shape => broadcastShapes(name, batchOf(A), batchOf(B));

/** The last two dimensions swapped. */
export const mT = (A: Tensor): Tensor => transpose(A, -2, -1);

/** The identity [n, n] in A's dtype. */
export const identityLike = (A: Tensor, n = A.shape[A.ndim - 1]): Tensor => eye(n, { dtype: A.dtype });

/** Which matrix of a batch an index means, for messages: '', or ' [1, 0] of the batch'. */
export function matrixName(index: number, batch: Shape): string {
  if (batch.length === 0) return 'the matrix';
  const at: number[] = [];
  for (let d = batch.length - 1, rest = index; d >= 0; rest = Math.floor(rest / batch[d]), d--) at.unshift(rest % batch[d]);
  return `matrix ${show(at)} of the batch ${show(batch)}`;
}

/** Matrices on the host in double precision, row-major, one after another. */
export interface HostMatrices {
  readonly batch: Shape;
  readonly count: number;
  readonly rows: number;
  readonly columns: number;
  /** The elements of matrix `i`. */
  at(i: number): Float64Array;
}

/** Reads matrices for an algorithm that runs on the host. LinAlgError when they hold NaN or infinities: such algorithms iterate until they converge. */
export function toHost(name: string, A: Tensor): HostMatrices {
  const data = dataSync(A.dtype === 'float64' ? A : copy(A, 'float64')) as Float64Array;
  const [rows, columns] = A.shape.slice(-2);
  const size = rows * columns;
  const batch = batchOf(A);
  const bad = data.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0)
    throw new LinAlgError(
      `${name}: ${matrixName(Math.floor(bad / size), batch)} of A (shape ${show(A.shape)}) holds ${data[bad]}; check the values before (isfinite), the result would not converge`,
    );
  return { batch, count: numelOf(batch), rows, columns, at: (i) => data.subarray(i * size, (i + 1) * size) };
}

/** A matrix over the power of two next to its largest element (1 for zero matrices): squares neither overflow nor vanish, and nothing is rounded. */
export function scaled(a: Float64Array): { a: Float64Array; scale: number } {
  const largest = a.reduce((s, v) => Math.max(s, Math.abs(v)), 0);
  if (largest === 0) return { a, scale: 1 };
  const scale = 2 ** Math.max(-1000, Math.min(1000, Math.floor(Math.log2(largest))));
  return { a: a.map((v) => v / scale), scale };
}

/** Host results as a tensor of `dtype`. */
export function fromHost(data: Float64Array, shape: Shape, dtype: DType): Tensor {
  const t = fromTyped(data, shape);
  return dtype === 'float64' ? t : copy(t, dtype);
}

/** In a backward function: the cheap form when no graph is built, the differentiable one otherwise. */
export const ifGraph = <T>(differentiable: () => T, plain: () => T): T => (isGradEnabled() ? differentiable() : noGrad(plain));
