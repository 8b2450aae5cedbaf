// Products beside the matrix product: contraction over chosen dimensions, Kronecker, cross and vector products, chains of matrices.

import { arange, fromTyped } from '../ops/create.ts';
import { mul, pow, sub } from '../ops/elementwise.ts';
import { indexSelect } from '../ops/gather.ts';
import { dot, matmul } from '../ops/matmul.ts';
import { sum } from '../ops/reduce.ts';
import { expand, permute, reshape, squeeze, unsqueeze } from '../ops/view.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { broadcastShapes, normalizeDim, normalizeDims, numelOf, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

export interface TensordotOptions {
  /** How many of the last dimensions of x meet the first of y; or the dimensions of each, pairwise. */
  dims?: number | readonly (readonly number[])[];
}

/** Sum of products over pairs of dimensions of x and y; the result has the other dimensions of x, then those of y. A size of 1 broadcasts. */
export function tensordot(x: Tensor, y: Tensor, { dims = 2 }: TensordotOptions = {}): Tensor {
  let [a, b] = [x, y];
  let [da, db]: [readonly number[], readonly number[]] = [[], []];
  if (typeof dims === 'number') {
    if (!Number.isInteger(dims) || dims < 0 || dims > Math.min(a.ndim, b.ndim))
      throw new ValueError(
        `tensordot: dims ${dims} must be a whole number from 0 to ${Math.min(a.ndim, b.ndim)}, for shapes ${show(a.shape)} and ${show(b.shape)}`,
      );
    da = Array.from({ length: dims }, (_, i) => a.ndim - dims + i);
    db = Array.from({ length: dims }, (_, i) => i);
  } else {
    if (dims.length !== 2 || dims[0].length !== dims[1].length)
      throw new ValueError('tensordot: dims must be a number, or two lists of equally many dimensions: one for a, one for b');
    [da, db] = [
      dims[0].length === 0 ? [] : normalizeDims('tensordot', dims[0], a.ndim),
      dims[1].length === 0 ? [] : normalizeDims('tensordot', dims[1], b.ndim),
    ];
  }
  // a size of 1 broadcasts: the other side is summed
  const narrowed = (t: Tensor, own: readonly number[], other: Tensor, theirs: readonly number[]): Tensor => {
    const dims = own.filter((d, i) => t.shape[d] !== 1 && other.shape[theirs[i]] === 1);
    return dims.length === 0 ? t : sum(t, { dim: dims, keepdim: true });
  };
  [a, b] = [narrowed(a, da, b, db), narrowed(b, db, a, da)];
  da.forEach((d, i) => {
    if (a.shape[d] !== b.shape[db[i]])
      throw new ShapeError(
        `tensordot: dimension ${d} of a ${show(a.shape)} has size ${a.shape[d]}, but dimension ${db[i]} of b ${show(b.shape)} has ${b.shape[db[i]]}; contracted sizes must be equal`,
      );
  });
  const ra = a.shape.map((_, i) => i).filter((i) => !da.includes(i));
  const rb = b.shape.map((_, i) => i).filter((i) => !db.includes(i));
  const sizes = (t: Tensor, list: readonly number[]): number[] => list.map((i) => t.shape[i]);
  const k = numelOf(sizes(a, da));
  const left = reshape(permute(a, [...ra, ...da]), [numelOf(sizes(a, ra)), k]);
  const right = reshape(permute(b, [...db, ...rb]), [k, numelOf(sizes(b, rb))]);
  return reshape(matmul(left, right), [...sizes(a, ra), ...sizes(b, rb)]);
}

/** The Kronecker product: every element of a times the whole of b. [..., m, n] and [..., p, q] -> [..., m p, n q]. */
export function kron(a: Tensor, b: Tensor): Tensor {
  const n = Math.max(a.ndim, b.ndim);
  const wide = (t: Tensor): number[] => [...new Array<number>(n - t.ndim).fill(1), ...t.shape];
  const [sa, sb] = [wide(a), wide(b)];
  const product = mul(
    reshape(
      a,
      sa.flatMap((d) => [d, 1]),
    ),
    reshape(
      b,
      sb.flatMap((d) => [1, d]),
    ),
  );
  return reshape(
    product,
    sa.map((d, i) => d * sb[i]),
  );
}

function crossAlong(x: Tensor, y: Tensor, dim: number): Tensor {
  const shape = broadcastShapes('cross', x.shape, y.shape);
  const d = normalizeDim('cross', dim, shape.length);
  if (x.ndim !== y.ndim)
    throw new ShapeError(`cross: x is ${show(x.shape)} and y is ${show(y.shape)}; both must have equally many dimensions`);
  if (x.shape[d] !== 3 || y.shape[d] !== 3)
    throw new ShapeError(`cross: x is ${show(x.shape)} and y is ${show(y.shape)}; dimension ${d} must have size 3 in both`);
  const turned = (t: Tensor, by: 1 | 2): Tensor =>
    indexSelect(
      t,
      d,
      fromTyped(
        BigInt64Array.from([0, 1, 2], (i) => BigInt((i + by) % 3)),
        [3],
      ),
    );
  const [a, b] = [expand(x, shape), expand(y, shape)];
  return sub(mul(turned(a, 1), turned(b, 2)), mul(turned(a, 2), turned(b, 1)));
}

