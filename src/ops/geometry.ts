// Gradients by geometry: the part of a gradient that lies in a view's place is cut out, pasted into zeros, or replaced. Views of tensors
// that were changed in place, and asStrided, are differentiated with these; all are differentiable themselves.

import { mustRecord, record } from '../autograd/node.ts';
import { GradError } from '../runtime/errors.ts';
import { contiguousStrides, isContiguous, numelOf, type Shape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { indexRaw } from './gather-raw.ts';
import { alias, copyInto, dense, empty, fill, window } from './raw.ts';

/** Where the elements of a tensor lie in its storage, counted in elements. */
export interface Geometry {
  readonly shape: Shape;
  readonly strides: Shape;
  readonly offset: number;
}
export const geometryOf = ({ shape, strides, offset }: Geometry): Geometry => ({ shape, strides, offset });

/** Number of storage elements from the first to the last element. */
export function extent({ shape, strides }: Geometry): number {
  return numelOf(shape) === 0 ? 0 : shape.reduce((n, size, i) => n + (size - 1) * strides[i], 1);
}

/** False when no two indices can lie in one place; true when they do, or when that is not certain. */
export function mayOverlap({ shape, strides }: Geometry): boolean {
  if (numelOf(shape) <= 1) return false;
  const dims = shape.map((n, i) => ({ n, step: strides[i] })).filter((d) => d.n > 1);
  let reach = 0;
  for (const { n, step } of dims.sort((a, b) => a.step - b.step)) {
    if (step <= reach) return true;
    reach += (n - 1) * step;
  }
  return false;
}

/** Zeros in the layout of `base`, and the part of them that `view` shows. The layout keeps the distances between elements. */
function zerosLike(base: Geometry, view: Geometry, like: Tensor): { whole: Tensor; part: Tensor } {
  if (mayOverlap(base))
    throw new GradError(
      `backward: elements of the base of shape ${show(base.shape)} with strides ${show(base.strides)} share places in memory; clone() it before it is viewed`,
    );
  const n = extent(base);
  const from = view.offset - base.offset;
  if (numelOf(view.shape) > 0 && (from < 0 || from + extent(view) > n))
    throw new GradError(
      `backward: a view of shape ${show(view.shape)} shows elements beyond its base of shape ${show(base.shape)}; its gradient is not known`,
    );
  const buffer = empty([Math.max(n, 1)], like.dtype);
  fill(buffer, 0);
  return {
    whole: alias(buffer, base.shape, isContiguous(base.shape, base.strides) ? contiguousStrides(base.shape) : base.strides, 0),
    part: alias(buffer, view.shape, view.strides, numelOf(view.shape) > 0 ? from : 0),
  };
}

/** Places in the storage of the elements of a geometry in row-major order, int64 [numel]. */
export function places({ shape, strides, offset }: Geometry): Tensor {
  const index = empty([numelOf(shape)], 'int64');
  const words = window(index) as BigInt64Array;
  const at = new Array<number>(shape.length).fill(0);
  let place = offset;
  for (let i = 0; i < words.length; i++) {
    words[i] = BigInt(place);
    for (let d = shape.length - 1; d >= 0; d--) {
      place += strides[d];
      if (++at[d] < shape[d]) break;
      place -= at[d] * strides[d];
      at[d] = 0;
    }
  }
  return index;
}

/** Zeros of `base`'s shape with `g` in the place of `view`; elements of `g` that share a place add up. */
export function paste(g: Tensor, base: Geometry, view: Geometry): Tensor {
  const { whole, part } = zerosLike(base, view, g);
  if (mayOverlap(view)) indexRaw('paste', 'add', alias(whole, [extent(base)], [1], 0), 0, [places(part)], dense(g));
  else copyInto(part, g);
  if (mustRecord([g])) record('paste', [g], [whole], [], ([gg]) => [gg === null ? null : cut(gg, base, view)]);
  return whole;
}

/** The part of `g` (of `base`'s shape, any layout) that lies in the place of `view`, as a copy. */
export function cut(g: Tensor, base: Geometry, view: Geometry): Tensor {
  const { whole, part } = zerosLike(base, view, g);
  copyInto(whole, g);
  const out = empty(view.shape, g.dtype);
  copyInto(out, part);
  if (mustRecord([g])) record('cut', [g], [out], [], ([gg]) => [gg === null ? null : paste(gg, base, view)]);
  return out;
}

/** A copy of `g` with `p` (null: zeros) in the place of `view`, whose elements must not share places. */
export function replace(g: Tensor, p: Tensor | null, base: Geometry, view: Geometry): Tensor {
  const { whole, part } = zerosLike(base, view, g);
  copyInto(whole, g);
  if (p === null) fill(part, 0);
  else copyInto(part, p);
  if (mustRecord([g, p])) {
    record('replace', [g, p], [whole], [], ([gg], _, node) => [
      gg === null ? null : replace(gg, null, base, view),
      gg === null || !node.needs(1) ? null : cut(gg, base, view),
    ]);
  }
  return whole;
}
