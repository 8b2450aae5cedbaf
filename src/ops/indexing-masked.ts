// Operations under a mask of booleans, and the positions of what is not zero.

import { DTypeError, ShapeError } from '../runtime/errors.ts';
import { broadcastShapes } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { fromTyped } from './create.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { indexSelect, writeBack } from './gather.ts';
import { dense, readWindow } from './raw.ts';
import { input, where } from './scalar.ts';
import { clone, expand, flatten, reshape, select } from './view.ts';

function checkMask(name: string, mask: Tensor): void {
  if (mask.dtype !== 'bool') throw new DTypeError(`${name}: the mask is ${mask.dtype}; it must be bool, cast it with .to('bool')`);
}

/** Row-major positions of the elements that are not 0. */
function positionsOf(x: Tensor): number[] {
  const w = readWindow(dense(x), 'positions under a mask');
  const out: number[] = [];
  for (let i = 0; i < w.length; i++) if (Number(w[i]) !== 0) out.push(i);
  return out;
}

/** Positions [n, ndim] (int64) of the elements that are not 0, in row-major order. */
export function nonzeroRows(x: Tensor): Tensor {
  const at = positionsOf(x);
  const { shape } = x;
  const out = new BigInt64Array(at.length * x.ndim);
  for (let k = 0; k < at.length; k++) {
    let rest = at[k];
    for (let d = x.ndim - 1; d >= 0; d--) {
      out[k * x.ndim + d] = BigInt(rest % shape[d]);
      rest = Math.floor(rest / shape[d]);
    }
  }
  return fromTyped(out, [at.length, x.ndim]);
}
/** The overloads of nonzero. */
export interface Nonzero {
  (x: Tensor, options?: { asTuple?: false }): Tensor;
  (x: Tensor, options: { asTuple: true }): Tensor[];
}
/** Positions [n, ndim] (int64) of the elements that are not 0, in row-major order; `asTuple`: one 1-d tensor per dimension. */
export const nonzero = ((x: Tensor, { asTuple = false }: { asTuple?: boolean } = {}): Tensor | Tensor[] => {
  if (!asTuple) return nonzeroRows(x);
  const rows = nonzeroRows(x.ndim === 0 ? reshape(x, [1]) : x);
  return Array.from({ length: Math.max(x.ndim, 1) }, (_, d) => clone(select(rows, 1, d)));
}) as Nonzero;
/** Another name of nonzero. */
export const argwhere = (x: Tensor): Tensor => nonzeroRows(x);

const fillOp: ElementwiseOp = {
  name: 'maskedFill',
  doc: 'value where the mask is true',
  arity: 3,
  expr: where(input(0), input(1), input(2)),
  dtype: 'same',
  masks: [0, 1],
};
/** The elements of `x` where the mask is true (both broadcast), as a 1-d tensor. */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  checkMask('maskedSelect', mask);
  const shape = broadcastShapes('maskedSelect', x.shape, mask.shape);
  const at = BigInt64Array.from(positionsOf(expand(mask, shape)), BigInt);
  return indexSelect(flatten(expand(x, shape)), 0, fromTyped(at, [at.length]));
}

/** A copy of `x` where the places under the mask take the elements of `source` in order. */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  checkMask('maskedScatter', mask);
  if (source.dtype !== x.dtype) throw new DTypeError(`maskedScatter: source is ${source.dtype} and x is ${x.dtype}; cast one of them`);
  const shape = broadcastShapes('maskedScatter', x.shape, mask.shape);
  const wide = expand(mask, shape);
  const at = positionsOf(wide);
  if (at.length > source.numel)
    throw new ShapeError(`maskedScatter: the mask has ${at.length} true places, but source has only ${source.numel} element(s)`);
  if (at.length === 0) return clone(expand(x, shape));
  const from = new BigInt64Array(wide.numel);
  at.forEach((p, k) => {
    from[p] = BigInt(k);
  });
  const taken = reshape(indexSelect(flatten(source), 0, fromTyped(from, [from.length])), shape);
  return apply(fillOp, [wide, taken, x]);
}

export const maskedMethods = {
  argwhere,
  maskedSelect,
  maskedScatter,
  maskedScatter_: writeBack(maskedScatter),
};
/** Overloaded methods: typed by hand in src/tensor/methods.ts. */
export const nonzeroMethods = { nonzero };