/** The cross product of vectors of 3 along `dim` (the last by default); other dimensions broadcast. */
export const cross = (x: Tensor, y: Tensor, { dim = -1 }: { dim?: number } = {}): Tensor => crossAlong(x, y, dim);

/** As linalg.cross, along the first dimension of size 3 unless `dim` says otherwise. */
export function crossFirst(x: Tensor, y: Tensor, { dim }: { dim?: number } = {}): Tensor {
  if (dim !== undefined) return crossAlong(x, y, dim);
  const at = broadcastShapes('cross', x.shape, y.shape).indexOf(3);
  if (at < 0) throw new ShapeError(`cross: no dimension of ${show(x.shape)} has size 3; the cross product is of vectors of 3`);
  return crossAlong(x, y, at);
}

/** Sum over the last dimension of both: [..., k], [..., k] -> the other dimensions of a, then those of b. Scalars multiply. */
export function inner(a: Tensor, b: Tensor): Tensor {
  if (a.ndim === 0 || b.ndim === 0) return mul(a, b);
  if (a.shape[a.ndim - 1] !== b.shape[b.ndim - 1])
    throw new ShapeError(`inner: a is ${show(a.shape)} and b is ${show(b.shape)}; the last dimensions must be equal`);
  return tensordot(a, b, { dims: [[a.ndim - 1], [b.ndim - 1]] });
}

/** Inner product of two vectors (complex ones do not occur, so it equals dot). */
export const vdot = (a: Tensor, b: Tensor): Tensor => dot(a, b);

/** Powers 0 … N - 1 of the elements of x [..., n] -> [..., n, N], rising (the top-level vander falls); N is n unless given. */
export function vander(x: Tensor, { N }: { N?: number } = {}): Tensor {
  if (x.ndim === 0) throw new ShapeError('vander: needs a vector [n] or a batch of them, got a 0-d tensor');
  const columns = N ?? x.shape[x.ndim - 1];
  if (!Number.isInteger(columns) || columns < 1) throw new ValueError(`vander: N ${columns} must be a whole number of at least 1`);
  return pow(unsqueeze(x, -1), arange(columns, { dtype: x.dtype }));
}

/** Inner products along `dim`, other dimensions broadcast. */
export function vecdot(x: Tensor, y: Tensor, { dim = -1 }: { dim?: number } = {}): Tensor {
  if (x.dtype !== y.dtype) throw new DTypeError(`vecdot: x is ${x.dtype} and y is ${y.dtype}; both must have one dtype`);
  const p = mul(x, y);
  const d = normalizeDim('vecdot', dim, p.ndim);
  for (const t of [x, y])
    if (t.shape[d - (p.ndim - t.ndim)] !== p.shape[d])
      throw new ShapeError(`vecdot: x is ${show(x.shape)} and y is ${show(y.shape)}; dimension ${dim} must have one size in both`);
  return sum(p, { dim: d });
}

/**
 * The product of a chain of matrices in the order that costs least (dynamic programming: Cormen et al., "Introduction to Algorithms", 3rd edition, section 15.2). The
 * first and the last may be vectors.
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  const n = tensors.length;
  if (n < 2) throw new ValueError(`multiDot: needs at least two tensors, got ${n}`);
  const [firstVector, lastVector] = [tensors[0].ndim === 1, tensors[n - 1].ndim === 1];
  const ms = tensors.map((t, i) => (t.ndim === 1 && i === 0 ? unsqueeze(t, 0) : t.ndim === 1 && i === n - 1 ? unsqueeze(t, 1) : t));
  ms.forEach((t, i) => {
    if (!(t instanceof Tensor) || t.ndim !== 2)
      throw new ShapeError(
        `multiDot: tensor ${i} has shape ${show(tensors[i].shape)}; all must be matrices, the first and last may be vectors`,
      );
    if (i > 0 && ms[i - 1].shape[1] !== t.shape[0])
      throw new ShapeError(
        `multiDot: tensor ${i - 1} is ${show(ms[i - 1].shape)} and tensor ${i} is ${show(t.shape)}; the columns of one must be the rows of the next`,
      );
  });
  const p = [ms[0].shape[0], ...ms.map((t) => t.shape[1])];
  const cost = ms.map(() => new Array<number>(n).fill(0));
  const cut = ms.map(() => new Array<number>(n).fill(0));
  for (let length = 1; length < n; length++)
    for (let i = 0; i + length < n; i++) {
      const j = i + length;
      cost[i][j] = Number.POSITIVE_INFINITY;
      for (let k = i; k < j; k++) {
        const c = cost[i][k] + cost[k + 1][j] + p[i] * p[k + 1] * p[j + 1];
        if (c < cost[i][j]) [cost[i][j], cut[i][j]] = [c, k];
      }
    }
  const product = (i: number, j: number): Tensor => (i === j ? ms[i] : matmul(product(i, cut[i][j]), product(cut[i][j] + 1, j)));
  let out = product(0, n - 1);
  if (lastVector) out = squeeze(out, 1);
  return firstVector ? squeeze(out, 0) : out;
}

/** The product of a chain of matrices in the order that costs least. */
export const chainMatmul = (...matrices: Tensor[]): Tensor => (matrices.length === 1 ? matrices[0] : multiDot(matrices));
