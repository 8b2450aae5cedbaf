// All parameters as one vector, and back.

import { noGrad } from '../autograd/mode.ts';
import { changedOutsideGraph } from '../ops/inplace.ts';
import { cat } from '../ops/join.ts';
import { copyInto } from '../ops/raw.ts';
import { flatten, narrow, reshape } from '../ops/view.ts';
import { ShapeError } from '../runtime/errors.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** The elements of all tensors, one after another, as a 1-d tensor. Differentiable. */
export const parametersToVector = (parameters: Iterable<Tensor>): Tensor => cat([...parameters].map((p) => flatten(p)));

/** Writes the elements of a 1-d tensor into the parameters, one after another. ShapeError unless there are as many. */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  const list = [...parameters];
  const total = list.reduce((n, p) => n + p.numel, 0);
  if (vector.ndim !== 1 || vector.numel !== total)
    throw new ShapeError(`vectorToParameters: the vector is ${show(vector.shape)}; the parameters have ${total} element(s) together`);
  noGrad(() => {
    let at = 0;
    for (const p of list) {
      copyInto(p, reshape(narrow(vector, 0, at, p.numel), p.shape));
      changedOutsideGraph('vectorToParameters', p);
      at += p.numel;
    }
  });
}
