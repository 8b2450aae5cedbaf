// Views: operations that change shape, strides and offset only. Their gradients are views back, or a scatter into zeros.

import { isGradEnabled } from '../autograd/mode.ts';
import { mustRecord, record, type Vjp } from '../autograd/node.ts';
import { IndexError, ShapeError } from '../runtime/errors.ts';
import { checkSizes, inferShape, normalizeDim, numelOf, type Shape, sameShape, show, viewStrides } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Geometry, geometryOf } from './geometry.ts';
import { makeView } from './inplace.ts';
import { alias, copy, copyInto, empty, fill } from './raw.ts';

const through =
  (fn: (g: Tensor) => Tensor): Vjp =>
  ([g]) => [g === null ? null : fn(g)];

/** The same elements under another shape (one size may be -1); a view where the layout allows, else a copy. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const from = x.shape; // what backward keeps in place of the tensor
  const target = inferShape('reshape', shape, x.numel, x.shape);
  const strides = viewStrides(x.shape, x.strides, target);
  const back = through((g) => reshape(g, from));
  if (strides !== null) return makeView('reshape', x, target, strides, x.offset, back);
  const out = alias(copy(x), target, null, 0);
  if (mustRecord([x])) record('reshape', [x], [out], [], back);
  return out;
}

/** As reshape, but never copies: ShapeError when the layout does not allow a view. */
export function view(x: Tensor, shape: Shape): Tensor {
  const from = x.shape; // what backward keeps in place of the tensor
  const target = inferShape('view', shape, x.numel, x.shape);
  const strides = viewStrides(x.shape, x.strides, target);
  if (strides === null)
    throw new ShapeError(
      `view: shape ${show(x.shape)} with strides ${show(x.strides)} cannot be seen as ${show(target)} without copying; use reshape`,
    );
  return makeView(
    'view',
    x,
    target,
    strides,
    x.offset,
    through((g) => reshape(g, from)),
  );
}

/** Reorders the dimensions: result dimension i is dimension dims[i] of `x`. */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  if (dims.length !== x.ndim)
    throw new ShapeError(
      `permute: ${dims.length} dimension(s) ${show(dims)} for a tensor of shape ${show(x.shape)}; name each of its ${x.ndim} once`,
    );
  const { shape, strides, ndim } = x; // closures must not hold x
  const order = dims.map((d) => normalizeDim('permute', d, ndim));
  if (new Set(order).size !== order.length) throw new ShapeError(`permute: dims ${show(dims)} name a dimension twice; name each once`);
  const inverse = new Array<number>(order.length);
  order.forEach((d, i) => {
    inverse[d] = i;
  });
  const back = through((g) => permute(g, inverse));
  return makeView(
    'permute',
    x,
    order.map((d) => shape[d]),
    order.map((d) => strides[d]),
    x.offset,
    back,
  );
}

/** Swaps two dimensions. */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  const [a, b] = [normalizeDim('transpose', dim0, x.ndim, 'dim0'), normalizeDim('transpose', dim1, x.ndim, 'dim1')];
  if (x.ndim === 0) return permute(x, []);
  const dims = x.shape.map((_, i) => i);
  [dims[a], dims[b]] = [b, a];
  return permute(x, dims);
}

/** Sums `g` down to `shape`: the reverse of broadcasting. Set by src/ops/reduce.ts. */
export const sumToSlot: { fn: ((g: Tensor, shape: Shape) => Tensor) | null } = { fn: null };

