// The face of linear algebra: ft.linalg, with the names of torch.linalg.

import { diagonal as diagonalOf } from '../ops/view.ts';
import type { Tensor } from '../tensor/tensor.ts';

export { matmul } from '../ops/matmul.ts';
export { type VectorNormOptions, vectorNorm } from '../ops/reduce-norm.ts';
export { cholesky, choleskyEx } from './cholesky.ts';
export { type ComplexPair, type EighOptions, eig, eigh, eigvals, eigvalsh } from './eigen.ts';
export { type LstsqDriver, type LstsqOptions, type LstsqResult, lstsq, matrixRank, pinv, type ToleranceOptions } from './least-squares.ts';
export { type LuSolveOptions, lu, luFactor, luFactorEx, luSolve, type PivotOption } from './lu.ts';
export { type CondOptions, cond, type LinalgNormOptions, type MatrixNormOptions, type MatrixOrder, matrixNorm, norm } from './norms.ts';
export { matrixExp, matrixPower } from './powers.ts';
export { cross, multiDot, vander, vecdot } from './products.ts';
export { householderProduct, type QROptions, qr } from './qr.ts';
export { det, inv, type SolveOptions, slogdet, solve } from './solve.ts';
export { type SVDOptions, svd, svdvals } from './svd.ts';
export { tensorinv, tensorsolve } from './tensor-equations.ts';
export { type SolveTriangularOptions, solveTriangular } from './triangular.ts';

/** A diagonal of the matrices in the last two dimensions (or dim1 and dim2) as the last dimension of a view; `offset` > 0 lies above the main one. */
export const diagonal = (A: Tensor, { offset = 0, dim1 = -2, dim2 = -1 }: { offset?: number; dim1?: number; dim2?: number } = {}): Tensor =>
  diagonalOf(A, { offset, dim1, dim2 });
