// Searching and counting: binary search in sorted values, membership, distinct values, histograms. These read the values on the host and have
// no gradients.

import { DTypeError, IndexError, ShapeError, ValueError } from '../runtime/errors.ts';
import { type DType, isFloating, promoteTypes, type TypedArray } from '../tensor/dtype.ts';
import { normalizeDim, numelOf, type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { fromTyped, tensor } from './create.ts';
import { floorDivide, remainder } from './elementwise.ts';
import { gather, indexSelect } from './gather.ts';
import { dataSync } from './read.ts';
import { movedim } from './shape-more.ts';
import { flatten } from './view.ts';

type Values = ArrayLike<number> | ArrayLike<bigint>;
const valuesOf = (x: Tensor): Values => dataSync(x) as TypedArray as Values;

// ---------------------------------------------------------------- binary search

export interface SearchOptions {
  /** The result is int32 in place of int64. */
  outInt32?: boolean;
  /** Behind equal elements in place of before them. */
  right?: boolean;
  /** 'left' or 'right': the same choice by name. */
  side?: 'left' | 'right' | null;
  /** Positions that sort the sequence, when it is not sorted itself. */
  sorter?: Tensor | null;
}

/** First place in sorted[from, from + n) that is not before `v` (behind equal ones with `right`). NaN stands at the end. */
function place(sorted: Values, from: number, n: number, v: number | bigint, right: boolean): number {
  let [low, high] = [from, from + n];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const before = right ? !(sorted[middle] > v) : !(sorted[middle] >= v);
    if (before) low = middle + 1;
    else high = middle;
  }
  return low - from;
}

/**
 * Where each value would be inserted to keep a sequence sorted: `sorted` is [n], or [..., n] with rows for the rows of `values` [..., m]. `values`
 * may be a number. Result: int64, in the shape of `values`.
 */
export function searchsorted(sorted: Tensor, values: Tensor | number, options: SearchOptions = {}): Tensor {
  const { outInt32 = false, right = false, side = null, sorter = null } = options;
  if (side !== null && side !== 'left' && side !== 'right')
    throw new ValueError(`searchsorted: side '${String(side)}' is unknown; use 'left' or 'right'`);
  if (side === 'left' && right) throw new ValueError("searchsorted: side 'left' and right true contradict each other; give one of them");
  const v = values instanceof Tensor ? values : tensor(values, { dtype: sorted.dtype });
  if (sorted.ndim === 0) throw new ShapeError('searchsorted: the sorted sequence is 0-d; it must have at least one dimension');
  if (v.dtype !== sorted.dtype)
    throw new DTypeError(`searchsorted: the sequence is ${sorted.dtype} and the values are ${v.dtype}; cast one of them`);
  const n = sorted.shape[sorted.ndim - 1];
  if (sorted.ndim > 1 && !sameShape(sorted.shape.slice(0, -1), v.shape.slice(0, -1)))
    throw new ShapeError(
      `searchsorted: a sequence of shape ${show(sorted.shape)} needs values with the same leading dimensions, got ${show(v.shape)}; or give a 1-d sequence`,
    );
  if (sorter !== null && !sameShape(sorter.shape, sorted.shape))
    throw new ShapeError(`searchsorted: sorter has shape ${show(sorter.shape)} and the sequence ${show(sorted.shape)}; they must be equal`);
  const row = valuesOf(sorter === null ? sorted : gather(sorted, sorted.ndim - 1, sorter));
  const wanted = valuesOf(v);
  const m = sorted.ndim === 1 ? Math.max(v.numel, 1) : v.shape[v.ndim - 1];
  const out = new BigInt64Array(v.numel);
  for (let i = 0; i < out.length; i++) {
    const from = sorted.ndim === 1 ? 0 : Math.floor(i / m) * n;
    out[i] = BigInt(place(row, from, n, wanted[i], right || side === 'right'));
  }
  const at = fromTyped(out, v.shape);
  return outInt32 ? to(at, 'int32') : at;
}

