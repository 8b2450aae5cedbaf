// Norms of matrices, the norm that takes vectors and matrices, and condition numbers.

import { noGrad } from '../autograd/mode.ts';
import { to } from '../ops/cast.ts';
import { full } from '../ops/create.ts';
import { abs, div, mul, ne, where } from '../ops/elementwise.ts';
import { numbersSync } from '../ops/read.ts';
import { amax, amin, sum } from '../ops/reduce.ts';
import { vectorNorm } from '../ops/reduce-norm.ts';
import { permute, select, unsqueeze } from '../ops/view.ts';
import { IndexError, ShapeError, ValueError } from '../runtime/errors.ts';
import { checkDType, type DType } from '../tensor/dtype.ts';
import { normalizeDim, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkFloat, checkMatrices, checkSquare, identityLike } from './common.ts';
import { luRaw } from './instructions.ts';
import { inv } from './solve.ts';
import { svdvals } from './svd.ts';

/** 'fro' Frobenius, 'nuc' nuclear (sum of singular values), ±Infinity rows, ±1 columns (sums of magnitudes), ±2 singular values. */
export type MatrixOrder = 'fro' | 'nuc' | number;

export interface MatrixNormOptions {
  ord?: MatrixOrder;
  /** The two dimensions of the matrices. */
  dim?: readonly number[];
  keepdim?: boolean;
  /** Cast before computing. */
  dtype?: DType;
}

/** A norm of the matrices in two dimensions of A. ValueError for an order that is no matrix norm, IndexError where it needs elements that are not there. */
export function matrixNorm(A: Tensor, options: MatrixNormOptions = {}): Tensor {
  return matrixNormOf('matrixNorm', A, options);
}

function matrixNormOf(name: string, A: Tensor, { ord = 'fro', dim = [-2, -1], keepdim = false, dtype }: MatrixNormOptions): Tensor {
  const x = dtype === undefined ? A : to(A, checkDType(dtype, `${name}: dtype`));
  checkFloat(name, x);
  if (!(ord === 'fro' || ord === 'nuc' || (typeof ord === 'number' && [1, 2, Number.POSITIVE_INFINITY].includes(Math.abs(ord)))))
    throw new ValueError(`${name}: order ${String(ord)} is no matrix norm; use 'fro', 'nuc', 1, -1, 2, -2, Infinity or -Infinity`);
  if (x.ndim < 2) throw new ShapeError(`${name}: A has shape ${show(x.shape)}; expected a matrix or a batch of them`);
  if (dim.length !== 2) throw new ShapeError(`${name}: dim ${show(dim)} must name two dimensions`);
  const [rows, columns] = dim.map((d) => normalizeDim(name, d, x.ndim));
  if (rows === columns) throw new ShapeError(`${name}: dim ${show(dim)} names one dimension twice`);
  if (ord === 'fro') return vectorNorm(x, { dim: [rows, columns], keepdim });
  if (ord === 'nuc' || Math.abs(ord) === 2) {
    const rest = x.shape.map((_, i) => i).filter((i) => i !== rows && i !== columns);
    const S = svdvals(permute(x, [...rest, rows, columns]));
    const y =
      ord === 'nuc' || none(name, ord, S.shape[S.ndim - 1], x)
        ? sum(S, { dim: -1 })
        : ord === 2
          ? amax(S, { dim: -1 })
          : amin(S, { dim: -1 });
    return keepdim ? [rows, columns].sort((a, b) => a - b).reduce((t, d) => unsqueeze(t, d), y) : y;
  }
  // sums of magnitudes over one of the two dimensions, then their extreme over the other
  const [added, compared] = Math.abs(ord) === 1 ? [rows, columns] : [columns, rows];
  const sums = sum(abs(x), { dim: added, keepdim: true });
  const y = (none(name, ord, x.shape[compared], x) ? sum : ord > 0 ? amax : amin)(sums, { dim: compared, keepdim: true });
  if (keepdim) return y;
  return [rows, columns].sort((a, b) => b - a).reduce((t, d) => select(t, d, 0), y);
}

