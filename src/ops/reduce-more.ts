// Reductions beyond the basic ones: extremes with their positions, products, those that skip NaN, counts, log-sum-exp.

import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, IndexError } from '../runtime/errors.ts';
import { checkDType, isFloating } from '../tensor/dtype.ts';
import { normalizeDim, normalizeDims, numelOf, type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { onesLike, zerosLike } from './create.ts';
import { div, maximum, minimum, mul } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { scatterAddZeros } from './gather.ts';
import { cat } from './join.ts';
import { alias, empty, identity, reduceProgram } from './raw.ts';
import {
  amax,
  amin,
  type DimArgument,
  dimOptions,
  needElements,
  type ReduceOptions,
  reducedShape,
  reduceExpr,
  reduceRaw,
  restore,
  sum,
  type ValuesAndIndices,
} from './reduce.ts';
import * as s from './scalar.ts';
import { input } from './scalar.ts';
import { cumprod } from './scan.ts';
import { flip } from './shape-more.ts';
import { narrow, permute, reshape, unsqueeze } from './view.ts';

// ---------------------------------------------------------------- extremes with positions

/** One dimension, from a bare number or options; null when none is given. */
function oneDim(name: string, arg: DimArgument | undefined, ndim: number): { dim: number | null; keepdim: boolean } {
  const { dim = null, keepdim = false } = dimOptions(arg);
  if (dim === null) return { dim: null, keepdim };
  if (typeof dim !== 'number') throw new IndexError(`${name}: takes one dimension, got ${show(dim)}; use a${name} for several`);
  return { dim: normalizeDim(name, dim, ndim), keepdim };
}

/** The gradient of a reduction that picks one value along `d`: it goes to the picked position. */
export function pickBackward(g: Tensor, shape: Shape, d: number, index: Tensor, keepdim: boolean): Tensor {
  if (shape.length === 0) return reshape(g, []);
  return keepdim ? scatterAddZeros(g, shape, d, index) : scatterAddZeros(unsqueeze(g, d), shape, d, unsqueeze(index, d));
}

function extremeAlong(name: 'max' | 'min', x: Tensor, d: number, keepdim: boolean): ValuesAndIndices {
  const dims = x.ndim === 0 ? [] : [d];
  needElements(name, x, dims);
  const shape = reducedShape(x.shape, dims, keepdim);
  const values = empty(shape, x.dtype);
  const indices = empty(shape, 'int64');
  reduceProgram(
    name,
    name,
    identity(),
    values,
    [x],
    x.shape,
    dims,
    [],
    x.dtype === 'float64' ? 1 : isFloating(x.dtype) ? 0 : 2,
    1,
    indices,
  );
  if (isFloating(x.dtype) && mustRecord([x])) {
    const from = x.shape; // the closure must not hold x
    record(name, [x], [values], [indices], ([g], [i]) => [g === null ? null : pickBackward(g, from, d, i, keepdim)]);
  }
  return { values, indices };
}

function fullExtreme(name: 'max' | 'min', x: Tensor): Tensor {
  if (x.numel === 0) throw new IndexError(`${name}: the tensor of shape ${show(x.shape)} is empty and has no ${name}`);
  return name === 'max' ? amax(x) : amin(x);
}

/** The overloads of max, min, median and nanmedian: all elements, or values and positions along one dimension. */
export interface Extreme {
  (x: Tensor): Tensor;
  (x: Tensor, other: Tensor): Tensor;
  (x: Tensor, dim: number | (ReduceOptions & { dim: number })): ValuesAndIndices;
}

/**
 * max(x): the largest value. max(x, dim) or max(x, { dim, keepdim }): values and positions along one dimension (the first among equals).
 * max(x, other): elementwise, as maximum. Only the picked position gets the gradient; without a dimension equal values share it.
 */
export const max = ((x: Tensor, arg?: DimArgument | Tensor): Tensor | ValuesAndIndices => {
  if (arg instanceof Tensor) return maximum(x, arg);
  const { dim, keepdim } = oneDim('max', arg, x.ndim);
  return dim === null ? fullExtreme('max', x) : extremeAlong('max', x, dim, keepdim);
}) as Extreme;

/** As max, for the smallest value. */
export const min = ((x: Tensor, arg?: DimArgument | Tensor): Tensor | ValuesAndIndices => {
  if (arg instanceof Tensor) return minimum(x, arg);
  const { dim, keepdim } = oneDim('min', arg, x.ndim);
  return dim === null ? fullExtreme('min', x) : extremeAlong('min', x, dim, keepdim);
}) as Extreme;

/** Smallest and largest value together, along one dimension or of all elements. */
export function aminmax(x: Tensor, arg?: DimArgument): { min: Tensor; max: Tensor } {
  const { dim, keepdim } = oneDim('aminmax', arg, x.ndim);
  const options = dim === null ? { keepdim } : { dim, keepdim };
  return { min: amin(x, options), max: amax(x, options) };
}

// ---------------------------------------------------------------- products

/** x with `dims` moved behind the others and merged into one dimension. */
export function mergeDims(x: Tensor, dims: readonly number[]): Tensor {
  const kept = x.shape.map((_, i) => i).filter((i) => !dims.includes(i));
  return reshape(permute(x, [...kept, ...dims]), [...kept.map((i) => x.shape[i]), numelOf(dims.map((i) => x.shape[i]))]);
}

/** Product of all other elements along the last dimension, exact where elements are zero. */
function productOfOthers(x: Tensor): Tensor {
  const d = x.ndim - 1;
  const n = x.shape[d];
  if (n < 2) return onesLike(x);
  const one = onesLike(narrow(x, d, 0, 1));
  const before = cumprod(cat([one, narrow(x, d, 0, n - 1)], d), d);
  const after = flip(cumprod(cat([one, flip(narrow(x, d, 1, n - 1), [d])], d), d), [d]);
  return mul(before, after);
}

/** Product over the given dimensions. Integers multiply to int64. */
export function prod(x: Tensor, arg?: DimArgument): Tensor {
  const { dim, keepdim = false, dtype } = dimOptions(arg);
  if (dtype !== undefined) checkDType(dtype, 'prod: dtype');
  const dims = normalizeDims('prod', dim, x.ndim);
  const type = dtype ?? (isFloating(x.dtype) ? x.dtype : 'int64');
  const from = to(x, type);
  const out = reduceRaw('prod', 'prod', from, dims, keepdim, type);
  if (isFloating(type) && mustRecord([from])) {
    record('prod', [from], [out], [from], ([g], [x_]) => {
      if (g === null) return [null];
      if (x_.numel === 0) return [zerosLike(x_)];
      if (dims.length === 0) return [reshape(g, x_.shape)];
      const merged = mergeDims(x_, dims);
      const flat = mul(productOfOthers(merged), unsqueeze(reshape(g, reducedShape(x_.shape, dims, false)), -1));
      return [splitDims(flat, x_.shape, dims)];
    });
  }
  return out;
}

/** The reverse of mergeDims. */
function splitDims(x: Tensor, shape: Shape, dims: readonly number[]): Tensor {
  const kept = shape.map((_, i) => i).filter((i) => !dims.includes(i));
  const order = [...kept, ...dims];
  const wide = reshape(
    x,
    order.map((i) => shape[i]),
  );
  return permute(
    wide,
    shape.map((_, i) => order.indexOf(i)),
  );
}

// ---------------------------------------------------------------- NaN and counts

const orZero = s.where(s.isnan(input(0)), 0, input(0));
const keepWhere: ElementwiseOp = {
  name: 'nansumBackward',
  doc: 'g where x is a number',
  arity: 2,
  expr: s.where(s.isnan(input(1)), 0, input(0)),
  dtype: 'same',
};

/** Sum over the given dimensions, NaN counting as 0. Integers sum to int64. */
export function nansum(x: Tensor, arg?: DimArgument): Tensor {
  const { dim, keepdim = false, dtype } = dimOptions(arg);
  if (!isFloating(x.dtype)) return sum(x, arg);
  const from = dtype === undefined ? x : to(x, checkDType(dtype, 'nansum: dtype'));
  const dims = normalizeDims('nansum', dim, x.ndim);
  const out = reduceExpr('nansum', 'sum', orZero, [from], dims, keepdim, from.dtype);
  if (isFloating(from.dtype) && mustRecord([from])) {
    record('nansum', [from], [out], [from], ([g], [x_]) => [
      g === null ? null : apply(keepWhere, [restore(g, x_.shape, dims, keepdim), x_]),
    ]);
  }
  return out;
}

const isNumber = s.logicalNot(s.isnan(input(0)));
/** Mean over the given dimensions of what is not NaN. DTypeError for integers. */
export function nanmean(x: Tensor, arg?: DimArgument): Tensor {
  const { dim, keepdim = false, dtype } = dimOptions(arg);
  const from = dtype === undefined ? x : to(x, checkDType(dtype, 'nanmean: dtype'));
  if (!isFloating(from.dtype))
    throw new DTypeError(
      `nanmean: the mean of a ${from.dtype} tensor is not defined; cast it with .to('float32') or give { dtype: 'float32' }`,
    );
  const dims = normalizeDims('nanmean', dim, x.ndim);
  const count = reduceExpr('nanmean', 'sum', isNumber, [from], dims, keepdim, from.dtype);
  return div(nansum(from, { dim: dims, keepdim }), count);
}

const notZero = s.ne(input(0), 0);
/** How many elements are not 0 (int64). */
export function countNonzero(x: Tensor, arg?: DimArgument): Tensor {
  const { dim, keepdim = false } = dimOptions(arg);
  return reduceExpr('countNonzero', 'sum', notZero, [x], normalizeDims('countNonzero', dim, x.ndim), keepdim, 'int64');
}

// ---------------------------------------------------------------- log-sum-exp

const finiteOrZero: ElementwiseOp = {
  name: 'finiteOrZero',
  doc: 'x, 0 where infinite',
  arity: 1,
  expr: s.where(s.call('isinf', input(0)), 0, input(0)),
  dtype: 'same',
};
const shiftedExp = s.exp(s.sub(input(0), input(1)));
const logPlus: ElementwiseOp = { name: 'logsumexp', doc: 'ln a + b', arity: 2, expr: s.add(s.log(input(0)), input(1)), dtype: 'same' };
// e^(x - y); where y = -∞ all x are, and the weight is 0
const weighted: ElementwiseOp = {
  name: 'logsumexpBackward',
  doc: 'g·eˣ⁻ʸ',
  arity: 3,
  expr: s.mul(input(0), s.exp(s.sub(input(1), s.where(s.eq(input(2), Number.NEGATIVE_INFINITY), 0, input(2))))),
  dtype: 'same',
};

/** log Σ eˣ over the given dimensions, computed without overflow. Integers become float32. */
export function logsumexp(x: Tensor, dim: number | readonly number[], { keepdim = false }: { keepdim?: boolean } = {}): Tensor {
  const from = isFloating(x.dtype) ? x : to(x, 'float32');
  const dims = normalizeDims('logsumexp', dim, x.ndim);
  const most = noExtreme(from, dims)
    ? reduceRaw('logsumexp', 'sum', from, dims, true, from.dtype)
    : apply(finiteOrZero, [reduceRaw('logsumexp', 'max', from, dims, true, from.dtype)]);
  const total = reduceExpr('logsumexp', 'sum', shiftedExp, [from, most], dims, true, from.dtype);
  const wide = apply(logPlus, [total, most]);
  const out = keepdim ? wide : alias(wide, reducedShape(x.shape, dims, false), null);
  if (mustRecord([from])) {
    record('logsumexp', [from], [out], [from, out], ([g], [x_, y]) => {
      if (g === null) return [null];
      return [apply(weighted, [restore(g, x_.shape, dims, keepdim), x_, restore(y, x_.shape, dims, keepdim)])];
    });
  }
  return out;
}
/** The maximum over nothing does not exist. */
const noExtreme = (x: Tensor, dims: readonly number[]): boolean => dims.some((d) => x.shape[d] === 0);

export const reduceMoreMethods = { aminmax, prod, nansum, nanmean, countNonzero, logsumexp };
/** Overloaded methods: typed by hand in src/tensor/methods.ts. */
export const extremeMethods = { max, min };
