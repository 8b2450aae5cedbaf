// Cholesky factorisation of symmetric positive definite matrices and what is solved with it.

import { noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { fromTyped } from '../ops/create.ts';
import { tril } from '../ops/create-more.ts';
import { add, mul, neg } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { copy } from '../ops/raw.ts';
import { numbersSync } from '../ops/read.ts';
import { sumToShape } from '../ops/reduce.ts';
import { expand } from '../ops/view.ts';
import { LinAlgError, ShapeError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { batchOf, checkMatrices, checkSame, checkSquare, commonBatch, identityLike, matrixName, mT } from './common.ts';
import { choleskyRaw } from './instructions.ts';
import { solveTriangular } from './triangular.ts';

export interface TriangleOption {
  /** The factor is upper triangular (A = Uᵀ U) rather than lower (A = L Lᵀ). */
  upper?: boolean;
}

/** The lower triangle of matrices [n, n] with half their diagonal, as the derivative of a symmetric product needs it. */
function lowerHalf(x: Tensor): Tensor {
  const n = x.shape[x.ndim - 1];
  const factors = new Float64Array(n * n).fill(1);
  for (let i = 0; i < n; i++) factors[i * n + i] = 0.5;
  return mul(tril(x), copy(fromTyped(factors, [n, n]), x.dtype));
}

function lower(name: string, A: Tensor): { L: Tensor; info: Tensor } {
  const { L, info } = choleskyRaw(name, A);
  if (mustRecord([A])) {
    // Murray 2016, "Differentiation of the Cholesky decomposition", equation 10: gA = sym(L⁻ᵀ Φ(Lᵀ gL) L⁻¹)
    record(name, [A], [L], [L], ([g], [L_]) => {
      if (g === null) return [null];
      const inner = lowerHalf(matmul(mT(L_), g));
      const left = solveTriangular(mT(L_), inner, { upper: true });
      const S = solveTriangular(L_, left, { upper: false, left: false });
      return [mul(add(S, mT(S)), 0.5)];
    });
  }
  return { L, info };
}

function factor(name: string, A: Tensor, upper: boolean): { L: Tensor; info: Tensor } {
  checkSquare(name, A);
  if (!upper) return lower(name, A);
  const { L, info } = lower(name, mT(A));
  return { L: mT(L), info };
}

/** The factor of symmetric positive definite matrices [..., n, n]; only one triangle of A is read. LinAlgError when a matrix is not positive definite. */
export function cholesky(A: Tensor, { upper = false }: TriangleOption = {}): Tensor {
  const { L, info } = factor('cholesky', A, upper);
  numbersSync(info).forEach((order, i) => {
    if (order > 0)
      throw new LinAlgError(
        `cholesky: ${matrixName(i, batchOf(A))} of A (shape ${show(A.shape)}) is not positive definite: its leading minor of order ${order} is not positive; check that it is symmetric and holds no NaN, or add a small multiple of the identity to it`,
      );
  });
  return L;
}

/** As cholesky without the error: `info` (int32, one per matrix) is 0, or the order of the leading minor that is not positive; L is then undefined. */
export function choleskyEx(
  A: Tensor,
  { upper = false, checkErrors = false }: TriangleOption & { checkErrors?: boolean } = {},
): { L: Tensor; info: Tensor } {
  if (checkErrors) cholesky(A, { upper });
  return factor('choleskyEx', A, upper);
}

/** A⁻¹ B for A = L Lᵀ (Uᵀ U for upper), from the factor L. Batches broadcast: B [..., n, m], L [..., n, n] -> [..., n, m]. */
export function choleskySolve(B: Tensor, L: Tensor, { upper = false }: TriangleOption = {}): Tensor {
  checkSquare('choleskySolve', L, 'L');
  checkMatrices('choleskySolve', B, 'B');
  checkSame('choleskySolve', L, B);
  if (B.shape[B.ndim - 2] !== L.shape[L.ndim - 1])
    throw new ShapeError(
      `choleskySolve: B is ${show(B.shape)} and L is ${show(L.shape)}; B's second-to-last dimension must equal the size of L`,
    );
  const batch = commonBatch('choleskySolve', L, B);
  const X = noGrad(() => {
    const first = solveTriangular(upper ? mT(L) : L, expand(B, [...batch, ...B.shape.slice(-2)]), { upper: false });
    return solveTriangular(upper ? L : mT(L), first, { upper: true });
  });
  if (mustRecord([B, L])) {
    // A = L Lᵀ is symmetric: gB = A⁻¹ gX and gA = -gB Xᵀ, hence gL = (gA + gAᵀ) L
    record('choleskySolve', [B, L], [X], [L, X], ([g], [L_, X_], node) => {
      if (g === null) return [null, null];
      const gB = choleskySolve(g, L_, { upper });
      if (!node.needs(1)) return [sumToShape(gB, B.shape), null];
      const gA = matmul(gB, mT(X_));
      const both = neg(add(gA, mT(gA)));
      return [node.needs(0) ? sumToShape(gB, B.shape) : null, sumToShape(upper ? matmul(L_, both) : matmul(both, L_), L_.shape)];
    });
  }
  return X;
}

/** A⁻¹ for A = L Lᵀ (Uᵀ U for upper), from the factor. */
export function choleskyInverse(L: Tensor, options: TriangleOption = {}): Tensor {
  checkSquare('choleskyInverse', L, 'L');
  return choleskySolve(identityLike(L), L, options);
}