/** The bucket of each value between sorted 1-d `boundaries`: boundaries[i - 1] < v <= boundaries[i] (the other way round with `right`). */
export function bucketize(values: Tensor | number, boundaries: Tensor, options: { outInt32?: boolean; right?: boolean } = {}): Tensor {
  if (boundaries.ndim !== 1) throw new ShapeError(`bucketize: the boundaries have shape ${show(boundaries.shape)}; they must be 1-d`);
  if (values instanceof Tensor && values.dtype !== boundaries.dtype) {
    const type = promoteTypes(values.dtype, boundaries.dtype);
    return searchsorted(to(boundaries, type), to(values, type), options);
  }
  return searchsorted(boundaries, values, options);
}

/** Which elements occur among `others` (bool, in the shape of `elements`); the opposite with `invert`. */
export function isin(
  elements: Tensor | number,
  others: Tensor | number,
  { invert = false }: { assumeUnique?: boolean; invert?: boolean } = {},
): Tensor {
  const set = new Set<number>();
  const plain = (x: Tensor | number): { list: number[]; shape: Shape } =>
    x instanceof Tensor ? { list: Array.from(valuesOf(x) as ArrayLike<number>, Number), shape: x.shape } : { list: [x], shape: [] };
  for (const v of plain(others).list) set.add(v);
  const { list, shape } = plain(elements);
  return fromTyped(
    Uint8Array.from(list, (v) => (!Number.isNaN(v) && set.has(v) ? 1 : 0) ^ (invert ? 1 : 0)),
    shape,
    'bool',
  );
}

/** Coordinates of flat positions in a tensor of `shape`: one tensor per dimension. */
export function unravelIndex(indices: Tensor, shape: Shape): Tensor[] {
  if (isFloating(indices.dtype) || indices.dtype === 'bool')
    throw new DTypeError(`unravelIndex: indices are ${indices.dtype}; they must be integers`);
  let step = numelOf(shape);
  return shape.map((n) => {
    step /= Math.max(n, 1);
    return remainder(floorDivide(indices, step), n);
  });
}

// ---------------------------------------------------------------- distinct values

export interface UniqueOptions {
  /** Slices along this dimension are compared as wholes; single elements without one. */
  dim?: number | null;
  /** The result is sorted (it always is). */
  sorted?: boolean;
  /** Also where each element is found in the result. */
  returnInverse?: boolean;
  /** Also how often each occurs. */
  returnCounts?: boolean;
}
export interface UniqueResult {
  values: Tensor;
  /** int64, in the shape of x (of its dimension `dim`): position in `values`. */
  inverse: Tensor | null;
  counts: Tensor | null;
}
type Asked = { returnInverse: true } | { returnCounts: true };
/** The overloads of unique and uniqueConsecutive: values alone, or with what was asked for. */
export interface Unique {
  (x: Tensor, options: UniqueOptions & Asked): UniqueResult;
  (x: Tensor, options?: UniqueOptions & { returnInverse?: false; returnCounts?: false }): Tensor;
}

