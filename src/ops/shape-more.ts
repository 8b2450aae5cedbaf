// Rearranging elements: flips, rolls, rotations, repetition, windows, and further views.

import { isGradEnabled } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { GradError, IndexError, ShapeError, ValueError } from '../runtime/errors.ts';
import { broadcastShapes, checkSizes, normalizeDim, normalizeDims, numelOf, type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { arange, fromTyped } from './create.ts';
import { checkIndex, indexAddZeros, indexSelect } from './gather.ts';
import { makeView } from './inplace.ts';
import { cat } from './join.ts';
import { alias, copy, copyInto, empty } from './raw.ts';
import { numbersSync } from './read.ts';
import { expand, flatten, narrow, permute, reshape, squeeze, transpose, unsqueeze, view } from './view.ts';

// ---------------------------------------------------------------- order of elements

/** Reverses the order along the given dimensions. A copy. */
export function flip(x: Tensor, dims: number | readonly number[]): Tensor {
  const list = typeof dims === 'number' ? [dims] : dims;
  const at = new Set(list.length === 0 ? [] : normalizeDims('flip', list, x.ndim));
  let offset = x.offset;
  const from = x.shape; // closures must not hold x
  const strides = x.strides.map((st, i) => {
    if (!at.has(i)) return st;
    offset += Math.max(from[i] - 1, 0) * st;
    return -st;
  });
  const out = copy(alias(x, x.shape, strides, offset));
  if (mustRecord([x])) record('flip', [x], [out], [], ([g]) => [g === null ? null : flip(g, [...at])]);
  return out;
}
/** Reverses the columns (dimension 1). */
export function fliplr(x: Tensor): Tensor {
  if (x.ndim < 2) throw new ShapeError(`fliplr: needs at least 2 dimensions, got shape ${show(x.shape)}`);
  return flip(x, 1);
}
/** Reverses the rows (dimension 0). */
export function flipud(x: Tensor): Tensor {
  if (x.ndim < 1) throw new ShapeError('flipud: needs at least 1 dimension, got a 0-d tensor');
  return flip(x, 0);
}

/** Shifts elements by `shifts` places along `dims`, those that leave come back at the other end; the flattened tensor without `dims`. */
export function roll(
  x: Tensor,
  shifts: number | readonly number[],
  { dims = null }: { dims?: number | readonly number[] | null } = {},
): Tensor {
  const by = typeof shifts === 'number' ? [shifts] : shifts;
  const at = dims === null ? [] : typeof dims === 'number' ? [dims] : dims;
  if (at.length === 0) {
    if (by.length !== 1) throw new ShapeError(`roll: ${by.length} shifts need as many dims; without dims give one shift`);
    return reshape(roll(flatten(x), by, { dims: [0] }), x.shape);
  }
  if (at.length !== by.length)
    throw new ShapeError(`roll: ${by.length} shift(s) ${show(by)} for ${at.length} dim(s) ${show(at)}; give one for each`);
  let out = x;
  at.forEach((dim, k) => {
    const d = normalizeDim('roll', dim, x.ndim);
    const n = out.shape[d] ?? 0;
    const shift = n === 0 ? 0 : ((by[k] % n) + n) % n;
    if (shift !== 0) out = cat([narrow(out, d, n - shift, shift), narrow(out, d, 0, n - shift)], d);
  });
  return out === x ? copyOf(x) : out;
}
const copyOf = (x: Tensor): Tensor => {
  const out = copy(x);
  if (mustRecord([x])) record('clone', [x], [out], [], ([g]) => [g]);
  return out;
};

/** Rotates by k · 90 degrees in the plane of two dimensions, from the first towards the second. */
export function rot90(x: Tensor, { k = 1, dims = [0, 1] }: { k?: number; dims?: readonly number[] } = {}): Tensor {
  if (dims.length !== 2) throw new ShapeError(`rot90: dims ${show(dims)} must be two dimensions`);
  const [a, b] = dims.map((d) => normalizeDim('rot90', d, x.ndim));
  if (a === b || x.ndim < 2) throw new ShapeError(`rot90: dims ${show(dims)} must be two different dimensions of shape ${show(x.shape)}`);
  switch (((k % 4) + 4) % 4) {
    case 1:
      return transpose(flip(x, b), a, b);
    case 2:
      return flip(x, [a, b]);
    case 3:
      return flip(transpose(x, a, b), b);
    default:
      return copyOf(x);
  }
}

// ---------------------------------------------------------------- repetition

/** The tensor repeated `repeats[i]` times along each dimension; more repeats than dimensions add dimensions in front. */
export function repeat(x: Tensor, repeats: readonly number[]): Tensor {
  checkSizes('repeat', repeats);
  if (repeats.length < x.ndim)
    throw new ShapeError(`repeat: ${repeats.length} repeat(s) ${show(repeats)} for shape ${show(x.shape)}; give at least ${x.ndim}`);
  const padded = [...new Array<number>(repeats.length - x.ndim).fill(1), ...x.shape];
  const split = padded.flatMap((n) => [1, n]);
  const wide = expand(
    reshape(x, split),
    padded.flatMap((n, i) => [repeats[i], n]),
  );
  const out = reshape(
    wide,
    padded.map((n, i) => n * repeats[i]),
  );
  return out.storage === x.storage ? copyOf(out) : out;
}

/** As repeat, but missing repeats count as 1. */
export function tile(x: Tensor, dims: readonly number[]): Tensor {
  return repeat(x, [...new Array<number>(Math.max(x.ndim - dims.length, 0)).fill(1), ...dims]);
}

export interface RepeatInterleaveOptions {
  /** The dimension; the flattened tensor without one. */
  dim?: number | null;
  /** Total length of the result, checked. */
  outputSize?: number | null;
}
/** Each element `repeats` times in a row (a number, or one per element); repeatInterleave(repeats) gives the positions themselves. */
export function repeatInterleave(
  x: Tensor,
  repeats?: number | Tensor | null,
  { dim = null, outputSize = null }: RepeatInterleaveOptions = {},
): Tensor {
  if (repeats === undefined || repeats === null) return repeatInterleave(arange(x.numel), x, { outputSize });
  if (dim === null) return repeatInterleave(flatten(x), repeats, { dim: 0, outputSize });
  const d = normalizeDim('repeatInterleave', dim, x.ndim);
  if (x.ndim === 0) return repeatInterleave(reshape(x, [1]), repeats, { dim: 0, outputSize });
  const n = x.shape[d];
  const list = repeats instanceof Tensor ? numbersSync(checkIndex('repeatInterleave', repeats)) : [repeats];
  if (repeats instanceof Tensor && repeats.ndim > 1)
    throw new ShapeError(`repeatInterleave: repeats has shape ${show(repeats.shape)}; it must be 0-d or 1-d`);
  if (list.length !== 1 && list.length !== n)
    throw new ShapeError(`repeatInterleave: ${list.length} repeats for dimension ${d} of size ${n}; give one, or one for each`);
  const bad = list.find((v) => !Number.isInteger(v) || v < 0);
  if (bad !== undefined) throw new ValueError(`repeatInterleave: the repeat ${bad} must be a whole number of at least 0`);
  const positions: bigint[] = [];
  for (let i = 0; i < n; i++) for (let k = list[list.length === 1 ? 0 : i]; k > 0; k--) positions.push(BigInt(i));
  if (outputSize !== null && outputSize !== positions.length)
    throw new ValueError(
      `repeatInterleave: outputSize ${outputSize} differs from the ${positions.length} element(s) that the repeats give`,
    );
  return indexSelect(x, d, fromTyped(BigInt64Array.from(positions), [positions.length]));
}

// ---------------------------------------------------------------- windows

/** Windows of `size` elements every `step` along a dimension, as a new last dimension: a view. */
export function unfold(x: Tensor, dimension: number, size: number, step: number): Tensor {
  const d = normalizeDim('unfold', dimension, x.ndim);
  const n = x.shape[d] ?? 1;
  if (!Number.isInteger(size) || size < 0 || size > n)
    throw new ShapeError(`unfold: size ${size} must be between 0 and ${n}, the size of dimension ${d}`);
  if (!Number.isInteger(step) || step < 1) throw new ValueError(`unfold: step ${step} must be a whole number of at least 1`);
  if (x.ndim === 0) return reshape(x, [size]);
  const count = Math.floor((n - size) / step) + 1;
  const from = x.shape; // the closure must not hold x
  const shape = [...from.map((v, i) => (i === d ? count : v)), size];
  const strides = [...x.strides.map((v, i) => (i === d ? v * step : v)), x.strides[d]];
  return makeView('unfold', x, shape, strides, x.offset, ([g]) => {
    if (g === null) return [null];
    // windows overlap: add them up at the positions that they show
    const positions = new BigInt64Array(count * size);
    for (let i = 0; i < count; i++) for (let j = 0; j < size; j++) positions[i * size + j] = BigInt(i * step + j);
    const flat = reshape(
      movedim(g, -1, d + 1),
      from.map((v, i) => (i === d ? count * size : v)),
    );
    return [indexAddZeros(flat, from, d, fromTyped(positions, [positions.length]))];
  });
}

// ---------------------------------------------------------------- further views

/** Moves dimensions to other places; the rest keeps its order. */
export function movedim(x: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor {
  const [from, to] = [source, destination].map((v) => (typeof v === 'number' ? [v] : v).map((d) => normalizeDim('movedim', d, x.ndim)));
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length)
    throw new ShapeError(`movedim: source ${show(from)} and destination ${show(to)} must name equally many different dimensions`);
  if (x.ndim === 0) return permute(x, []);
  const order = new Array<number>(x.ndim).fill(-1);
  to.forEach((d, i) => {
    order[d] = from[i];
  });
  const rest = x.shape.map((_, i) => i).filter((i) => !from.includes(i));
  return permute(
    x,
    order.map((d) => (d >= 0 ? d : (rest.shift() as number))),
  );
}
/** Another name of movedim. */
export const moveaxis = movedim;
/** Another name of transpose. */
export const swapaxes = transpose;
/** Another name of transpose. */
export const swapdims = transpose;
/** The transpose of a matrix; 0-d and 1-d tensors stay as they are. */
export function t(x: Tensor): Tensor {
  if (x.ndim > 2) throw new ShapeError(`t: takes at most 2 dimensions, got shape ${show(x.shape)}; use transpose(dim0, dim1) or mT`);
  return x.ndim < 2 ? permute(x, x.ndim === 1 ? [0] : []) : transpose(x, 0, 1);
}
/** Splits one dimension into several; one size may be -1. */
export function unflatten(x: Tensor, dim: number, sizes: Shape): Tensor {
  const d = normalizeDim('unflatten', dim, x.ndim);
  if (sizes.length === 0) throw new ShapeError('unflatten: sizes is empty; give the sizes of the new dimensions');
  checkSizes('unflatten', sizes, true);
  const n = x.shape[d] ?? 1;
  const known = numelOf(sizes.filter((v) => v !== -1));
  const holes = sizes.filter((v) => v === -1).length;
  if (holes > 1 || (holes === 1 ? known === 0 || n % known !== 0 : known !== n))
    throw new ShapeError(`unflatten: sizes ${show(sizes)} do not multiply to ${n}, the size of dimension ${d}`);
  return reshape(x, [...x.shape.slice(0, d), ...sizes.map((v) => (v === -1 ? n / known : v)), ...x.shape.slice(d + 1)]);
}
/** One dimension with all elements: a view where the layout allows. */
export const ravel = (x: Tensor): Tensor => flatten(x);
/** `x` in the shape of `other`. */
export const reshapeAs = (x: Tensor, other: Tensor): Tensor => reshape(x, other.shape);
/** `x` seen in the shape of `other`. */
export const viewAs = (x: Tensor, other: Tensor): Tensor => view(x, other.shape);
/** `x` expanded to the shape of `other`. */
export const expandAs = (x: Tensor, other: Tensor): Tensor => expand(x, other.shape);
/** `x` expanded to `size`. */
export const broadcastTo = (x: Tensor, size: Shape): Tensor => expand(x, size);
/** All tensors expanded to their common shape. */
export function broadcastTensors(...tensors: Tensor[]): Tensor[] {
  const shape = broadcastShapes('broadcastTensors', ...tensors.map((x) => x.shape));
  return tensors.map((x) => expand(x, shape));
}

function atleast(name: string, lift: (x: Tensor) => Tensor) {
  const fn = (first: Tensor, ...rest: Tensor[]): Tensor | Tensor[] => (rest.length === 0 ? lift(first) : [first, ...rest].map(lift));
  Object.defineProperty(fn, 'name', { value: name });
  return fn as { (x: Tensor): Tensor; (...xs: Tensor[]): Tensor[] };
}
const lift1 = (x: Tensor): Tensor => (x.ndim === 0 ? reshape(x, [1]) : x);
const lift2 = (x: Tensor): Tensor => (x.ndim < 2 ? unsqueeze(lift1(x), 0) : x);
/** At least one dimension. */
export const atleast1d = atleast('atleast1d', lift1);
/** At least two dimensions: a vector becomes a row. */
export const atleast2d = atleast('atleast2d', lift2);
/** At least three dimensions: [n] becomes [1, n, 1] and [n, m] becomes [n, m, 1]. */
export const atleast3d = atleast('atleast3d', (x) => (x.ndim < 3 ? unsqueeze(lift2(x), 2) : x));

/** Grids of coordinates: result i varies along dimension i as tensor i does ('ij'); 'xy' swaps the first two dimensions. Views. */
export function meshgrid(tensors: readonly Tensor[], { indexing = 'ij' }: { indexing?: 'ij' | 'xy' } = {}): Tensor[] {
  if (tensors.length === 0) throw new ShapeError('meshgrid: got an empty list; give at least one tensor');
  if (indexing !== 'ij' && indexing !== 'xy') throw new ValueError(`meshgrid: indexing '${String(indexing)}' is unknown; use 'ij' or 'xy'`);
  for (const x of tensors) if (x.ndim > 1) throw new ShapeError(`meshgrid: takes 0-d and 1-d tensors, got shape ${show(x.shape)}`);
  if (indexing === 'xy' && tensors.length >= 2) {
    const [a, b, ...rest] = tensors;
    const [gb, ga, ...others] = meshgrid([b, a, ...rest]);
    return [ga, gb, ...others];
  }
  const shape = tensors.map((x) => x.numel);
  return tensors.map((x, i) =>
    expand(
      reshape(
        x,
        shape.map((n, k) => (k === i ? n : 1)),
      ),
      shape,
    ),
  );
}

// ---------------------------------------------------------------- changes of a handle's geometry

/** Gives `x` the geometry and the place in the graph of a view of it. */
function become(name: string, x: Tensor, v: Tensor): Tensor {
  if (isGradEnabled() && x.isLeaf && x.requiresGrad)
    throw new GradError(
      `${name}: a leaf that requires gradients cannot be changed in place; do it inside noGrad(), or use the form without _`,
    );
  x.setGeometry(v.shape, v.strides, v.offset);
  if (v.node !== null) {
    x.node = v.node;
    x.outputNr = v.outputNr;
  }
  return x;
}
/** Transposes a matrix in place. */
export const t_ = (x: Tensor): Tensor => become('t_', x, t(x));
/** Swaps two dimensions in place. */
export const transpose_ = (x: Tensor, dim0: number, dim1: number): Tensor => become('transpose_', x, transpose(x, dim0, dim1));
/** Removes dimensions of size 1 in place. */
export const squeeze_ = (x: Tensor, dim?: number | readonly number[]): Tensor => become('squeeze_', x, squeeze(x, dim));
/** Inserts a dimension of size 1 in place. */
export const unsqueeze_ = (x: Tensor, dim: number): Tensor => become('unsqueeze_', x, unsqueeze(x, dim));
/** Another shape in place: the first elements in storage order stay, further ones are undefined. Not for tensors that require gradients. */
export function resize_(x: Tensor, size: Shape): Tensor {
  checkSizes('resize_', size);
  if (x.requiresGrad) throw new GradError('resize_: a tensor that requires gradients cannot be resized; detach() it first');
  if (x.base !== null) throw new IndexError('resize_: a view cannot be resized; clone() it first');
  const n = numelOf(size);
  if (n > x.numel) {
    const bigger = empty([n], x.dtype);
    copyInto(alias(bigger, x.shape, null, 0), x);
    x.replaceStorage(bigger.storage);
    x.setGeometry(size, alias(bigger, size, null, 0).strides, 0);
    bigger.dispose();
  } else x.setGeometry(size, alias(x, size, null).strides, x.offset);
  return x;
}

export const shapeMethods = {
  flip,
  fliplr,
  flipud,
  roll,
  rot90,
  repeat,
  tile,
  repeatInterleave,
  unfold,
  movedim,
  moveaxis,
  swapaxes,
  swapdims,
  t,
  unflatten,
  ravel,
  reshapeAs,
  viewAs,
  expandAs,
  broadcastTo,
  t_,
  transpose_,
  squeeze_,
  unsqueeze_,
  resize_,
};
