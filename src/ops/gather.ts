// Gather, scatter and whole slices at the positions that index tensors hold, with gradients.

import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, IndexError, ShapeError, ValueError } from '../runtime/errors.ts';
import { checkingValues } from '../runtime/recording.ts';
import { isFloating } from '../tensor/dtype.ts';
import { broadcastShapes, normalizeDim, type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { copy_, mul, where } from './elementwise.ts';
import { type Scalar, scalarValue } from './elementwise-apply.ts';
import { gatherRaw, indexRaw, type ScatterMode } from './gather-raw.ts';
import { alias, cast, copy, dense, empty, fill } from './raw.ts';
import { itemSync } from './read.ts';
import { reduceRaw } from './reduce.ts';
import { embed, expand, flatten, narrow, reshape } from './view.ts';

/** The index as int64; DTypeError for anything that is no integer. */
export function checkIndex(name: string, index: Tensor): Tensor {
  if (index.dtype !== 'int64' && index.dtype !== 'int32' && index.dtype !== 'uint8')
    throw new DTypeError(`${name}: the index is ${index.dtype}; it must be int64, int32 or uint8`);
  return cast(index, 'int64');
}

/** The positions of gather and scatter count from 0: IndexError for a negative one, which would be taken for a distance from the end. */
function refuseNegative(name: string, index: Tensor, x: Tensor, d: number): void {
  if (index.numel === 0) return;
  const all = index.shape.map((_, i) => i);
  const low = checkingValues(() => itemSync(reduceRaw(name, 'min', index, all, false, index.dtype)));
  if (low < 0)
    throw new IndexError(`${name}: index ${low} is negative; along dim ${d} of x, shape ${show(x.shape)}, positions count from 0`);
}

const zerosOf = (shape: Shape, like: Tensor): Tensor => {
  const out = empty(shape, like.dtype);
  fill(out, 0);
  return out;
};
/** 0-d tensors are addressed as if they had one dimension of size 1. */
const lift = (x: Tensor): Tensor => (x.ndim === 0 ? reshape(x, [1]) : x);
const liftShape = (shape: Shape): Shape => (shape.length === 0 ? [1] : shape);

// ---------------------------------------------------------------- whole slices: indexSelect and its relatives

function sliceIndex(name: string, index: Tensor): Tensor {
  if (index.ndim > 1) throw new ShapeError(`${name}: the index has shape ${show(index.shape)}; it must be 1-d`);
  return dense(lift(checkIndex(name, index)));
}

/** Slices of `x` along `dim` at the positions of a 1-d integer tensor. */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  const d = normalizeDim('indexSelect', dim, x.ndim);
  const idx = sliceIndex('indexSelect', index);
  if (x.ndim === 0) return reshape(indexSelect(reshape(x, [1]), 0, idx), []);
  const out = empty([...x.shape.slice(0, d), idx.numel, ...x.shape.slice(d + 1)], x.dtype);
  indexRaw('indexSelect', 'get', x, d, [idx], out);
  const from = x.shape; // the closure must not hold x
  if (mustRecord([x])) record('indexSelect', [x], [out], [idx], ([g], [i]) => [g === null ? null : indexAddZeros(g, from, d, i)]);
  return out;
}

/** Zeros of `shape` with the slices of `g` added at the positions: the gradient of indexSelect. Differentiable in `g`. */
export function indexAddZeros(g: Tensor, shape: Shape, d: number, idx: Tensor): Tensor {
  const out = zerosOf(shape, g);
  indexRaw('indexAdd', 'add', out, d, [idx], dense(g));
  if (mustRecord([g])) record('indexAdd', [g], [out], [idx], ([gg], [i]) => [gg === null ? null : indexSelect(gg, d, i)]);
  return out;
}

function checkSlices(name: string, x: Tensor, d: number, idx: Tensor, source: Tensor): void {
  if (source.dtype !== x.dtype) throw new DTypeError(`${name}: source is ${source.dtype} and x is ${x.dtype}; cast one of them`);
  const want = liftShape(x.shape).map((n, i) => (i === d ? idx.numel : n));
  if (!sameShape(liftShape(source.shape), want))
    throw new ShapeError(
      `${name}: source has shape ${show(source.shape)}; for x of shape ${show(x.shape)} and this index it must be ${show(want)}`,
    );
}

