// Powers and the exponential of square matrices.

import { noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { fromTyped, full } from '../ops/create.ts';
import { add, mul, ne, sub, where } from '../ops/elementwise.ts';
import { cat } from '../ops/join.ts';
import { matmul } from '../ops/matmul.ts';
import { copy } from '../ops/raw.ts';
import { numbersSync } from '../ops/read.ts';
import { clone, expand, narrow } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { batchOf, checkSquare, identityLike, mT } from './common.ts';
import { matrixNorm } from './norms.ts';
import { inv, solve } from './solve.ts';

/** Aⁿ for square A and whole n by repeated squaring; negative n are powers of the inverse. */
export function matrixPower(A: Tensor, n: number): Tensor {
  if (!Number.isInteger(n)) throw new ValueError(`matrixPower: n ${n} must be a whole number`);
  if (!(A instanceof Tensor) || A.ndim < 2 || A.shape[A.ndim - 1] !== A.shape[A.ndim - 2])
    throw new ShapeError(
      `matrixPower: A must be a tensor of square matrices [..., n, n]${A instanceof Tensor ? `, got shape ${show(A.shape)}` : ''}`,
    );
  if (n < 0) return matrixPower(inv(A), -n);
  // a selection that never takes A: constant, but in the graph
  if (n === 0) return where(full([], false), A, identityLike(A));
  let power = A;
  let result: Tensor | null = null;
  for (let left = n; ; power = matmul(power, power)) {
    if (left % 2 === 1) result = result === null ? power : matmul(result, power);
    left = Math.floor(left / 2);
    if (left === 0) return result === A ? clone(A) : (result as Tensor);
  }
}

// Padé approximant of order 13 and the 1-norm up to which it is exact to double precision.
const PADE = [
  64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600, 670442572800, 33522128640,
  1323241920, 40840800, 960960, 16380, 182, 1,
];
const THETA = 5.371920351148152;

/** exp(A) by scaling and squaring (Higham 2005, "The scaling and squaring method for the matrix exponential revisited"), in double precision. */
function expRaw(A: Tensor): Tensor {
  const batch = batchOf(A);
  const norms = numbersSync(matrixNorm(A, { ord: 1 }));
  const squarings = norms.map((v) => (v > THETA && Number.isFinite(v) ? Math.ceil(Math.log2(v / THETA)) : 0));
  const perMatrix = (values: readonly number[]): Tensor => fromTyped(Float64Array.from(values), [...batch, 1, 1]);
  const X = mul(A, perMatrix(squarings.map((s) => 2 ** -s)));
  const one = identityLike(X);
  const X2 = matmul(X, X);
  const X4 = matmul(X2, X2);
  const X6 = matmul(X2, X4);
  const sumOf = (...terms: readonly (readonly [number, Tensor])[]): Tensor =>
    terms.map(([i, T]) => mul(T, PADE[i])).reduce((a, b) => add(a, b));
  const odd = matmul(X, add(matmul(X6, sumOf([13, X6], [11, X4], [9, X2])), sumOf([7, X6], [5, X4], [3, X2], [1, one])));
  const even = add(matmul(X6, sumOf([12, X6], [10, X4], [8, X2])), sumOf([6, X6], [4, X4], [2, X2], [0, one]));
  let E = solve(sub(even, odd), add(even, odd));
  for (let i = 0; i < Math.max(0, ...squarings); i++) {
    const squared = matmul(E, E);
    E = squarings.every((s) => s > i) ? squared : where(ne(perMatrix(squarings.map((s) => (s > i ? 1 : 0))), 0), squared, E);
  }
  return E;
}

/** The matrix exponential of A [..., n, n]. */
export function matrixExp(A: Tensor): Tensor {
  checkSquare('matrixExp', A);
  const E = A.numel === 0 ? copy(A) : noGrad(() => copy(expRaw(copy(A, 'float64')), A.dtype));
  if (mustRecord([A])) {
    record('matrixExp', [A], [E], [A], ([g], [A_]) => {
      if (g === null) return [null];
      if (A_.numel === 0) return [mul(A_, 0)];
      // The derivative at Aᵀ in the direction g is a block of exp([[Aᵀ, g], [0, Aᵀ]]) (Al-Mohy and Higham 2009, theorem 4.1)
      const n = A_.shape[A_.ndim - 1];
      const AT = mT(A_);
      const zero = expand(mul(identityLike(A_), 0), A_.shape);
      const block = matrixExp(cat([cat([AT, g], -1), cat([zero, AT], -1)], -2));
      return [narrow(narrow(block, -2, 0, n), -1, n, n)];
    });
  }
  return E;
}
