// The bilinear form of two vectors.

import { DTypeError, ShapeError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, mul } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { sum } from './reduce.ts';
import { permute, reshape, unsqueeze } from './view.ts';

/** y[k] = x1ᵀ W[k] x2 + b[k] over the last dimensions: x1 [..., I], x2 [..., J], weight [K, I, J], bias [K] -> [..., K]. */
export function bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  return composed(() => {
    const name = 'bilinear';
    if (weight.ndim !== 3) throw new ShapeError(`${name}: weight is ${show(weight.shape)}; expected [out, in1, in2]`);
    const [K, I, J] = weight.shape;
    const [l1, l2] = [x1.shape.slice(0, -1), x2.shape.slice(0, -1)];
    if (x1.ndim < 1 || !sameShape(l1, l2) || x1.shape[x1.ndim - 1] !== I || x2.shape[x2.ndim - 1] !== J)
      throw new ShapeError(
        `${name}: x1 ${show(x1.shape)} and x2 ${show(x2.shape)} must be [..., ${I}] and [..., ${J}] for weight ${show(weight.shape)}`,
      );
    if (bias !== null && !sameShape(bias.shape, [K])) throw new ShapeError(`${name}: bias is ${show(bias.shape)}; expected [${K}]`);
    if (x1.dtype !== x2.dtype || x1.dtype !== weight.dtype)
      throw new DTypeError(`${name}: x1 is ${x1.dtype}, x2 ${x2.dtype} and weight ${weight.dtype}; all must have one dtype`);
    const n = l1.reduce((a, b) => a * b, 1);
    const left = matmul(reshape(x1, [n, I]), reshape(permute(weight, [1, 0, 2]), [I, K * J]));
    const y = sum(mul(reshape(left, [n, K, J]), unsqueeze(reshape(x2, [n, J]), 1)), { dim: 2 });
    return reshape(bias === null ? y : add(y, bias), [...l1, K]);
  });
}