/** A copy of `x` where slices along `dim` are changed: `out[index[i]] = out[index[i]] ∘ source[i]`. */
function changeSlices(name: string, mode: ScatterMode, x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor {
  const d = normalizeDim(name, dim, x.ndim);
  const idx = sliceIndex(name, index);
  checkSlices(name, x, d, idx, source);
  const out = copy(x);
  const flat = alias(out, liftShape(x.shape), null, 0);
  indexRaw(name, mode, flat, d, [idx], dense(source));
  const sourceShape = source.shape; // the closure must not hold the source
  if (isFloating(x.dtype) && mustRecord([x, source])) {
    record(name, [x, source], [out], [idx], ([g], [i], node) => {
      if (g === null) return [null, null];
      const self = !node.needs(0) ? null : mode === 'add' ? g : indexFill(g, d, i, 0);
      return [self, node.needs(1) ? reshape(indexSelect(lift(g), d, i), sourceShape) : null];
    });
  }
  return out;
}

/** A copy of `x` with alpha · `source` added to the slices along `dim` at the positions of `index`; repeated positions add up. */
export function indexAdd(x: Tensor, dim: number, index: Tensor, source: Tensor, { alpha = 1 }: { alpha?: number } = {}): Tensor {
  return changeSlices('indexAdd', 'add', x, dim, index, alpha === 1 ? source : mul(source, alpha));
}
/** A copy of `x` whose slices along `dim` at the positions of `index` are those of `source`; the last of repeated positions wins. */
export const indexCopy = (x: Tensor, dim: number, index: Tensor, source: Tensor): Tensor =>
  changeSlices('indexCopy', 'set', x, dim, index, source);
/** A copy of `x` whose slices along `dim` at the positions of `index` hold one value (a number or a 0-d tensor). */
export function indexFill(x: Tensor, dim: number, index: Tensor, value: Scalar | Tensor): Tensor {
  const d = normalizeDim('indexFill', dim, x.ndim);
  const idx = sliceIndex('indexFill', index);
  // A mask rather than a copy of slices: a position that is named twice is still one place, also for the gradient of the value.
  const n = x.shape[d] ?? 1;
  const mask = empty([n], 'bool');
  fill(mask, 0);
  const one = empty([idx.numel], 'bool');
  fill(one, 1);
  indexRaw('indexFill', 'set', mask, 0, [idx], one);
  const along = x.shape.map((size, i) => (i === d ? size : 1));
  return where(
    reshape(mask, along),
    value instanceof Tensor ? to(oneValue('indexFill', value), x.dtype) : spread('indexFill', value, x, []),
    x,
  );
}

function oneValue(name: string, value: Tensor): Tensor {
  if (value.ndim !== 0) throw new ShapeError(`${name}: the value has shape ${show(value.shape)}; give a number or a 0-d tensor`);
  return value;
}

/** One value in every place of `shape`, without storing it more than once. */
function spread(name: string, value: Scalar | Tensor, like: Tensor, shape: Shape): Tensor {
  if (value instanceof Tensor) return expand(to(oneValue(name, value), like.dtype), shape);
  const one = empty([], like.dtype);
  fill(one, scalarValue(value));
  return expand(one, shape);
}

// ---------------------------------------------------------------- single elements: gather, scatter and their relatives

/** out[i][j]… = x[index[i][j]…][j]… along `dim`; the index has as many dimensions as `x` and counts from 0. */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  const idx = checkIndex('gather', index);
  refuseNegative('gather', idx, x, dim);
  return gatherAt(x, dim, idx);
}

