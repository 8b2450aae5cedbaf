// The trace, and copies of a tensor with one view of it (a diagonal, a position, a slice) replaced.

import { mustRecord, record } from '../autograd/node.ts';
import { ShapeError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { copy, copyInto, empty, fill } from './raw.ts';
import { sum } from './reduce.ts';
import { diagonal, select, slice } from './view.ts';

export interface DiagonalPlace {
  offset?: number;
  dim1?: number;
  dim2?: number;
}
/** Sum of the main diagonal of a matrix. */
export function trace(x: Tensor): Tensor {
  if (x.ndim !== 2) throw new ShapeError(`trace: takes a matrix, got shape ${show(x.shape)}`);
  return sum(diagonal(x));
}

/** A copy of `x` where the part that `place` cuts out is `src`. Differentiable in both. */
function scatterView(name: string, x: Tensor, src: Tensor, place: (t: Tensor) => Tensor): Tensor {
  const out = copy(x);
  const part = place(out);
  if (!sameShape(part.shape, src.shape))
    throw new ShapeError(`${name}: src has shape ${show(src.shape)}; the part of x that it replaces has ${show(part.shape)}`);
  copyInto(part, src);
  if (isFloating(x.dtype) && mustRecord([x, src])) {
    record(name, [x, src], [out], [], ([g], _, node) => {
      if (g === null) return [null, null];
      return [node.needs(0) ? scatterView(name, g, zerosLike(src, g), place) : null, node.needs(1) ? place(g) : null];
    });
  }
  return out;
}
const zerosLike = (shaped: Tensor, typed: Tensor): Tensor => {
  const t = empty(shaped.shape, typed.dtype);
  fill(t, 0);
  return t;
};
/** A copy of `x` with `src` on a diagonal. */
export const diagonalScatter = (x: Tensor, src: Tensor, place: DiagonalPlace = {}): Tensor =>
  scatterView('diagonalScatter', x, src, (t) => diagonal(t, place));
/** A copy of `x` with `src` at one position along `dim`. */
export const selectScatter = (x: Tensor, src: Tensor, dim: number, index: number): Tensor =>
  scatterView('selectScatter', x, src, (t) => select(t, dim, index));
export interface SliceScatterOptions {
  dim?: number;
  start?: number | null;
  end?: number | null;
  step?: number;
}
/** A copy of `x` with `src` in a slice along `dim`. */
export const sliceScatter = (x: Tensor, src: Tensor, { dim = 0, start = null, end = null, step = 1 }: SliceScatterOptions = {}): Tensor =>
  scatterView('sliceScatter', x, src, (t) => slice(t, dim, start, end, step));

export const diagonalMethods = { trace, diagonalScatter, selectScatter, sliceScatter };