function distinct(name: string, x: Tensor, sorted: boolean, options: UniqueOptions): Tensor | UniqueResult {
  const { dim = null, returnInverse = false, returnCounts = false } = options;
  const d = dim === null ? 0 : normalizeDim(name, dim, x.ndim);
  // rows to compare: [n, width]
  const rows = dim === null ? flatten(x) : movedim(x, d, 0);
  const n = rows.shape[0] ?? 1;
  const width = n === 0 ? 0 : rows.numel / n;
  const data = valuesOf(rows);
  const compare = (i: number, j: number): number => {
    for (let k = 0; k < width; k++) {
      const [a, b] = [data[i * width + k], data[j * width + k]];
      if (a < b) return -1;
      if (a > b) return 1;
      // NaN differs from everything and stands behind it
      if (a !== b) return Number.isNaN(a as number) ? 1 : -1;
    }
    return 0;
  };
  const order = Array.from({ length: n }, (_, i) => i);
  if (sorted) order.sort((i, j) => compare(i, j) || i - j);
  const first: number[] = [];
  const count: number[] = [];
  const inverse = new BigInt64Array(n);
  order.forEach((i, k) => {
    if (k === 0 || compare(order[k - 1], i) !== 0) {
      first.push(i);
      count.push(0);
    }
    count[count.length - 1]++;
    inverse[i] = BigInt(first.length - 1);
  });
  const at = fromTyped(BigInt64Array.from(first, BigInt), [first.length]);
  const values = indexSelect(dim === null ? flatten(x) : x, d, at);
  if (!returnInverse && !returnCounts) return values;
  return {
    values,
    inverse: returnInverse ? fromTyped(inverse, dim === null ? x.shape : [n]) : null,
    counts: returnCounts ? fromTyped(BigInt64Array.from(count, BigInt), [count.length]) : null,
  };
}

/** The distinct elements, sorted; or the distinct slices along `dim`. */
export const unique = ((x: Tensor, options: UniqueOptions = {}) => distinct('unique', x, true, options)) as Unique;
/** The elements (slices along `dim`) without those that equal their predecessor. */
export const uniqueConsecutive = ((x: Tensor, options: UniqueOptions = {}) => distinct('uniqueConsecutive', x, false, options)) as Unique;

// ---------------------------------------------------------------- histograms

/** How often each whole number from 0 occurs in a 1-d integer tensor (the sum of their `weights`, when given); at least `minlength` entries. */
export function bincount(x: Tensor, { weights = null, minlength = 0 }: { weights?: Tensor | null; minlength?: number } = {}): Tensor {
  if (isFloating(x.dtype) || x.dtype === 'bool') throw new DTypeError(`bincount: x is ${x.dtype}; it must be an integer tensor`);
  if (x.ndim !== 1) throw new ShapeError(`bincount: x has shape ${show(x.shape)}; it must be 1-d`);
  if (!Number.isInteger(minlength) || minlength < 0)
    throw new ValueError(`bincount: minlength ${minlength} must be a whole number of at least 0`);
  if (weights !== null && !sameShape(weights.shape, x.shape))
    throw new ShapeError(`bincount: weights have shape ${show(weights.shape)} and x ${show(x.shape)}; they must be equal`);
  const list = Array.from(valuesOf(x) as ArrayLike<number>, Number);
  const size = list.reduce((m, v) => Math.max(m, v + 1), minlength);
  const bad = list.find((v) => v < 0);
  if (bad !== undefined) throw new IndexError(`bincount: the value ${bad} is negative; it must be at least 0`);
  if (weights === null) {
    const counts = new BigInt64Array(size);
    for (const v of list) counts[v]++;
    return fromTyped(counts, [size]);
  }
  const sums = new Float64Array(size);
  const w = Array.from(valuesOf(weights) as ArrayLike<number>, Number);
  list.forEach((v, i) => {
    sums[v] += w[i];
  });
  return tensor(sums, { dtype: weights.dtype === 'float32' ? 'float32' : 'float64' });
}

/** Sums of weights (counts) of the values in bins with the given edges; the last bin holds its right edge too. */
function intoBins(values: ArrayLike<number>, edges: Float64Array, weights: ArrayLike<number> | null): Float64Array {
  const bins = edges.length - 1;
  const out = new Float64Array(bins);
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (!(v >= edges[0] && v <= edges[bins])) continue;
    const b = Math.min(place(edges, 0, edges.length, v, true) - 1, bins - 1);
    out[b] += weights === null ? 1 : weights[i];
  }
  return out;
}

