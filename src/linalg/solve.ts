// General systems, the inverse and the determinant, all over one LU factorisation.

import { noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { fromTyped } from '../ops/create.ts';
import { diagEmbed } from '../ops/create-more.ts';
import { abs, add, log, mul, neg, sign } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { copy } from '../ops/raw.ts';
import { numbersSync } from '../ops/read.ts';
import { sum, sumToShape } from '../ops/reduce.ts';
import { prod } from '../ops/reduce-more.ts';
import { detach, diagonal, expand, squeeze, unsqueeze } from '../ops/view.ts';
import { LinAlgError, ShapeError } from '../runtime/errors.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { batchOf, checkMatrices, checkSame, checkSquare, commonBatch, identityLike, ifGraph, matrixName, mT } from './common.ts';
import { luRaw } from './instructions.ts';
import { checkInvertible, luSolve } from './lu.ts';
import { svd } from './svd.ts';

export interface SolveOptions {
  /** Solve A X = B; false: X A = B. */
  left?: boolean;
}

/**
 * X with A X = B (X A = B for left: false). A [..., n, n]; B is [..., n, m] ([..., m, n]), or a vector [n] or a batch of vectors of A's batch shape.
 * LinAlgError names the matrix that is singular.
 */
export function solve(A: Tensor, B: Tensor, { left = true }: SolveOptions = {}): Tensor {
  checkSquare('solve', A);
  checkSame('solve', A, B);
  const vector = B.ndim === 1 || (B.ndim === A.ndim - 1 && sameShape(B.shape, A.shape.slice(0, -1)));
  if (vector) {
    if (!left)
      throw new ShapeError(`solve: left: false needs matrices B [..., m, n], got the vector(s) ${show(B.shape)}; use unsqueeze(-2)`);
    return squeeze(solve(A, unsqueeze(B, -1)), -1);
  }
  checkMatrices('solve', B, 'B');
  return left ? solveMatrices(A, B) : mT(solveMatrices(mT(A), mT(B)));
}

function solveMatrices(A: Tensor, B: Tensor): Tensor {
  const n = A.shape[A.ndim - 1];
  if (B.shape[B.ndim - 2] !== n)
    throw new ShapeError(
      `solve: A is ${show(A.shape)} and B is ${show(B.shape)}; B must have ${n} rows [..., ${n}, m], or be a vector [${n}] (left: false: ${n} columns)`,
    );
  commonBatch('solve', A, B);
  const { LU, pivots, info } = luRaw('solve', A);
  checkInvertible('solve', A, info);
  const X = solved(LU, pivots, B);
  if (mustRecord([A, B])) {
    const rightShape = B.shape; // the closure must not hold B
    // Giles 2008, section 2.3.1: gB = A⁻ᵀ gX, gA = -gB Xᵀ
    record('solve', [A, B], [X], [A, X, LU, pivots], ([g], [A_, X_, LU_, pivots_], node) => {
      if (g === null) return [null, null];
      const gB = ifGraph(
        () => solveMatrices(mT(A_), g),
        () => luSolve(LU_, pivots_, g, { adjoint: true }),
      );
      return [node.needs(0) ? sumToShape(neg(matmul(gB, mT(X_))), A_.shape) : null, node.needs(1) ? sumToShape(gB, rightShape) : null];
    });
  }
  return X;
}

/** The solution without history; a function of its own, so that no closure of its callers holds B. */
const solved = (LU: Tensor, pivots: Tensor, B: Tensor): Tensor => noGrad(() => luSolve(LU, pivots, B));

/** A⁻¹ for A [..., n, n]. LinAlgError names the matrix that is singular; prefer solve where the inverse only multiplies something. */
export function inv(A: Tensor): Tensor {
  checkSquare('inv', A);
  const { LU, pivots, info } = luRaw('inv', A);
  checkInvertible('inv', A, info);
  const P = solved(LU, pivots, expand(identityLike(A), A.shape));
  // Giles 2008, section 2.2.3: gA = -A⁻ᵀ g A⁻ᵀ
  if (mustRecord([A])) record('inv', [A], [P], [P], ([g], [P_]) => [g === null ? null : neg(matmul(mT(P_), matmul(g, mT(P_))))]);
  return P;
}

/** The diagonal of U and the sign of the row swaps, one number per matrix. */
function pivotsOf(name: string, A: Tensor): { d: Tensor; parity: Tensor } {
  const { LU, pivots } = luRaw(name, A);
  const n = A.shape[A.ndim - 1];
  const swaps = n === 0 ? [] : numbersSync(pivots);
  const signs = new Float64Array(
    Math.max(
      1,
      A.shape.slice(0, -2).reduce((p, d) => p * d, 1),
    ),
  ).fill(1);
  swaps.forEach((p, i) => {
    if (p !== (i % n) + 1) signs[Math.floor(i / n)] *= -1;
  });
  const batch = batchOf(A);
  const count = batch.reduce((p, d) => p * d, 1);
  return { d: diagonal(LU, { dim1: -2, dim2: -1 }), parity: copy(fromTyped(signs.subarray(0, count), batch), A.dtype) };
}

const perMatrix = (x: Tensor): Tensor => unsqueeze(unsqueeze(x, -1), -1);

/** det(A) for A [..., n, n], one number per matrix; 1 for empty matrices. */
export function det(A: Tensor): Tensor {
  checkSquare('det', A);
  const out = noGrad(() => {
    const { d, parity } = pivotsOf('det', A);
    return mul(prod(d, { dim: -1 }), parity);
  });
  if (mustRecord([A])) {
    record('det', [A], [out], [A, out], ([g], [A_, out_]) => {
      if (g === null) return [null];
      if (A_.numel === 0) return [mul(A_, 0)];
      // Giles 2008, section 2.2.4: gA = g det(A) A⁻ᵀ; for singular matrices the matrix of cofactors itself
      if (numbersSync(out_).every((v) => v !== 0)) return [mul(perMatrix(mul(g, out_)), mT(inv(A_)))];
      return [
        mul(
          perMatrix(g),
          ifGraph(
            () => cofactorsByTraces(A_),
            () => cofactorsBySvd(A_),
          ),
        ),
      ];
    });
  }
  return out;
}

/** Cofactors from A = U S Vᵀ: det(U) det(V) U diag(∏_{j≠i} s_j) Vᵀ, accurate for any rank. */
function cofactorsBySvd(A: Tensor): Tensor {
  const { U, S, Vh } = svd(A);
  const n = S.shape[S.ndim - 1];
  const s = numbersSync(S);
  const others = new Float64Array(s.length);
  for (let i = 0; i < s.length; i++) {
    let p = 1;
    const row = Math.floor(i / n) * n;
    for (let j = row; j < row + n; j++) if (j !== i) p *= s[j];
    others[i] = p;
  }
  const D = diagEmbed(copy(fromTyped(others, S.shape), A.dtype));
  return mul(perMatrix(mul(det(U), det(Vh))), matmul(U, matmul(D, Vh)));
}

/** Cofactors as a polynomial of A (Faddeev and LeVerrier), differentiable at singular matrices too. */
function cofactorsByTraces(A: Tensor): Tensor {
  const n = A.shape[A.ndim - 1];
  const one = identityLike(A);
  let M: Tensor = expand(one, A.shape);
  for (let k = 1; k < n; k++) {
    const AM = matmul(A, M);
    M = add(AM, mul(perMatrix(mul(sum(diagonal(AM, { dim1: -2, dim2: -1 }), { dim: -1 }), -1 / k)), one));
  }
  // adj(A) = (-1)^(n-1) M; the cofactors are its transpose
  return mul(mT(M), n % 2 === 1 ? 1 : -1);
}

/** Sign (-1, 0 or 1) and log of |det(A)| for A [..., n, n], without overflow. The sign passes no gradient. */
export function slogdet(A: Tensor): { sign: Tensor; logabsdet: Tensor } {
  checkSquare('slogdet', A);
  const { s, l } = noGrad(() => {
    const { d, parity } = pivotsOf('slogdet', A);
    return { s: mul(prod(sign(d), { dim: -1 }), parity), l: sum(log(abs(d)), { dim: -1 }) };
  });
  if (mustRecord([A])) {
    record('slogdet', [A], [s, l], [A, s], ([, g], [A_, s_]) => {
      if (g === null) return [null];
      numbersSync(s_).forEach((v, i) => {
        if (v === 0)
          throw new LinAlgError(
            `slogdet: ${matrixName(i, batchOf(A_))} of A (shape ${show(A_.shape)}) is singular; log |det| has no derivative there, use det`,
          );
      });
      return [mul(perMatrix(g), mT(inv(A_)))];
    });
  }
  return { sign: s, logabsdet: l };
}

/** log det(A) for A [..., n, n]: -Infinity for singular matrices, NaN where the determinant is negative. */
export function logdet(A: Tensor): Tensor {
  const { sign: s, logabsdet } = slogdet(A);
  // log(sign) is 0, -Infinity or NaN
  return add(logabsdet, log(detach(s)));
}
