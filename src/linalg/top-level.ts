// Linear algebra under the names that PyTorch keeps at its top level and on tensors, some with arguments or results of their own.

import { to } from '../ops/cast.ts';
import { zerosLike } from '../ops/create.ts';
import type { ReduceOptions } from '../ops/reduce.ts';
import { vectorNorm } from '../ops/reduce-norm.ts';
import { clone, expand } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { checkDType } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { cholesky, choleskyInverse, choleskySolve, type TriangleOption } from './cholesky.ts';
import { commonBatch, mT } from './common.ts';
import { pinv } from './least-squares.ts';
import { luUnpack } from './lu.ts';
import { matrixNorm } from './norms.ts';
import { matrixExp, matrixPower } from './powers.ts';
import { chainMatmul, crossFirst as cross, inner, kron, tensordot, vdot } from './products.ts';
import { qr as fullQR, geqrf } from './qr.ts';
import { det, inv, logdet, slogdet } from './solve.ts';
import { svd as fullSVD } from './svd.ts';
import { solveTriangular } from './triangular.ts';

export { einsum } from './einsum.ts';
export {
  chainMatmul,
  cholesky,
  choleskyInverse,
  choleskySolve,
  cross,
  det,
  geqrf,
  inner,
  kron,
  logdet,
  luUnpack,
  matrixExp,
  matrixPower,
  slogdet,
  tensordot,
  vdot,
};

/** A⁻¹; see linalg.inv. */
export const inverse = (A: Tensor): Tensor => inv(A);

/** The Moore-Penrose inverse, where singular values up to rcond times the largest count as 0; see linalg.pinv. */
export function pinverse(A: Tensor, options: { rcond?: number } = {}): Tensor {
  return pinv(A, { rtol: options.rcond ?? 1e-15 });
}

/** A = Q R; `some`: the reduced form. See linalg.qr. */
export const qr = (A: Tensor, { some = true }: { some?: boolean } = {}): { Q: Tensor; R: Tensor } =>
  fullQR(A, { mode: some ? 'reduced' : 'complete' });

export interface TopSVDOptions {
  /** The reduced form. */
  some?: boolean;
  /** false: U and V are zeros. */
  computeUv?: boolean;
}
/** A = U diag(S) Vᵀ. Unlike linalg.svd it gives V itself, and the reduced form by default. */
export function svd(A: Tensor, { some = true, computeUv = true }: TopSVDOptions = {}): { U: Tensor; S: Tensor; V: Tensor } {
  const { U, S, Vh } = fullSVD(A, { fullMatrices: !some });
  return computeUv ? { U, S, V: mT(Vh) } : { U: zerosLike(U), S, V: zerosLike(mT(Vh)) };
}

export interface TopTriangularOptions {
  upper?: boolean;
  /** Solve with Aᵀ. */
  transpose?: boolean;
  unitriangular?: boolean;
}
/** X with A X = b for triangular A, and a copy of A broadcast to X's batch. linalg.solveTriangular takes the arguments in the usual order. */
export function triangularSolve(
  b: Tensor,
  A: Tensor,
  { upper = true, transpose = false, unitriangular = false }: TopTriangularOptions = {},
): { solution: Tensor; clonedCoefficient: Tensor } {
  const solution = transpose
    ? solveTriangular(mT(A), b, { upper: !upper, unitriangular })
    : solveTriangular(A, b, { upper, unitriangular });
  return { solution, clonedCoefficient: clone(expand(A, [...commonBatch('triangularSolve', A, b), ...A.shape.slice(-2)])) };
}

export interface NormOptions extends ReduceOptions {
  /** Order: a number, ±Infinity, 'fro' (the 2-norm of all elements in `dim`), or 'nuc' (nuclear norm of matrices). */
  p?: number | 'fro' | 'nuc';
}
/** The p-norm of the elements over the given dimensions, all of them as one vector by default. linalg.norm tells vectors from matrices. */
export function norm(x: Tensor, { p = 2, dim, keepdim = false, dtype }: NormOptions = {}): Tensor {
  if (p !== 'fro' && p !== 'nuc' && typeof p !== 'number')
    throw new ValueError(`norm: p '${String(p)}' is unknown; use a number, 'fro' or 'nuc'`);
  if (p !== 'nuc') return vectorNorm(x, { ord: p === 'fro' ? 2 : p, dim, keepdim, dtype });
  const from = dtype === undefined ? x : to(x, checkDType(dtype, 'norm: dtype'));
  const dims = dim === undefined || dim === null ? [-2, -1] : typeof dim === 'number' ? [dim] : dim;
  if (dims.length !== 2 || (dim === undefined && from.ndim !== 2))
    throw new ShapeError(`norm: p 'nuc' is a norm of matrices; say with dim which two dimensions of shape ${show(from.shape)} they lie in`);
  return matrixNorm(from, { ord: 'nuc', dim: dims, keepdim });
}

export const linalgMethods = {
  cholesky,
  choleskyInverse,
  choleskySolve,
  cross,
  det,
  inner,
  inverse,
  kron,
  logdet,
  matrixExp,
  matrixPower,
  norm,
  pinverse,
  qr,
  slogdet,
  svd,
  triangularSolve,
  vdot,
};
export type { TriangleOption };
