// Gather, scatter and selection of rows by index tensors.

import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, ShapeError } from '../runtime/errors.ts';
import { normalizeDim, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { gatherRaw, indexRaw } from './gather-raw.ts';
import { cast, dense, empty, fill } from './raw.ts';
import { reshape } from './view.ts';

function checkIndex(name: string, index: Tensor): Tensor {
  if (index.dtype !== 'int64' && index.dtype !== 'int32' && index.dtype !== 'uint8')
    throw new DTypeError(`${name}: the index is ${index.dtype}; it must be int64, int32 or uint8`);
  return dense(cast(index, 'int64'));
}

/** Slices of `x` along `dim` at the positions of a 1-d integer tensor. */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  const d = normalizeDim('indexSelect', dim, x.ndim);
  if (index.ndim > 1) throw new ShapeError(`indexSelect: the index has shape ${show(index.shape)}; it must be 1-d`);
  const idx = checkIndex('indexSelect', index);
  if (x.ndim === 0) return reshape(indexSelect(reshape(x, [1]), 0, index), []);
  const out = empty([...x.shape.slice(0, d), idx.numel, ...x.shape.slice(d + 1)], x.dtype);
  indexRaw('indexSelect', 'get', x, d, [idx], out);
  if (mustRecord([x])) record('indexSelect', [x], [out], [idx], ([g], [i]) => [g === null ? null : indexAddZeros(g, x.shape, d, i)]);
  return out;
}

/** Zeros of `shape` with the slices of `g` added at the positions: the gradient of indexSelect. Differentiable in `g`. */
function indexAddZeros(g: Tensor, shape: readonly number[], d: number, idx: Tensor): Tensor {
  const out = empty(shape, g.dtype);
  fill(out, 0);
  indexRaw('indexAdd', 'add', out, d, [idx], dense(g));
  if (mustRecord([g])) record('indexAdd', [g], [out], [idx], ([gg], [i]) => [gg === null ? null : indexSelect(gg, d, i)]);
  return out;
}

/** out[i][j]… = x[index[i][j]…][j]… along `dim`; the index has as many dimensions as `x`. */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  const d = normalizeDim('gather', dim, x.ndim);
  if (index.ndim !== x.ndim || index.shape.some((n, i) => i !== d && n > x.shape[i])) {
    throw new ShapeError(
      `gather: the index has shape ${show(index.shape)} and x has ${show(x.shape)}; they need equally many dimensions, and the index may be longer along dim ${d} only`,
    );
  }
  const idx = checkIndex('gather', index);
  const out = empty(index.shape, x.dtype);
  gatherRaw('gather', 'get', x, d, idx, out);
  if (mustRecord([x])) record('gather', [x], [out], [idx], ([g], [i]) => [g === null ? null : scatterAddZeros(g, x.shape, d, i)]);
  return out;
}

function scatterAddZeros(g: Tensor, shape: readonly number[], d: number, idx: Tensor): Tensor {
  const out = empty(shape, g.dtype);
  fill(out, 0);
  gatherRaw('scatterAdd', 'add', out, d, idx, g);
  if (mustRecord([g])) record('scatterAdd', [g], [out], [idx], ([gg], [i]) => [gg === null ? null : gather(gg, d, i)]);
  return out;
}

export const gatherMethods = { indexSelect, gather };
