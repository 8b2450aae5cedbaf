// Joining tensors: cat and stack.

import { mustRecord, record } from '../autograd/node.ts';
import { ShapeError } from '../runtime/errors.ts';
import { promoteTypes } from '../tensor/dtype.ts';
import { normalizeDim, sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { alias, copyInto, empty } from './raw.ts';
import { narrow, unsqueeze } from './view.ts';

/** Joins tensors along an existing dimension; all other sizes must be equal. Empty 1-d tensors are skipped. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new ShapeError('cat: got an empty list; give at least one tensor');
  const parts = tensors.filter((t) => !(t.ndim === 1 && t.shape[0] === 0));
  if (parts.length === 0) return tensors[0];
  const first = parts[0];
  if (first.ndim === 0) throw new ShapeError('cat: 0-d tensors cannot be joined; use stack');
  const d = normalizeDim('cat', dim, first.ndim);
  for (const t of parts) {
    if (t.ndim !== first.ndim || t.shape.some((n, i) => i !== d && n !== first.shape[i])) {
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
  parts.forEach((t, i) => {
    const size = first.shape.slice();
    size[d] = sizes[i];
    copyInto(alias(out, size, out.strides, at * out.strides[d]), t);
    at += sizes[i];
  });
  if (mustRecord(parts)) {
    record('cat', parts, [out], [], ([g], _, node) => {
      let start = 0;
      return parts.map((t, i) => {
        const from = start;
        start += sizes[i];
        return g === null || !node.needs(i) ? null : to(narrow(g, d, from, sizes[i]), t.dtype);
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
