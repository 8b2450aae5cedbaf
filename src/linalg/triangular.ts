// Triangular systems, the step that most solvers end in.

import { mustRecord, record } from '../autograd/node.ts';
import { tril, triu } from '../ops/create-more.ts';
import { neg } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { sumToShape } from '../ops/reduce.ts';
import { expand } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { batchOf, checkMatrices, checkSame, checkSquare, commonBatch, mT } from './common.ts';
import { triangularRaw } from './instructions.ts';

export interface SolveTriangularOptions {
  /** Which triangle of A is read. */
  upper: boolean;
  /** Solve A X = B; false: X A = B. */
  left?: boolean;
  /** Take the diagonal as ones without reading it. */
  unitriangular?: boolean;
}

/**
 * X with A X = B (or X A = B) for triangular A [..., n, n] and B [..., n, m] ([..., m, n] for left: false); batch dimensions broadcast. Only the named
 * triangle of A is read; a zero on its diagonal gives infinities. ShapeError, DTypeError when the operands do not fit.
 */
export function solveTriangular(A: Tensor, B: Tensor, { upper, left = true, unitriangular = false }: SolveTriangularOptions): Tensor {
  if (typeof upper !== 'boolean')
    throw new ValueError(`solveTriangular: upper is ${String(upper)}; say which triangle of A counts: { upper: true } or { upper: false }`);
  checkSquare('solveTriangular', A);
  checkMatrices('solveTriangular', B, 'B');
  checkSame('solveTriangular', A, B);
  if (!left) return mT(solveLeft(mT(A), mT(B), !upper, unitriangular));
  return solveLeft(A, B, upper, unitriangular);
}

function solveLeft(A: Tensor, B: Tensor, upper: boolean, unit: boolean): Tensor {
  const n = A.shape[A.ndim - 1];
  if (B.shape[B.ndim - 2] !== n)
    throw new ShapeError(
      `solveTriangular: A is ${show(A.shape)} and B is ${show(B.shape)} (transposed for left: false); B's second-to-last dimension must equal A's size ${n}`,
    );
  const batch = commonBatch('solveTriangular', A, B);
  const wide = sameShape(batch, batchOf(B)) ? B : expand(B, [...batch, ...B.shape.slice(-2)]);
  const X = triangularRaw('solveTriangular', A, wide, upper, unit);
  if (mustRecord([A, B])) {
    const rightShape = B.shape; // the closure must not hold B
    // Giles 2008, section 2.3.1: gB = A⁻ᵀ gX, gA = -gB Xᵀ, here kept to the triangle that is read
    record('solveTriangular', [A, B], [X], [A, X], ([g], [A_, X_], node) => {
      if (g === null) return [null, null];
      const gB = solveLeft(mT(A_), g, !upper, unit);
      const cut = upper ? triu : tril;
      const diagonal = unit ? (upper ? 1 : -1) : 0;
      return [
        node.needs(0) ? sumToShape(neg(cut(matmul(gB, mT(X_)), { diagonal })), A_.shape) : null,
        node.needs(1) ? sumToShape(gB, rightShape) : null,
      ];
    });
  }
  return X;
}