/** True when there is nothing to compare: the largest of nothing is 0 (an empty sum), the smallest is an IndexError. */
function none(name: string, ord: number, n: number, x: Tensor): boolean {
  if (n === 0 && ord < 0)
    throw new IndexError(
      `${name}: order ${ord} of empty matrices (shape ${show(x.shape)}) is the smallest of nothing; use 'fro', 'nuc' or a positive order`,
    );
  return n === 0;
}

export interface LinalgNormOptions {
  /** A matrix order for two dimensions, a number (±Infinity, 0) for one; absent: the 2-norm of all elements in `dim`. */
  ord?: MatrixOrder | null;
  dim?: number | readonly number[] | null;
  keepdim?: boolean;
  dtype?: DType;
}

/** The norm of vectors or matrices, as `dim` and `ord` say: one dimension is a vector, two are a matrix; without `dim` a given order needs one or two dimensions. */
export function norm(A: Tensor, { ord = null, dim = null, keepdim = false, dtype }: LinalgNormOptions = {}): Tensor {
  const dims = dim === null ? null : typeof dim === 'number' ? [dim] : dim;
  if (ord === null) return vectorNorm(A, { dim: dims ?? undefined, keepdim, dtype });
  if (dims !== null && dims.length > 2)
    throw new ShapeError(
      `norm: dim ${show(dims)} names ${dims.length} dimensions; order ${String(ord)} needs one (vectors) or two (matrices)`,
    );
  if (dims === null && A.ndim > 2)
    throw new ShapeError(
      `norm: A has shape ${show(A.shape)}; say with dim which dimensions are the vectors or matrices that order ${String(ord)} is taken of`,
    );
  const matrix = dims === null ? A.ndim === 2 : dims.length === 2;
  if (matrix) return matrixNormOf('norm', A, { ord, dim: dims ?? [-2, -1], keepdim, dtype });
  if (typeof ord !== 'number')
    throw new ValueError(
      `norm: order '${String(ord)}' needs matrices, got ${dims === null ? `shape ${show(A.shape)}` : `dim ${show(dims)}`}`,
    );
  return vectorNorm(A, { ord, dim: dims ?? undefined, keepdim, dtype });
}

export interface CondOptions {
  /** The norm: 2 or -2 (ratio of singular values; null is 2), or an order of matrixNorm, for square matrices. */
  p?: MatrixOrder | null;
}

/** Condition numbers |A| |A⁻¹| of A [..., m, n]; Infinity for singular matrices. */
export function cond(A: Tensor, { p = null }: CondOptions = {}): Tensor {
  if (p === null || p === 2 || p === -2) {
    checkMatrices('cond', A);
    const S = svdvals(A);
    const k = S.shape[S.ndim - 1];
    if (k === 0) return full(S.shape.slice(0, -1), 0, { dtype: A.dtype });
    const [largest, smallest] = [select(S, -1, 0), select(S, -1, k - 1)];
    return p === -2 ? div(smallest, largest) : div(largest, smallest);
  }
  checkSquare('cond', A);
  if (A.shape[A.ndim - 1] === 0) return full(A.shape.slice(0, -2), 0, { dtype: A.dtype });
  const info = noGrad(() => luRaw('cond', A).info);
  if (numbersSync(info).every((i) => i === 0)) return mul(matrixNormOf('cond', A, { ord: p }), matrixNormOf('cond', inv(A), { ord: p }));
  // the identity takes the place of singular ones, which become infinite
  const singular = ne(info, 0);
  const regular = where(unsqueeze(unsqueeze(singular, -1), -1), identityLike(A), A);
  return where(
    singular,
    Number.POSITIVE_INFINITY,
    mul(matrixNormOf('cond', regular, { ord: p }), matrixNormOf('cond', inv(regular), { ord: p })),
  );
}