/** gather whose positions may count from the end. */
export function gatherAt(x: Tensor, dim: number, idx: Tensor): Tensor {
  const d = normalizeDim('gather', dim, x.ndim);
  if (x.ndim === 0 || idx.ndim === 0) {
    if (x.ndim > 1 || idx.ndim > 1)
      throw new ShapeError(`gather: the index has shape ${show(idx.shape)} and x has ${show(x.shape)}; they need equally many dimensions`);
    return reshape(gatherAt(lift(x), 0, lift(idx)), idx.shape);
  }
  if (idx.numel === 0 && idx.ndim !== x.ndim) return empty(idx.shape, x.dtype);
  const from = x.shape; // closures must not hold x
  if (idx.ndim !== x.ndim || idx.shape.some((n, i) => i !== d && n > from[i])) {
    throw new ShapeError(
      `gather: the index has shape ${show(idx.shape)} and x has ${show(x.shape)}; they need equally many dimensions, and the index may be longer along dim ${d} only`,
    );
  }
  const out = empty(idx.shape, x.dtype);
  gatherRaw('gather', 'get', x, d, idx, out);
  if (mustRecord([x])) record('gather', [x], [out], [idx], ([g], [i]) => [g === null ? null : scatterAddZeros(g, from, d, i)]);
  return out;
}

/** Zeros of `shape` with `g` added at the positions along `d`: the gradient of gather. Differentiable in `g`. */
export function scatterAddZeros(g: Tensor, shape: Shape, d: number, idx: Tensor): Tensor {
  const out = zerosOf(shape, g);
  const flat = alias(out, liftShape(shape), null, 0);
  gatherRaw('scatterAdd', 'add', flat, d, lift(idx), lift(g));
  if (mustRecord([g])) record('scatterAdd', [g], [out], [idx], ([gg], [i]) => [gg === null ? null : gatherAt(gg, d, i)]);
  return out;
}

/** Checks of the arguments of a scatter; gives the index as int64. */
export function checkScatter(name: string, x: Tensor, d: number, index: Tensor, src: Tensor): Tensor {
  const idx = checkIndex(name, index);
  if (src.dtype !== x.dtype) throw new DTypeError(`${name}: src is ${src.dtype} and x is ${x.dtype}; cast one of them`);
  if (index.numel === 0) return idx;
  const [xs, is, ss] = [x.shape, index.shape, src.shape].map(liftShape);
  if (is.length !== xs.length || is.length !== ss.length || is.some((n, i) => n > ss[i] || (i !== d && n > xs[i]))) {
    throw new ShapeError(
      `${name}: the index has shape ${show(index.shape)}, src ${show(src.shape)} and x ${show(x.shape)}; they need equally many dimensions, and the index may exceed neither src nor (along other dimensions than ${d}) x`,
    );
  }
  refuseNegative(name, idx, x, d);
  return idx;
}

/** Changes `out` (contiguous, no history) at the positions of `idx` along `d`. */
export function scatterRaw(name: string, mode: ScatterMode, out: Tensor, d: number, idx: Tensor, src: Tensor): void {
  if (idx.numel > 0) gatherRaw(name, mode, alias(out, liftShape(out.shape), null, out.offset), d, lift(idx), lift(src));
}

/** The part of a gradient that reaches `src`: nothing beyond the index's shape. */
export function gatherForSource(g: Tensor, d: number, idx: Tensor, srcShape: Shape): Tensor {
  if (idx.numel === 0) return zerosOf(srcShape, g);
  const part = gatherAt(g, d, idx);
  if (sameShape(idx.shape, srcShape)) return part;
  return embed(part, srcShape, (t) => idx.shape.reduce((v, n, i) => narrow(v, i, 0, n), t));
}