/** Repeats dimensions of size 1 without copying; -1 keeps a size; new dimensions may be added in front. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const { shape: from, strides: steps } = x; // what backward keeps in place of the tensor, which closures must not hold
  checkSizes('expand', shape, true);
  const lead = shape.length - x.ndim;
  if (lead < 0) throw new ShapeError(`expand: ${show(shape)} has fewer dimensions than the tensor's shape ${show(x.shape)}`);
  const strides = new Array<number>(shape.length).fill(0);
  const target = shape.map((n, i) => {
    if (i < lead) {
      if (n === -1) throw new ShapeError(`expand: -1 in the new leading dimension ${i} of ${show(shape)}; give its size`);
      return n;
    }
    const old = from[i - lead];
    if (n === -1 || n === old) {
      strides[i] = steps[i - lead];
      return old;
    }
    if (old !== 1)
      throw new ShapeError(
        `expand: dimension ${i - lead} has size ${old} and cannot become ${n} (shape ${show(from)} to ${show(shape)}); only size 1 expands`,
      );
    return n;
  });
  return makeView(
    'expand',
    x,
    target,
    strides,
    x.offset,
    through((g) => (sumToSlot.fn as (g: Tensor, s: Shape) => Tensor)(g, from)),
  );
}

/** Inserts a dimension of size 1. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  const from = x.shape; // what backward keeps in place of the tensor
  const n = x.ndim + 1;
  if (!Number.isInteger(dim) || dim < -n || dim >= n)
    throw new IndexError(`unsqueeze: dim ${dim} is out of range for ${x.ndim} dimension(s); use ${-n} to ${n - 1}`);
  const d = dim < 0 ? dim + n : dim;
  const shape = [...x.shape.slice(0, d), 1, ...x.shape.slice(d)];
  const step = d < x.ndim ? x.strides[d] * Math.max(x.shape[d], 1) : 1;
  const strides = [...x.strides.slice(0, d), step, ...x.strides.slice(d)];
  return makeView(
    'unsqueeze',
    x,
    shape,
    strides,
    x.offset,
    through((g) => reshape(g, from)),
  );
}

/** Removes dimensions of size 1: all of them, or the given ones (others are left alone). */
export function squeeze(x: Tensor, dim?: number | readonly number[]): Tensor {
  const { shape: from, strides: steps } = x; // what backward keeps in place of the tensor, which closures must not hold
  const list =
    dim === undefined
      ? x.shape.map((_, i) => i)
      : typeof dim === 'number'
        ? [normalizeDim('squeeze', dim, x.ndim)]
        : dim.map((d) => normalizeDim('squeeze', d, from.length));
  const drop = new Set(list.filter((d) => from[d] === 1));
  const keep = x.shape.map((_, i) => i).filter((i) => !drop.has(i));
  return makeView(
    'squeeze',
    x,
    keep.map((i) => from[i]),
    keep.map((i) => steps[i]),
    x.offset,
    through((g) => reshape(g, from)),
  );
}

/** Zeros of `shape` with `g` in the place that `place` cuts out of it. Differentiable in `g`. */
export function embed(g: Tensor, shape: Shape, place: (t: Tensor) => Tensor): Tensor {
  const out = empty(shape, g.dtype);
  fill(out, 0);
  copyInto(place(out), g);
  if (isGradEnabled() && mustRecord([g]))
    record(
      'embed',
      [g],
      [out],
      [],
      through((gg) => place(gg)),
    );
  return out;
}

/** Elements start, start + step, … below `stop` along one dimension (negative bounds count from the end; step > 0). */
export function slice(x: Tensor, dim: number, start: number | null = null, stop: number | null = null, step = 1): Tensor {
  const from = x.shape; // what backward keeps in place of the tensor
  if (x.ndim === 0) throw new IndexError('slice: a 0-d tensor has no dimension to slice; use reshape([1]) first');
  const d = normalizeDim('slice', dim, x.ndim);
  if (!Number.isInteger(step) || step < 1)
    throw new IndexError(`slice: step ${step} must be a whole number of at least 1; use flip to reverse`);
  const n = x.shape[d];
  const clampIndex = (v: number): number => Math.min(Math.max(v < 0 ? v + n : v, 0), n);
  const a = clampIndex(start ?? 0);
  const b = Math.max(clampIndex(stop ?? n), a);
  const shape = x.shape.slice();
  const strides = x.strides.slice();
  shape[d] = Math.ceil((b - a) / step);
  strides[d] *= step;
  const offset = x.offset + a * x.strides[d];
  return makeView(
    'slice',
    x,
    shape,
    strides,
    offset,
    through((g) => embed(g, from, (t) => slice(t, d, a, b, step))),
  );
}

/** One position along a dimension, which disappears. */
export function select(x: Tensor, dim: number, index: number): Tensor {
  const from = x.shape; // what backward keeps in place of the tensor
  if (x.ndim === 0) throw new IndexError('select: a 0-d tensor has no dimension to select from; use item()');
  const d = normalizeDim('select', dim, x.ndim);
  const n = x.shape[d];
  if (!Number.isInteger(index) || index < -n || index >= n)
    throw new IndexError(`select: index ${index} is out of range for dimension ${d} of size ${n}; use ${-n} to ${n - 1}`);
  const i = index < 0 ? index + n : index;
  const shape = x.shape.filter((_, k) => k !== d);
  const strides = x.strides.filter((_, k) => k !== d);
  return makeView(
    'select',
    x,
    shape,
    strides,
    x.offset + i * x.strides[d],
    through((g) => embed(g, from, (t) => select(t, d, i))),
  );
}

