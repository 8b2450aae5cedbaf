// LU factorisation with partial pivoting: factors, systems solved with it, and the derivatives of its factors.

import { mustRecord, record } from '../autograd/node.ts';
import { fromTyped, zeros } from '../ops/create.ts';
import { tril, triu } from '../ops/create-more.ts';
import { add, sub } from '../ops/elementwise.ts';
import { gather } from '../ops/gather.ts';
import { cat } from '../ops/join.ts';
import { matmul } from '../ops/matmul.ts';
import { numbersSync } from '../ops/read.ts';
import { expand, narrow, unsqueeze } from '../ops/view.ts';
import { DTypeError, LinAlgError, ShapeError, ValueError } from '../runtime/errors.ts';
import { numelOf, type Shape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { batchOf, checkMatrices, checkSame, checkSquare, commonBatch, identityLike, matrixName, mT } from './common.ts';
import { luRaw } from './instructions.ts';
import { solveTriangular } from './triangular.ts';

/** The first k rows (dim -2) or columns (dim -1). */
const head = (x: Tensor, dim: -1 | -2, k: number): Tensor => narrow(x, dim, 0, k);
const tail = (x: Tensor, dim: -1 | -2, k: number): Tensor => narrow(x, dim, k, x.shape[x.ndim + dim] - k);

/** Row orders [..., m] after the swaps in `pivots`: row i of L U is row order[i] of A. */
export function rowOrder(pivots: Tensor, m: number): BigInt64Array {
  const k = pivots.shape[pivots.ndim - 1];
  const swaps = numbersSync(pivots);
  const count = numelOf(pivots.shape.slice(0, -1));
  const order = new BigInt64Array(count * m);
  for (let b = 0; b < count; b++) {
    const at = b * m;
    for (let i = 0; i < m; i++) order[at + i] = BigInt(i);
    for (let i = 0; i < k; i++) {
      const j = swaps[b * k + i] - 1;
      if (!(j >= 0 && j < m)) throw new ValueError(`lu: pivot ${j + 1} at position ${i} is outside 1 … ${m}; take pivots from luFactor`);
      [order[at + i], order[at + j]] = [order[at + j], order[at + i]];
    }
  }
  return order;
}

/** Rows of X [..., m, c] in the given order, or back into their old places. */
function reorderRows(X: Tensor, order: BigInt64Array, batch: Shape, back: boolean): Tensor {
  const m = X.shape[X.ndim - 2];
  let at = order;
  if (back) {
    at = new BigInt64Array(order.length);
    for (let i = 0; i < order.length; i++) at[Math.floor(i / m) * m + Number(order[i])] = BigInt(i % m);
  }
  return gather(X, -2, expand(unsqueeze(fromTyped(at, [...batch, m]), -1), X.shape));
}

/** L (with its unit diagonal) and U from the matrix that holds both. Differentiable. */
export function unpackLU(LU: Tensor): { L: Tensor; U: Tensor } {
  const [m, n] = LU.shape.slice(-2);
  const k = Math.min(m, n);
  const one = identityLike(LU, k);
  const unit = m > k ? cat([one, zeros([m - k, k], { dtype: LU.dtype })]) : one;
  return { L: add(tril(head(LU, -1, k), { diagonal: -1 }), unit), U: triu(head(LU, -2, k)) };
}

/**
 * Gradient of A from those of L and U (null: none), A = P L U [m, n]. From dA = P (dL U + L dU) for the square part; rows of L below it and columns of U beside
 * it follow from L₂ = A₂ U₁⁻¹ and U₂ = L₁⁻¹ A₂.
 */
function gradientOfA(gL: Tensor, gU: Tensor, L: Tensor, U: Tensor, order: BigInt64Array, batch: Shape): Tensor {
  const [m, n] = [L.shape[L.ndim - 2], U.shape[U.ndim - 1]];
  const k = Math.min(m, n);
  const [L1, U1] = [head(L, -2, k), head(U, -1, k)];
  const timesInverseU = (X: Tensor): Tensor => solveTriangular(mT(U1), X, { upper: false, left: false });
  const timesInverseL = (X: Tensor): Tensor => solveTriangular(mT(L1), X, { upper: true, unitriangular: true });
  let [inL, inU] = [head(gL, -2, k), head(gU, -1, k)];
  let rest: Tensor | null = null;
  if (m > k) {
    const [gL2, L2] = [tail(gL, -2, k), tail(L, -2, k)];
    rest = timesInverseU(gL2);
    inU = sub(inU, matmul(mT(L2), rest));
  } else if (n > k) {
    const [gU2, U2] = [tail(gU, -1, k), tail(U, -1, k)];
    rest = timesInverseL(gU2);
    inL = sub(inL, matmul(rest, mT(U2)));
  }
  const middle = add(tril(matmul(mT(L1), inL), { diagonal: -1 }), triu(matmul(inU, mT(U1))));
  const square = timesInverseU(timesInverseL(middle));
  const whole = rest === null ? square : cat([square, rest], m > k ? -2 : -1);
  return reorderRows(whole, order, batch, true);
}

export interface PivotOption {
  /** Swap rows for stability; only true is supported. */
  pivot?: boolean;
}

function factor(name: string, A: Tensor, pivot: boolean): { LU: Tensor; pivots: Tensor; info: Tensor } {
  checkMatrices(name, A);
  if (!pivot) throw new ValueError(`${name}: pivot: false is not supported, it would be unstable; leave it out`);
  const { LU, pivots, info } = luRaw(name, A);
  if (mustRecord([A])) {
    record(name, [A], [LU], [LU, pivots], ([g], [LU_, pivots_]) => {
      if (g === null) return [null];
      const { L, U } = unpackLU(LU_);
      const k = L.shape[L.ndim - 1];
      return [
        gradientOfA(tril(head(g, -1, k), { diagonal: -1 }), triu(head(g, -2, k)), L, U, rowOrder(pivots_, L.shape[L.ndim - 2]), batchOf(A)),
      ];
    });
  }
  return { LU, pivots, info };
}

/** Throws when a matrix had a pivot of exactly zero. */
export function checkInvertible(name: string, A: Tensor, info: Tensor): void {
  numbersSync(info).forEach((at, i) => {
    if (at > 0)
      throw new LinAlgError(
        `${name}: ${matrixName(i, batchOf(A))} of A (shape ${show(A.shape)}) is singular: pivot ${at} of its LU factorisation is zero; use linalg.lstsq or linalg.pinv, or add a small multiple of the identity to it`,
      );
  });
}

/** L and U of A [..., m, n] in one matrix (L's unit diagonal is not stored), and the row swaps, counted from 1. */
export function luFactor(A: Tensor, { pivot = true }: PivotOption = {}): { LU: Tensor; pivots: Tensor } {
  const { LU, pivots } = factor('luFactor', A, pivot);
  return { LU, pivots };
}

/** As luFactor, with `info` (int32): 0, or the position of the first pivot that is exactly zero. */
export function luFactorEx(A: Tensor, { pivot = true }: PivotOption = {}): { LU: Tensor; pivots: Tensor; info: Tensor } {
  return factor('luFactorEx', A, pivot);
}

/** A = P L U with a permutation P [..., m, m], L [..., m, k] lower with unit diagonal, U [..., k, n] upper, k = min(m, n). */
export function lu(A: Tensor, { pivot = true }: PivotOption = {}): { P: Tensor; L: Tensor; U: Tensor } {
  const { LU, pivots } = factor('lu', A, pivot);
  return { P: permutationMatrix(pivots, LU), ...unpackLU(LU) };
}

function permutationMatrix(pivots: Tensor, LU: Tensor): Tensor {
  const batch = batchOf(LU);
  const m = LU.shape[LU.ndim - 2];
  return reorderRows(expand(identityLike(LU, m), [...batch, m, m]), rowOrder(pivots, m), batch, true);
}

/** P, L and U from the results of luFactor. */
export function luUnpack(LU: Tensor, pivots: Tensor): { P: Tensor; L: Tensor; U: Tensor } {
  checkMatrices('luUnpack', LU, 'LU');
  return { P: permutationMatrix(pivots, LU), ...unpackLU(LU) };
}

export interface LuSolveOptions {
  /** Solve A X = B; false: X A = B. */
  left?: boolean;
  /** Solve with Aᵀ in place of A. */
  adjoint?: boolean;
}

/** A⁻¹ B from luFactor's results, B [..., n, m]; batches broadcast. Differentiable in LU and B. */
export function luSolve(LU: Tensor, pivots: Tensor, B: Tensor, { left = true, adjoint = false }: LuSolveOptions = {}): Tensor {
  checkSquare('luSolve', LU, 'LU');
  checkMatrices('luSolve', B, 'B');
  checkSame('luSolve', LU, B);
  if (pivots.dtype !== 'int32') throw new DTypeError(`luSolve: pivots is ${pivots.dtype}; must be the int32 pivots of luFactor`);
  if (!left) return mT(luSolve(LU, pivots, mT(B), { adjoint: !adjoint }));
  const n = LU.shape[LU.ndim - 1];
  if (B.shape[B.ndim - 2] !== n)
    throw new ShapeError(
      `luSolve: LU is ${show(LU.shape)} and B is ${show(B.shape)}; B's second-to-last dimension must equal the size ${n} of LU`,
    );
  const batch = commonBatch('luSolve', LU, B);
  const wide = expand(B, [...batch, ...B.shape.slice(-2)]);
  const order = rowOrder(expand(pivots, [...batch, n]), n);
  if (!adjoint) {
    const Y = solveTriangular(LU, reorderRows(wide, order, batch, false), { upper: false, unitriangular: true });
    return solveTriangular(LU, Y, { upper: true });
  }
  const Y = solveTriangular(mT(LU), wide, { upper: false });
  return reorderRows(solveTriangular(mT(LU), Y, { upper: true, unitriangular: true }), order, batch, true);
}