function scatterWith(name: string, mode: 'set' | 'add', x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor {
  const d = normalizeDim(name, dim, x.ndim);
  const idx = checkScatter(name, x, d, index, src);
  const out = copy(x);
  scatterRaw(name, mode, out, d, idx, src);
  const srcShape = src.shape; // the closure must not hold src
  if (isFloating(x.dtype) && mustRecord([x, src])) {
    record(name, [x, src], [out], [idx], ([g], [i], node) => {
      if (g === null) return [null, null];
      const self = !node.needs(0) ? null : mode === 'add' ? g : scatter(g, d, i, 0);
      return [self, node.needs(1) ? gatherForSource(g, d, i, srcShape) : null];
    });
  }
  return out;
}

export interface ScatterOptions {
  /** 'add' or 'multiply' combine with what is there; without it `src` replaces. */
  reduce?: 'add' | 'multiply' | null;
}
/** A copy of `x` with out[index[i][j]…][j]… = src[i][j]… along `dim`; `src` is a tensor or a number. Of repeated positions the last wins. */
export function scatter(x: Tensor, dim: number, index: Tensor, src: Tensor | Scalar, { reduce = null }: ScatterOptions = {}): Tensor {
  const from = src instanceof Tensor ? src : spread('scatter', src, x, index.shape);
  if (reduce === null) return scatterWith('scatter', 'set', x, dim, index, from);
  if (reduce === 'add') return scatterWith('scatter', 'add', x, dim, index, from);
  if (reduce !== 'multiply') throw new ValueError(`scatter: reduce '${String(reduce)}' is unknown; use 'add', 'multiply' or null`);
  const d = normalizeDim('scatter', dim, x.ndim);
  const idx = checkScatter('scatter', x, d, index, from);
  if (mustRecord([x, from]))
    throw new ValueError("scatter: reduce 'multiply' has no gradient; use scatterReduce with 'prod', or run inside noGrad()");
  const out = copy(x);
  scatterRaw('scatter', 'mul', out, d, idx, from);
  return out;
}
/** A copy of `x` with src added at the positions of `index` along `dim`; repeated positions add up. */
export const scatterAdd = (x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor =>
  scatterWith('scatterAdd', 'add', x, dim, index, src);

/** Elements along `dim` at the positions of `indices`, which broadcasts with `x` elsewhere; of the flattened tensor without `dim`. */
export function takeAlongDim(x: Tensor, indices: Tensor, { dim = null }: { dim?: number | null } = {}): Tensor {
  if (dim === null) return gatherAt(flatten(x), 0, checkIndex('takeAlongDim', flatten(indices)));
  if (x.ndim !== indices.ndim)
    throw new ShapeError(
      `takeAlongDim: indices of shape ${show(indices.shape)} and x of shape ${show(x.shape)} need equally many dimensions`,
    );
  const d = normalizeDim('takeAlongDim', dim, x.ndim);
  const without = (s: Shape): Shape => s.map((n, i) => (i === d ? 1 : n));
  const common = broadcastShapes('takeAlongDim', without(x.shape), without(indices.shape));
  const as = (t: Tensor): Tensor =>
    expand(
      t,
      common.map((n, i) => (i === d ? t.shape[d] : n)),
    );
  return gatherAt(as(x), d, checkIndex('takeAlongDim', as(indices)));
}

/** Elements of the flattened tensor at the positions of `index`, in its shape. */
export const take = (x: Tensor, index: Tensor): Tensor => {
  checkIndex('take', index);
  return reshape(indexSelect(flatten(x), 0, flatten(index)), index.shape);
};
/** A copy of `x` where the elements of the flattened tensor at the positions of `index` are those of `source` (added with `accumulate`). */
export function put(x: Tensor, index: Tensor, source: Tensor, { accumulate = false }: { accumulate?: boolean } = {}): Tensor {
  if (index.numel !== source.numel)
    throw new ShapeError(`put: index has ${index.numel} element(s) and source ${source.numel}; they must be equally many`);
  const change = accumulate ? indexAdd : indexCopy;
  return reshape(change(flatten(x), 0, flatten(index), flatten(source)), x.shape);
}

/** The in-place form of an operation: its result is written back. */
export const writeBack =
  <R extends unknown[]>(fn: (x: Tensor, ...rest: R) => Tensor) =>
  (x: Tensor, ...rest: R): Tensor =>
    copy_(x, fn(x, ...rest));

export const gatherMethods = {
  indexSelect,
  indexAdd,
  indexCopy,
  indexFill,
  gather,
  scatter,
  scatterAdd,
  takeAlongDim,
  take,
  put,
  indexAdd_: writeBack(indexAdd),
  indexCopy_: writeBack(indexCopy),
  indexFill_: writeBack(indexFill),
  scatter_: writeBack(scatter),
  scatterAdd_: writeBack(scatterAdd),
  put_: writeBack(put),
};
