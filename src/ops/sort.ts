// Sorting along a dimension (SORT) and what follows from it: topk, k-th values, medians, quantiles. Values take their gradients to the
// positions that they came from.

import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, IndexError, ValueError } from '../runtime/errors.ts';
import { checkingValues } from '../runtime/recording.ts';
import { I, run } from '../runtime/runtime.ts';
import { dtypeCode, isFloating } from '../tensor/dtype.ts';
import { normalizeDim, numelOf, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { tensor } from './create.ts';
import { ceil, floor, isnan, lerp, logicalNot, mul, round, sub, where } from './elementwise.ts';
import { gatherAt, scatterAddZeros } from './gather.ts';
import { alias, copy, dense, empty, fill } from './raw.ts';
import { any, argmax, type DimArgument, dimOptions, sum, type ValuesAndIndices } from './reduce.ts';
import { pickBackward } from './reduce-more.ts';
import { clone, flatten, narrow, permute, reshape, select, squeeze, transpose, unsqueeze } from './view.ts';

export interface SortOptions {
  /** The dimension; the last one by default. */
  dim?: number;
  descending?: boolean;
  /** Equal elements keep their order. Sorting is always stable here. */
  stable?: boolean;
}

/** Order of dimensions with `d` moved to the end (its own inverse is asked for with `back`). */
function lastOrder(ndim: number, d: number, back = false): number[] {
  const order = Array.from({ length: ndim }, (_, i) => i).filter((i) => i !== d);
  order.push(d);
  if (!back) return order;
  const inverse = new Array<number>(ndim);
  order.forEach((from, i) => {
    inverse[from] = i;
  });
  return inverse;
}

/** Values and positions sorted along `d`; without history. */
function sortRaw(x: Tensor, d: number, descending: boolean): ValuesAndIndices {
  const n = x.shape[d] ?? 1;
  const last = d === x.ndim - 1 || x.ndim === 0;
  const order = lastOrder(x.ndim, d);
  const arranged = last
    ? x
    : alias(
        x,
        order.map((i) => x.shape[i]),
        order.map((i) => x.strides[i]),
        x.offset,
      );
  const from = dense(arranged);
  const values = empty(from.shape, x.dtype);
  const indices = empty(from.shape, 'int64');
  I[0] = 18;
  I[2] = dtypeCode[x.dtype];
  I[3] = n === 0 ? 0 : numelOf(x.shape) / n;
  I[4] = n;
  I[5] = from.address;
  I[6] = values.address;
  I[7] = indices.address;
  I[8] = descending ? 1 : 0;
  run('sort', 9);
  if (last) return { values, indices };
  const back = (t: Tensor): Tensor => {
    const inverse = lastOrder(x.ndim, d, true);
    return copy(
      alias(
        t,
        inverse.map((i) => t.shape[i]),
        inverse.map((i) => t.strides[i]),
        t.offset,
      ),
    );
  };
  return { values: back(values), indices: back(indices) };
}

/** Elements sorted along a dimension, and where they were. NaN counts as the largest; equal elements keep their order. */
export function sort(x: Tensor, { dim = -1, descending = false }: SortOptions = {}): ValuesAndIndices {
  const d = normalizeDim('sort', dim, x.ndim);
  const { values, indices } = sortRaw(x, d, descending);
  if (isFloating(x.dtype) && mustRecord([x])) {
    const from = x.shape; // the closure must not hold x
    record('sort', [x], [values], [indices], ([g], [i]) => [g === null ? null : scatterAddZeros(g, from, d, i)]);
  }
  return { values, indices };
}
/** The positions that sort `x` along a dimension (int64). */
export const argsort = (x: Tensor, options: SortOptions = {}): Tensor =>
  sortRaw(x, normalizeDim('argsort', options.dim ?? -1, x.ndim), options.descending ?? false).indices;
/** Elements sorted along the first dimension. */
export const msort = (x: Tensor): Tensor => sort(x, { dim: 0 }).values;

export interface TopkOptions {
  dim?: number;
  /** The largest elements; else the smallest. */
  largest?: boolean;
  /** The result is sorted (it always is). */
  sorted?: boolean;
}
/** The `k` largest (or smallest) elements along a dimension in order, and where they are. */
export function topk(x: Tensor, k: number, { dim = -1, largest = true }: TopkOptions = {}): ValuesAndIndices {
  const d = normalizeDim('topk', dim, x.ndim);
  const n = x.shape[d] ?? 1;
  if (!Number.isInteger(k) || k < 0 || k > n)
    throw new IndexError(`topk: k ${k} is out of range for dimension ${d} of size ${n} (shape ${show(x.shape)}); use 0 to ${n}`);
  if (x.ndim === 0) return k === 1 ? sort(x) : { values: empty([0], x.dtype), indices: empty([0], 'int64') };
  const { values, indices } = sortRaw(x, d, largest);
  const cut = (t: Tensor): Tensor => copy(narrow(t, d, 0, k));
  const [top, at] = [cut(values), cut(indices)];
  if (isFloating(x.dtype) && mustRecord([x])) {
    const from = x.shape; // the closure must not hold x
    record('topk', [x], [top], [at], ([g], [i]) => [g === null ? null : scatterAddZeros(g, from, d, i)]);
  }
  return { values: top, indices: at };
}

// ---------------------------------------------------------------- one value of each row

/** The elements of `x` at positions [..., 1 along d], as a reduction along `d` gives them. */
function pick(name: string, x: Tensor, d: number, wide: Tensor, keepdim: boolean): ValuesAndIndices {
  const indices = keepdim || x.ndim === 0 ? wide : copy(squeeze(wide, d));
  const found = x.ndim === 0 ? copy(x) : gatherPlain(x, d, wide);
  const values = keepdim || x.ndim === 0 ? found : copy(squeeze(found, d));
  if (isFloating(x.dtype) && mustRecord([x])) {
    const from = x.shape; // the closure must not hold x
    record(name, [x], [values], [indices], ([g], [i]) => [g === null ? null : pickBackward(g, from, d, i, keepdim)]);
  }
  return { values, indices };
}
const gatherPlain = (x: Tensor, d: number, index: Tensor): Tensor => gatherAt(alias(x, x.shape, x.strides, x.offset), d, index);

function oneDimension(name: string, x: Tensor, dim: number): number {
  const d = normalizeDim(name, dim, x.ndim);
  if (x.shape[d] === 0) throw new IndexError(`${name}: dimension ${d} of shape ${show(x.shape)} is empty and has no ${name}`);
  return d;
}

/** The `k`-th smallest element (from 1) along a dimension, and where it is. */
export function kthvalue(x: Tensor, k: number, { dim = -1, keepdim = false }: { dim?: number; keepdim?: boolean } = {}): ValuesAndIndices {
  const d = oneDimension('kthvalue', x, dim);
  const n = x.shape[d] ?? 1;
  if (!Number.isInteger(k) || k < 1 || k > n)
    throw new IndexError(`kthvalue: k ${k} is out of range for dimension ${d} of size ${n} (shape ${show(x.shape)}); use 1 to ${n}`);
  const { indices } = sortRaw(x, d, false);
  return pick('kthvalue', x, d, x.ndim === 0 ? indices : copy(narrow(indices, d, k - 1, 1)), keepdim);
}

/** Position of the lower median along `d`, size 1 there; NaN wins, or does not count. */
function medianPosition(x: Tensor, d: number, skipNaN: boolean): Tensor {
  const { indices } = sortRaw(x, d, false);
  if (x.ndim === 0) return indices;
  const n = x.shape[d];
  const middle = narrow(indices, d, (n - 1) >> 1, 1);
  if (!isFloating(x.dtype)) return copy(middle);
  const plain = alias(x, x.shape, x.strides, x.offset);
  const missing = isnan(plain);
  if (!skipNaN) return where(any(missing, { dim: d, keepdim: true }), argmax(to(missing, 'uint8'), { dim: d, keepdim: true }), middle);
  const count = sum(logicalNot(missing), { dim: d, keepdim: true });
  const rank = sub(count, 1).clampMin(0).floorDivide(2);
  return gatherAt(indices, d, rank);
}

function medianOf(name: 'median' | 'nanmedian', x: Tensor, arg: DimArgument | undefined): Tensor | ValuesAndIndices {
  const { dim = null, keepdim = false } = dimOptions(arg);
  if (dim === null) {
    if (x.numel === 0) {
      if (!isFloating(x.dtype)) throw new IndexError(`${name}: the tensor of shape ${show(x.shape)} is empty and has no ${name}`);
      return sum(x).add(Number.NaN);
    }
    const flat = flatten(x);
    return pick(name, flat, 0, medianPosition(flat, 0, name === 'nanmedian'), false).values;
  }
  if (typeof dim !== 'number') throw new IndexError(`${name}: takes one dimension, got ${show(dim)}`);
  const d = oneDimension(name, x, dim);
  return pick(name, x, d, medianPosition(x, d, name === 'nanmedian'), keepdim);
}

/** The overloads of median and nanmedian: all elements, or values and positions along one dimension. */
export interface Median {
  (x: Tensor): Tensor;
  (x: Tensor, dim: number | { dim: number; keepdim?: boolean }): ValuesAndIndices;
}
/** The median (the lower one of an even count) of all elements, or along a dimension with its position. NaN where one is among them. */
export const median = ((x: Tensor, arg?: DimArgument) => medianOf('median', x, arg)) as Median;
/** As median, of the elements that are not NaN. */
export const nanmedian = ((x: Tensor, arg?: DimArgument) => medianOf('nanmedian', x, arg)) as Median;

// ---------------------------------------------------------------- quantiles

const interpolations = ['linear', 'lower', 'higher', 'midpoint', 'nearest'] as const;
/** What stands between two elements: a line, one of them, their middle, or the nearer one. */
export type Interpolation = (typeof interpolations)[number];

export interface QuantileOptions {
  /** The dimension; all elements without one. */
  dim?: number | null;
  keepdim?: boolean;
  interpolation?: Interpolation;
}

function quantileOf(name: string, x: Tensor, q: number | Tensor, skipNaN: boolean, options: QuantileOptions): Tensor {
  const { dim = null, keepdim = false, interpolation = 'linear' } = options;
  if (!isFloating(x.dtype)) throw new DTypeError(`${name}: x is ${x.dtype}; needs floating-point values, cast with .to('float32')`);
  if (!interpolations.includes(interpolation))
    throw new ValueError(`${name}: interpolation '${String(interpolation)}' is unknown; use ${interpolations.join(', ')}`);
  const qs = q instanceof Tensor ? q : tensor(q, { dtype: x.dtype });
  if (qs.ndim > 1) throw new ValueError(`${name}: q has shape ${show(qs.shape)}; it must be a number or 1-d`);
  if (qs.dtype !== x.dtype) throw new DTypeError(`${name}: q is ${qs.dtype} and x is ${x.dtype}; cast one of them`);
  if (x.numel === 0) throw new IndexError(`${name}: the tensor of shape ${show(x.shape)} is empty`);
  const bad = checkingValues(() => qs.numbersSync()).find((v) => !(v >= 0 && v <= 1));
  if (bad !== undefined) throw new ValueError(`${name}: q ${bad} must be between 0 and 1`);
  const d = dim === null ? 0 : normalizeDim(name, dim, x.ndim);
  // rows: the reduced dimension last
  const wide = dim === null ? flatten(x) : x.ndim === 0 ? reshape(x, [1]) : transpose(x, d, -1);
  const rows = sort(wide).values; // [..., n]
  const n = rows.shape[rows.ndim - 1];
  const missing = isnan(rows.detach());
  const list = flatten(qs); // [Q]
  // ranks [..., Q]: how far into the sorted row each quantile lies
  let rank: Tensor;
  if (skipNaN) {
    const count = sum(logicalNot(missing), { dim: -1, keepdim: true });
    rank = mul(list, to(count.sub(1).clampMin(0), x.dtype));
  } else {
    const at = mul(list, n - 1);
    const lastOf = where(any(missing, { dim: -1, keepdim: true }), n - 1, -1).to(x.dtype);
    // a row with NaN: every quantile is its last element, which is NaN
    rank = where(lastOf.ge(0), lastOf, at);
  }
  const shape = [...rows.shape.slice(0, -1), list.numel];
  rank = rank.expand(shape);
  if (interpolation === 'lower') rank = floor(rank);
  else if (interpolation === 'higher') rank = ceil(rank);
  else if (interpolation === 'nearest') rank = round(rank);
  const below = to(rank, 'int64');
  let out = gatherAt(rows, rows.ndim - 1, below);
  if (interpolation === 'linear' || interpolation === 'midpoint') {
    const weight = interpolation === 'midpoint' ? full(shape, 0.5, x) : sub(rank, to(below, x.dtype));
    const above = gatherAt(rows, rows.ndim - 1, to(ceil(rank), 'int64'));
    out = lerp(out, above, weight);
  }
  // [..., Q] -> [Q, kept...]
  out = permute(out, [out.ndim - 1, ...Array.from({ length: out.ndim - 1 }, (_, i) => i)]);
  if (dim === null || x.ndim === 0) {
    out = reshape(out, [list.numel, ...(keepdim ? x.shape.map(() => 1) : [])]);
  } else {
    // the rows' dimensions are those of x with d and the last swapped; put the kept ones in order
    const spread = transpose(unsqueeze(out, -1), d + 1, -1);
    out = keepdim ? spread : squeeze(spread, d + 1);
  }
  return clone(qs.ndim === 0 ? select(out, 0, 0) : out);
}
const full = (shape: readonly number[], value: number, like: Tensor): Tensor => {
  const t = empty(shape, like.dtype);
  fill(t, value);
  return t;
};

/** The `q`-quantiles (a number or a 1-d tensor between 0 and 1) of all elements or along a dimension; several quantiles come as a first dimension. */
export const quantile = (x: Tensor, q: number | Tensor, options: QuantileOptions = {}): Tensor =>
  quantileOf('quantile', x, q, false, options);
/** As quantile, of the elements that are not NaN. */
export const nanquantile = (x: Tensor, q: number | Tensor, options: QuantileOptions = {}): Tensor =>
  quantileOf('nanquantile', x, q, true, options);

export const sortMethods = { sort, argsort, msort, topk, kthvalue, quantile, nanquantile };
/** Overloaded methods: typed by hand in src/tensor/methods.ts. */
export const medianMethods = { median, nanmedian };
