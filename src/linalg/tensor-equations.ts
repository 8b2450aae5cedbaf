// Linear equations between tensors of more than two dimensions, seen as matrices of their flattened sides.

import { movedim } from '../ops/shape-more.ts';
import { reshape } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { normalizeDim, numelOf, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkFloat, checkSame } from './common.ts';
import { inv, solve } from './solve.ts';

/** The tensor X with tensordot(A, X, X.ndim) = B: A's first dimensions are B's, the others, of equally many elements, are those of X. `dims` of A are moved to its end first. */
export function tensorsolve(A: Tensor, B: Tensor, { dims = null }: { dims?: readonly number[] | null } = {}): Tensor {
  checkFloat('tensorsolve', A);
  checkSame('tensorsolve', A, B);
  const moved =
    dims === null
      ? A
      : movedim(
          A,
          dims,
          dims.map((_, i) => A.ndim - dims.length + i),
        );
  const shape = moved.shape.slice(B.ndim);
  if (numelOf(shape) !== B.numel || numelOf(moved.shape.slice(0, B.ndim)) !== B.numel)
    throw new ShapeError(
      `tensorsolve: A is ${show(moved.shape)} and B is ${show(B.shape)}; A's first ${B.ndim} dimension(s) and its others must each hold B's ${B.numel} element(s)`,
    );
  return reshape(solve(reshape(moved, [B.numel, B.numel]), reshape(B, [B.numel])), shape);
}

/** The inverse of A as a map from its dimensions from `ind` on to the first `ind` ones; both sides must have equally many elements. */
export function tensorinv(A: Tensor, { ind = 2 }: { ind?: number } = {}): Tensor {
  checkFloat('tensorinv', A);
  if (!Number.isInteger(ind) || ind <= 0) throw new ValueError(`tensorinv: ind ${ind} must be a whole number of at least 1`);
  normalizeDim('tensorinv', Math.min(ind, A.ndim - 1), A.ndim, 'ind');
  const [first, rest] = [A.shape.slice(0, ind), A.shape.slice(ind)];
  const n = numelOf(first);
  if (n !== numelOf(rest))
    throw new ShapeError(
      `tensorinv: A is ${show(A.shape)}; its first ${ind} dimension(s) hold ${n} element(s) and the others ${numelOf(rest)}; both must be equal`,
    );
  return reshape(inv(reshape(A, [n, n])), [...rest, ...first]);
}
