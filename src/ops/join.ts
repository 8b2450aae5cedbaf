// Joining and splitting: cat, stack and their relatives; split, chunk and theirs (views).

import { mustRecord, record } from '../autograd/node.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { promoteTypes } from '../tensor/dtype.ts';
import { normalizeDim, sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { fromTyped } from './create.ts';
import { indexSelect } from './gather.ts';
import { alias, copyInto, empty } from './raw.ts';
import { meshgrid } from './shape-more.ts';
import { flatten, narrow, reshape, select, unsqueeze } from './view.ts';

/** Joins tensors along an existing dimension; all other sizes must be equal. Empty 1-d tensors are skipped. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new ShapeError('cat: got an empty list; give at least one tensor');
  const parts = tensors.filter((t) => !(t.ndim === 1 && t.shape[0] === 0));
  if (parts.length === 0) return tensors[0];
  const first = parts[0];
  if (first.ndim === 0) throw new ShapeError('cat: 0-d tensors cannot be joined; use stack');
  const d = normalizeDim('cat', dim, first.ndim);
  const firstShape = first.shape; // closures must hold no tensor
  for (const t of parts) {
    if (t.ndim !== first.ndim || t.shape.some((n, i) => i !== d && n !== firstShape[i])) {
      throw new ShapeError(
        `cat: shapes ${show(first.shape)} and ${show(t.shape)} differ outside of dimension ${d}; only that size may differ`,
      );
    }
  }
  const dtype = tensors.map((t) => t.dtype).reduce(promoteTypes);
  const sizes = parts.map((t) => t.shape[d]);
  const shape = first.shape.slice();
  shape[d] = sizes.reduce((a, b) => a + b, 0);
  const out = empty(shape, dtype);
  let at = 0;
  for (const [i, t] of parts.entries()) {
    const size = firstShape.slice();
    size[d] = sizes[i];
    copyInto(alias(out, size, out.strides, at * out.strides[d]), t);
    at += sizes[i];
  }
  const dtypes = parts.map((t) => t.dtype);
  if (mustRecord(parts)) {
    record('cat', parts, [out], [], ([g], _, node) => {
      let start = 0;
      return dtypes.map((type, i) => {
        const from = start;
        start += sizes[i];
        return g === null || !node.needs(i) ? null : to(narrow(g, d, from, sizes[i]), type);
      });
    });
  }
  return out;
}

/** Joins equally shaped tensors along a new dimension. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new ShapeError('stack: got an empty list; give at least one tensor');
  for (const t of tensors)
    if (!sameShape(t.shape, tensors[0].shape))
      throw new ShapeError(`stack: shapes ${show(tensors[0].shape)} and ${show(t.shape)} differ; all must be equal`);
  return cat(
    tensors.map((t) => unsqueeze(t, dim)),
    dim < 0 ? dim + tensors[0].ndim + 1 : dim,
  );
}

const atLeast = (x: Tensor, n: number): Tensor =>
  x.ndim >= n ? x : x.ndim === 0 ? reshape(x, new Array<number>(n).fill(1)) : x.ndim === 1 ? row(x, n) : unsqueeze(x, 2);
const row = (x: Tensor, n: number): Tensor => (n === 2 ? unsqueeze(x, 0) : unsqueeze(unsqueeze(x, 0), 2));

/** Joins along the columns (dimension 1; dimension 0 for 1-d tensors). */
export function hstack(tensors: readonly Tensor[]): Tensor {
  const parts = tensors.map((x) => atLeast(x, 1));
  return cat(parts, parts[0]?.ndim === 1 ? 0 : 1);
}
/** Joins along the rows (dimension 0); 1-d tensors are rows. */
export const vstack = (tensors: readonly Tensor[]): Tensor =>
  cat(
    tensors.map((x) => atLeast(x, 2)),
    0,
  );
/** Joins along the third dimension. */
export const dstack = (tensors: readonly Tensor[]): Tensor =>
  cat(
    tensors.map((x) => atLeast(x, 3)),
    2,
  );
/** Joins columns: 0-d and 1-d tensors are columns. */
export const columnStack = (tensors: readonly Tensor[]): Tensor => hstack(tensors.map((x) => (x.ndim < 2 ? reshape(x, [x.numel, 1]) : x)));

const splittable = (name: string, x: Tensor, dim: number): number => {
  if (x.ndim === 0) throw new ShapeError(`${name}: a 0-d tensor cannot be split; use reshape([1]) first`);
  return normalizeDim(name, dim, x.ndim);
};

/** Parts along a dimension: of a given size (the last may be smaller), or of a list of sizes. Views. */
export function split(x: Tensor, sizes: number | readonly number[], dim = 0): Tensor[] {
  const d = splittable('split', x, dim);
  const n = x.shape[d];
  if (typeof sizes === 'number') {
    if (!Number.isInteger(sizes) || sizes < 0 || (sizes === 0 && n > 0))
      throw new ValueError(`split: size ${sizes} must be a whole number of at least 1; it is the length of each part`);
    const count = sizes === 0 ? 1 : Math.max(Math.ceil(n / sizes), 1);
    return Array.from({ length: count }, (_, i) => narrow(x, d, i * sizes, Math.min(sizes, n - i * sizes)));
  }
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== n || sizes.some((s) => !Number.isInteger(s) || s < 0))
    throw new ShapeError(`split: sizes ${show(sizes)} sum to ${total}, but dimension ${d} of shape ${show(x.shape)} has size ${n}`);
  let at = 0;
  return sizes.map((s) => narrow(x, d, (at += s) - s, s));
}

