// What rests on singular values: rank, pseudo-inverse, least squares.

import { noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { full } from '../ops/create.ts';
import { abs, add, gt, maximum, mul, neg, reciprocal, square, sub, where } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { copy, empty } from '../ops/raw.ts';
import { numbersSync } from '../ops/read.ts';
import { amax, sum } from '../ops/reduce.ts';
import { squeeze, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { broadcastShapes, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { batchOf, checkMatrices, checkSame, checkSquare, identityLike, mT } from './common.ts';
import { eigh } from './eigen.ts';
import { svd, svdvals } from './svd.ts';

export interface ToleranceOptions {
  /** Singular values up to the larger of atol and rtol times the largest count as 0. A number, or a tensor with one for each matrix. Default: 0. */
  atol?: number | Tensor | null;
  /** Default: max(m, n) times the dtype's unit roundoff step, or 0 when atol is given. */
  rtol?: number | Tensor | null;
  /** A is symmetric: eigenvalues serve as singular values. */
  hermitian?: boolean;
}

/** The distance from 1 to the next number. */
const epsilonOf = (A: Tensor): number => (A.dtype === 'float64' ? 2 ** -52 : 2 ** -23);

/** The limit [...] below which singular values S [..., k] count as 0. */
function limit(A: Tensor, S: Tensor, { atol = null, rtol = null }: ToleranceOptions): Tensor {
  const [m, n] = A.shape.slice(-2);
  const asTensor = (v: number | Tensor): Tensor => (v instanceof Tensor ? copy(v, A.dtype) : full([], v, { dtype: A.dtype }));
  const absolute = asTensor(atol ?? 0);
  const defaultRtol = (): Tensor => {
    const usual = full([], epsilonOf(A) * Math.max(m, n), { dtype: A.dtype });
    // where atol says something positive it stands alone
    return atol === null ? usual : where(gt(absolute, 0), 0, usual);
  };
  const relative = rtol === null ? defaultRtol() : asTensor(rtol);
  const largest = S.shape[S.ndim - 1] === 0 ? full(S.shape.slice(0, -1), 0, { dtype: A.dtype }) : amax(S, { dim: -1 });
  return maximum(absolute, mul(relative, largest));
}

/** Number of singular values (absolute eigenvalues for hermitian) above the tolerance, int64 [...] for A [..., m, n]. */
export function matrixRank(A: Tensor, options: ToleranceOptions = {}): Tensor {
  checkMatrices('matrixRank', A);
  return noGrad(() => {
    const S = options.hermitian ? abs(eigh(A).eigenvalues) : svdvals(A);
    return sum(gt(S, unsqueeze(limit(A, S, options), -1)), { dim: -1 });
  });
}

/** The Moore-Penrose inverse [..., n, m] of A [..., m, n]; small singular values count as 0. Differentiable where the rank stays the same. */
export function pinv(A: Tensor, options: ToleranceOptions = {}): Tensor {
  if (options.hermitian) checkSquare('pinv', A);
  else checkMatrices('pinv', A);
  const P = noGrad(() => {
    let [U, S, Vh]: [Tensor, Tensor, Tensor] = [A, A, A];
    if (options.hermitian) {
      const { eigenvalues, eigenvectors } = eigh(A);
      [U, S, Vh] = [eigenvectors, eigenvalues, mT(eigenvectors)];
    } else ({ U, S, Vh } = svd(A, { fullMatrices: false }));
    const size = abs(S);
    const counts = gt(size, unsqueeze(limit(A, size, options), -1));
    const inverse = where(counts, reciprocal(where(counts, S, 1)), 0);
    return matmul(mul(mT(Vh), unsqueeze(inverse, -2)), mT(U));
  });
  if (mustRecord([A])) {
    // Golub and Pereyra 1973: dP = -P dA P + P Pᵀ dAᵀ (I - A P) + (I - P A) dAᵀ Pᵀ P
    record('pinv', [A], [P], [A, P], ([g], [A_, P_]) => {
      if (g === null) return [null];
      const [m, n] = A_.shape.slice(-2);
      const gT = mT(g);
      const PT = mT(P_);
      const first = neg(matmul(PT, matmul(g, PT)));
      const second = matmul(sub(identityLike(A_, m), matmul(A_, P_)), matmul(gT, matmul(P_, PT)));
      const third = matmul(matmul(PT, P_), matmul(gT, sub(identityLike(A_, n), matmul(P_, A_))));
      return [add(first, add(second, third))];
    });
  }
  return P;
}

export type LstsqDriver = 'gelsy' | 'gels' | 'gelsd' | 'gelss';
export interface LstsqOptions {
  /** Singular values up to rcond times the largest count as 0. Default: max(m, n) times the dtype's roundoff step. */
  rcond?: number | null;
  /** LAPACK's names decide which extra results are filled, as in PyTorch; the method is the same for all. */
  driver?: LstsqDriver;
}
export interface LstsqResult {
  /** X [..., n, k], the least squares solution of smallest norm. */
  solution: Tensor;
  /** Sums of squared errors [..., k]; empty for 'gelsy', for m <= n, and where a matrix lacks full rank. */
  residuals: Tensor;
  /** Rank of each matrix (int64); empty for 'gels'. */
  rank: Tensor;
  /** Singular values of each matrix for 'gelsd' and 'gelss', else empty. */
  singularValues: Tensor;
}

/** The X that makes |A X - B| smallest, for A [..., m, n] and B [..., m, k] (or one vector [..., m] for each matrix). Differentiable in both. */
export function lstsq(A: Tensor, B: Tensor, { rcond = null, driver = 'gelsy' }: LstsqOptions = {}): LstsqResult {
  checkMatrices('lstsq', A);
  checkSame('lstsq', A, B);
  if (!['gelsy', 'gels', 'gelsd', 'gelss'].includes(driver))
    throw new ValueError(`lstsq: driver '${String(driver)}' is unknown; use 'gelsy', 'gels', 'gelsd' or 'gelss'`);
  const vector = B.ndim === A.ndim - 1 && sameShape(B.shape, A.shape.slice(0, -1));
  const right = vector ? unsqueeze(B, -1) : B;
  const [m, n] = A.shape.slice(-2);
  if (right.ndim < 2 || right.shape[right.ndim - 2] !== m)
    throw new ShapeError(
      `lstsq: A is ${show(A.shape)} and B is ${show(B.shape)}; B must have ${m} rows [..., ${m}, k], or one vector [..., ${m}] for each matrix`,
    );
  broadcastShapes('lstsq', batchOf(A), batchOf(right));
  const X = matmul(pinv(A, { rtol: rcond }), right);
  const nothing = (): Tensor => empty([0], A.dtype);
  const S = noGrad(() => svdvals(A));
  const rank = noGrad(() => sum(gt(S, unsqueeze(limit(A, S, { rtol: rcond }), -1)), { dim: -1 }));
  const fullRank = noGrad(() => numbersSync(rank).every((r) => r === n));
  const residuals = driver !== 'gelsy' && m > n && fullRank ? sum(square(sub(matmul(A, X), right)), { dim: -2 }) : nothing();
  return {
    solution: vector ? squeeze(X, -1) : X,
    residuals: vector && residuals.ndim > 1 ? squeeze(residuals, -1) : residuals,
    rank: driver === 'gels' ? empty([0], 'int64') : rank,
    singularValues: driver === 'gelsd' || driver === 'gelss' ? S : nothing(),
  };
}
