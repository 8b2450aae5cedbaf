// Conversion between dtypes, with gradients between floating-point types.

import { mustRecord, record } from '../autograd/node.ts';
import { checkDType, type DType, isFloating } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { helpers } from './elementwise-apply.ts';
import { copy } from './raw.ts';

/** The values as `dtype` (floats to integers truncate towards zero); `x` itself when it has that dtype and no copy is asked for. */
export function to(x: Tensor, dtype: DType, { copy: force = false }: { copy?: boolean } = {}): Tensor {
  checkDType(dtype);
  if (x.dtype === dtype && !force) return x;
  const out = copy(x, dtype);
  const from = x.dtype; // the closure must not hold x
  if (isFloating(dtype) && mustRecord([x])) record('to', [x], [out], [], ([g]) => [g === null ? null : to(g, from)]);
  return out;
}
helpers.cast = to;

/** The values as float32. */
export const toFloat = (x: Tensor): Tensor => to(x, 'float32');
/** The values as float64. */
export const toDouble = (x: Tensor): Tensor => to(x, 'float64');
/** The values as int64. */
export const toLong = (x: Tensor): Tensor => to(x, 'int64');
/** The values as int32. */
export const toInt = (x: Tensor): Tensor => to(x, 'int32');
/** True where the value is not zero. */
export const toBool = (x: Tensor): Tensor => to(x, 'bool');