/** At most `chunks` parts of equal size along a dimension (the last may be smaller). Views. */
export function chunk(x: Tensor, chunks: number, dim = 0): Tensor[] {
  const d = splittable('chunk', x, dim);
  if (!Number.isInteger(chunks) || chunks < 1) throw new ValueError(`chunk: ${chunks} must be a whole number of at least 1`);
  const n = x.shape[d];
  return n === 0 ? Array.from({ length: chunks }, () => narrow(x, d, 0, 0)) : split(x, Math.ceil(n / chunks), d);
}

/** Exactly `at` parts whose sizes differ by at most 1 (the larger ones first), or parts that end before the given positions. Views. */
export function tensorSplit(x: Tensor, at: number | readonly number[], dim = 0): Tensor[] {
  const d = splittable('tensorSplit', x, dim);
  const n = x.shape[d];
  if (typeof at === 'number') {
    if (!Number.isInteger(at) || at < 1) throw new ValueError(`tensorSplit: ${at} parts; give a whole number of at least 1`);
    const [small, more] = [Math.floor(n / at), n % at];
    return split(
      x,
      Array.from({ length: at }, (_, i) => small + (i < more ? 1 : 0)),
      d,
    );
  }
  const bounds = [0, ...at, n].map((v) => Math.min(Math.max(v < 0 ? v + n : v, 0), n));
  return bounds.slice(1).map((end, i) => narrow(x, d, bounds[i], Math.max(end - bounds[i], 0)));
}

const directed =
  (name: string, least: number, dimOf: (x: Tensor) => number) =>
  (x: Tensor, at: number | readonly number[]): Tensor[] => {
    if (x.ndim < least) throw new ShapeError(`${name}: needs at least ${least} dimension(s), got shape ${show(x.shape)}`);
    const d = dimOf(x);
    if (typeof at === 'number' && (at < 1 || x.shape[d] % at !== 0))
      throw new ValueError(`${name}: dimension ${d} of size ${x.shape[d]} does not divide into ${at} equal parts`);
    return tensorSplit(x, at, d);
  };
/** Equal parts (or parts that end before the given positions) along dimension 1, or 0 of 1-d tensors. */
export const hsplit = directed('hsplit', 1, (x) => (x.ndim === 1 ? 0 : 1));
/** Equal parts along dimension 0. */
export const vsplit = directed('vsplit', 2, () => 0);
/** Equal parts along dimension 2. */
export const dsplit = directed('dsplit', 3, () => 2);

/** All slices along a dimension, which disappears. Views. */
export function unbind(x: Tensor, dim = 0): Tensor[] {
  const d = splittable('unbind', x, dim);
  return Array.from({ length: x.shape[d] }, (_, i) => select(x, d, i));
}

/** All combinations of one element of each 1-d tensor, as rows. One tensor alone comes back as it is. */
export function cartesianProd(...tensors: Tensor[]): Tensor {
  for (const x of tensors) if (x.ndim !== 1) throw new ShapeError(`cartesianProd: takes 1-d tensors, got shape ${show(x.shape)}`);
  if (tensors.length === 1) return tensors[0];
  return stack(
    meshgrid(tensors).map((x) => flatten(x)),
    1,
  );
}

/** All ways to choose `r` elements of a 1-d tensor in order, as rows; an element may repeat with `withReplacement`. */
export function combinations(x: Tensor, { r = 2, withReplacement = false }: { r?: number; withReplacement?: boolean } = {}): Tensor {
  if (x.ndim !== 1) throw new ShapeError(`combinations: takes a 1-d tensor, got shape ${show(x.shape)}`);
  if (!Number.isInteger(r) || r < 0) throw new ValueError(`combinations: r ${r} must be a whole number of at least 0`);
  const rows: number[][] = [];
  const build = (chosen: number[]): void => {
    if (chosen.length === r) {
      rows.push(chosen);
      return;
    }
    const last = chosen[chosen.length - 1];
    for (let i = last === undefined ? 0 : last + (withReplacement ? 0 : 1); i < x.shape[0]; i++) build([...chosen, i]);
  };
  build([]);
  if (r === 0) return empty([0], x.dtype);
  const index = fromTyped(BigInt64Array.from(rows.flat(), BigInt), [rows.length * r]);
  return reshape(indexSelect(x, 0, index), [rows.length, r]);
}

export const joinMethods = { split, chunk, tensorSplit, hsplit, vsplit, dsplit, unbind };