function rangeOf(name: string, values: ArrayLike<number>, low: number, high: number): [number, number] {
  let [a, b] = [low, high];
  if (a === b && values.length > 0) {
    [a, b] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = 0; i < values.length; i++) {
      a = Math.min(a, values[i]);
      b = Math.max(b, values[i]);
    }
  }
  if (a === b) [a, b] = [a - 1, b + 1];
  if (!Number.isFinite(a) || !Number.isFinite(b) || a > b)
    throw new ValueError(`${name}: the range ${a} to ${b} must be finite and rising`);
  return [a, b];
}

const evenEdges = (bins: number, a: number, b: number, dtype: DType): Float64Array =>
  Float64Array.from({ length: bins + 1 }, (_, i) => {
    const e = i === bins ? b : a + ((b - a) / bins) * i;
    return dtype === 'float32' ? Math.fround(e) : e;
  });

const floatsOf = (name: string, x: Tensor): ArrayLike<number> => {
  if (!isFloating(x.dtype)) throw new DTypeError(`${name}: x is ${x.dtype}; needs floating-point values, cast with .to('float32')`);
  return valuesOf(x) as ArrayLike<number>;
};

/** Counts of the elements in `bins` equal bins between `min` and `max` (the data's own range when both are 0); others are not counted. */
export function histc(x: Tensor, { bins = 100, min = 0, max = 0 }: { bins?: number; min?: number; max?: number } = {}): Tensor {
  if (!Number.isInteger(bins) || bins < 1) throw new ValueError(`histc: bins ${bins} must be a whole number of at least 1`);
  const values = floatsOf('histc', x);
  const [a, b] = rangeOf('histc', values, min, max);
  return tensor(intoBins(values, evenEdges(bins, a, b, 'float64'), null), { dtype: x.dtype });
}

export interface HistogramOptions {
  /** Lowest and highest edge; the data's own range by default. */
  range?: readonly [number, number] | null;
  /** A weight for each element. */
  weight?: Tensor | null;
  /** Densities that integrate to 1 in place of counts. */
  density?: boolean;
}
/** Counts (weights, densities) of all elements in bins: a number of equal ones, or rising edges [bins + 1]. Gives them and the edges. */
export function histogram(
  x: Tensor,
  bins: number | Tensor,
  { range = null, weight = null, density = false }: HistogramOptions = {},
): { hist: Tensor; binEdges: Tensor } {
  const values = floatsOf('histogram', x);
  let edges: Float64Array;
  if (bins instanceof Tensor) {
    if (bins.ndim !== 1 || bins.numel < 2)
      throw new ShapeError(`histogram: edges of shape ${show(bins.shape)}; give at least 2 in one dimension`);
    edges = Float64Array.from(valuesOf(bins) as ArrayLike<number>, Number);
    if (edges.some((e, i) => i > 0 && !(e >= edges[i - 1]))) throw new ValueError('histogram: the edges must rise');
  } else {
    if (!Number.isInteger(bins) || bins < 1) throw new ValueError(`histogram: bins ${bins} must be a whole number of at least 1`);
    const [a, b] = rangeOf('histogram', values, range?.[0] ?? 0, range?.[1] ?? 0);
    edges = evenEdges(bins, a, b, x.dtype);
  }
  if (weight !== null && !sameShape(weight.shape, x.shape))
    throw new ShapeError(`histogram: weight has shape ${show(weight.shape)} and x ${show(x.shape)}; they must be equal`);
  const counts = intoBins(values, edges, weight === null ? null : floatsOf('histogram', weight));
  if (density) {
    const total = counts.reduce((s, v) => s + v, 0);
    counts.forEach((v, i) => {
      counts[i] = v / (total * (edges[i + 1] - edges[i]));
    });
  }
  return { hist: tensor(counts, { dtype: x.dtype }), binEdges: tensor(edges, { dtype: x.dtype }) };
}

export const searchMethods = { isin, bincount, histc, histogram };
/** Overloaded methods: typed by hand in src/tensor/methods.ts. */
export const uniqueMethods = { unique, uniqueConsecutive };