/** `length` elements from `start` along a dimension. */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  if (x.ndim === 0) throw new IndexError('narrow: a 0-d tensor has no dimension to narrow; use reshape([1]) first');
  const d = normalizeDim('narrow', dim, x.ndim);
  const n = x.shape[d];
  const a = start < 0 ? start + n : start;
  if (a < 0 || length < 0 || a + length > n)
    throw new IndexError(`narrow: start ${start} and length ${length} leave dimension ${d} of size ${n}`);
  return slice(x, d, a, a + length);
}

/** The diagonal of two dimensions as a new last dimension; `offset` > 0 lies above the main one. */
export function diagonal(x: Tensor, { offset = 0, dim1 = 0, dim2 = 1 }: { offset?: number; dim1?: number; dim2?: number } = {}): Tensor {
  const { shape: from, strides: steps } = x; // what backward keeps in place of the tensor, which closures must not hold
  const [a, b] = [normalizeDim('diagonal', dim1, x.ndim, 'dim1'), normalizeDim('diagonal', dim2, x.ndim, 'dim2')];
  if (x.ndim < 2 || a === b)
    throw new ShapeError(
      `diagonal: dim1 ${dim1} and dim2 ${dim2} must be two different dimensions of a tensor with at least 2; its shape is ${show(x.shape)}`,
    );
  const n = Math.max(0, offset >= 0 ? Math.min(x.shape[a], x.shape[b] - offset) : Math.min(x.shape[a] + offset, x.shape[b]));
  const keep = x.shape.map((_, i) => i).filter((i) => i !== a && i !== b);
  const shape = [...keep.map((i) => from[i]), n];
  const strides = [...keep.map((i) => steps[i]), x.strides[a] + x.strides[b]];
  const start = n === 0 ? x.offset : x.offset + (offset >= 0 ? offset * x.strides[b] : -offset * x.strides[a]);
  return makeView(
    'diagonal',
    x,
    shape,
    strides,
    start,
    through((g) => embed(g, from, (t) => diagonal(t, { offset, dim1: a, dim2: b }))),
  );
}

/** The same storage under any geometry (strides in elements). Elements that appear several times sum their gradients. */
export function asStrided(x: Tensor, size: Shape, stride: Shape, storageOffset?: number): Tensor {
  checkSizes('asStrided', size);
  if (size.length !== stride.length)
    throw new ShapeError(`asStrided: size ${show(size)} and stride ${show(stride)} must have the same length`);
  const offset = storageOffset ?? x.offset;
  const last = numelOf(size) === 0 ? offset : size.reduce((p, n, i) => p + (n - 1) * stride[i], offset);
  const first = x.base ?? x;
  const capacity = first.offset + first.numel;
  if (offset < 0 || last >= Math.max(capacity, 1) || stride.some((s) => s < 0)) {
    throw new ShapeError(
      `asStrided: size ${show(size)}, stride ${show(stride)} and offset ${offset} reach element ${last}, but the storage has ${capacity}`,
    );
  }
  const [from, view] = [geometryOf(x), { shape: size, strides: stride, offset }];
  return makeView(
    'asStrided',
    x,
    size,
    stride,
    offset,
    through((g) => (asStridedBackward.fn as AsStridedBackward)(g, from, view)),
  );
}
type AsStridedBackward = (g: Tensor, x: Geometry, view: Geometry) => Tensor;
/** Set by src/ops/indexing.ts, which has scatter-add. */
export const asStridedBackward: { fn: AsStridedBackward | null } = { fn: null };

/** The same values without history; shares the storage. */
export function detach(x: Tensor): Tensor {
  const v = alias(x, x.shape, x.strides);
  return v;
}

/** A copy with gradients. */
export function clone(x: Tensor): Tensor {
  const out = copy(x);
  if (mustRecord([x])) record('clone', [x], [out], [], ([g]) => [g]);
  return out;
}

/** `x` itself when its elements lie densely in row-major order, else a copy that does. */
export const contiguous = (x: Tensor): Tensor => (x.contiguousNow ? x : clone(x));

/** Merges dimensions startDim to endDim (inclusive) into one. */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  const [a, b] = [normalizeDim('flatten', startDim, x.ndim, 'startDim'), normalizeDim('flatten', endDim, x.ndim, 'endDim')];
  if (x.ndim === 0) return reshape(x, [1]);
  if (a > b) throw new ShapeError(`flatten: startDim ${startDim} lies behind endDim ${endDim} for shape ${show(x.shape)}`);
  const merged = numelOf(x.shape.slice(a, b + 1));
  const shape = [...x.shape.slice(0, a), merged, ...x.shape.slice(b + 1)];
  return sameShape(shape, x.shape) ? x : reshape(x, shape);
}
