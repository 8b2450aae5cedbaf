// Dropout: random zeros in training.

import { mustRecord, record } from '../autograd/node.ts';
import { fillRandom } from '../ops/create.ts';
import { empty, ewise, loadProgram, type Program } from '../ops/raw.ts';
import { input, mul, param } from '../ops/scalar.ts';
import { ValueError } from '../runtime/errors.ts';
import type { Generator } from '../runtime/random.ts';
import { computeTypeOf } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';

let program: Program | null = null;

/** x·mask·scale, the mask being bytes of 0 and 1. Its derivative is itself. */
function masked(x: Tensor, mask: Tensor, scale: number): Tensor {
  program ??= loadProgram([mul(mul(input(0), input(1)), param(0))], 2);
  const out = empty(x.shape, x.dtype);
  ewise('dropout', program, [out], [x, mask], [scale], computeTypeOf[x.dtype]);
  if (mustRecord([x])) record('dropout', [x], [out], [mask], ([g], [m]) => [g === null ? null : masked(g, m, scale)]);
  return out;
}

/** In training, zeroes each element with probability p and divides the rest by 1 - p; otherwise gives `x` itself. */
export function dropout(
  x: Tensor,
  { p = 0.5, training = true, generator }: { p?: number; training?: boolean; generator?: Generator } = {},
): Tensor {
  if (!(p >= 0 && p <= 1)) throw new ValueError(`dropout: p ${p} must be a probability from 0 to 1`);
  if (!training || p === 0) return x;
  const mask = empty(x.shape, 'bool');
  fillRandom(mask, 'bernoulli', 1 - p, 0, generator);
  return masked(x, mask, p === 1 ? 0 : 1 / (1 - p));
}
