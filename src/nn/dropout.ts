// Dropout: random zeros in training, of single elements or of whole channels; and the Gumbel softmax.

import { mustRecord, record } from '../autograd/node.ts';
import { fillRandom, rand, zerosLike } from '../ops/create.ts';
import { add, div, log, neg, sub } from '../ops/elementwise.ts';
import { scatter } from '../ops/gather.ts';
import { empty, ewise, loadProgram, type Program } from '../ops/raw.ts';
import { argmax } from '../ops/reduce.ts';
import { input, sub as minus, param, add as plus, mul as times } from '../ops/scalar.ts';
import { softmax } from '../ops/softmax.ts';
import { detach } from '../ops/view.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import type { Generator } from '../runtime/random.ts';
import { computeTypeOf, isFloating } from '../tensor/dtype.ts';
import { type Shape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

export interface DropoutOptions {
  /** Probability of a zero. */
  p?: number;
  /** Without it the input passes unchanged. */
  training?: boolean;
  generator?: Generator;
}

let program: Program | null = null;
let alphaProgram: Program | null = null;

/** x·mask·scale, the mask being bytes of 0 and 1 that broadcast. Its derivative is itself. */
function masked(x: Tensor, mask: Tensor, scale: number): Tensor {
  program ??= loadProgram([times(times(input(0), input(1)), param(0))], 2);
  const out = empty(x.shape, x.dtype);
  ewise('dropout', program, [out], [x, mask], [scale], computeTypeOf[x.dtype]);
  if (mustRecord([x])) record('dropout', [x], [out], [mask], ([g], [m]) => [g === null ? null : masked(g, m, scale)]);
  return out;
}

/** (x·mask + level·(1 - mask))·scale + shift: dropped elements get a level in place of 0. */
function maskedTo(x: Tensor, mask: Tensor, level: number, scale: number, shift: number): Tensor {
  const kept = plus(times(input(0), input(1)), times(param(0), minus(1, input(1))));
  alphaProgram ??= loadProgram([plus(times(kept, param(1)), param(2))], 2);
  const out = empty(x.shape, x.dtype);
  ewise('alphaDropout', alphaProgram, [out], [x, mask], [level, scale, shift], computeTypeOf[x.dtype]);
  if (mustRecord([x])) record('alphaDropout', [x], [out], [mask], ([g], [m]) => [g === null ? null : masked(g, m, scale)]);
  return out;
}

function checkDropout(name: string, x: Tensor, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ValueError(`${name}: p ${p} must be a probability from 0 to 1`);
  if (!isFloating(x.dtype)) throw new DTypeError(`${name}: x is ${x.dtype}; cast it with .to('float32')`);
}

/** A mask of ones with probability 1 - p. */
function drawMask(shape: Shape, p: number, generator: Generator | undefined): Tensor {
  const mask = empty(shape, 'bool');
  fillRandom(mask, 'bernoulli', 1 - p, 0, generator);
  return mask;
}

/** In training, zeroes each element with probability p and divides the rest by 1 - p; otherwise gives `x` itself. */
export function dropout(x: Tensor, { p = 0.5, training = true, generator }: DropoutOptions = {}): Tensor {
  checkDropout('dropout', x, p);
  if (!training || p === 0) return x;
  return masked(x, drawMask(x.shape, p, generator), p === 1 ? 0 : 1 / (1 - p));
}

/** The shape of a mask with one entry per channel: x has `spatial` dimensions behind [N, C] or [C]. */
function channelShape(name: string, x: Tensor, spatial: number): Shape {
  if (x.ndim !== spatial + 1 && x.ndim !== spatial + 2)
    throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C] or [C] and ${spatial} further dimension(s)`);
  return x.shape.map((n, i) => (i < x.ndim - spatial ? n : 1));
}

const channelDropout =
  (name: string, spatial: number) =>
  (x: Tensor, { p = 0.5, training = true, generator }: DropoutOptions = {}): Tensor => {
    checkDropout(name, x, p);
    const shape = channelShape(name, x, spatial);
    if (!training || p === 0) return x;
    return masked(x, drawMask(shape, p, generator), p === 1 ? 0 : 1 / (1 - p));
  };

/** Zeroes whole channels in training: x [N, C, L] or [C, L]. */
export const dropout1d = channelDropout('dropout1d', 1);
/** Zeroes whole channels in training: x [N, C, H, W] or [C, H, W]. */
export const dropout2d = channelDropout('dropout2d', 2);
/** Zeroes whole channels in training: x [N, C, D, H, W] or [C, D, H, W]. */
export const dropout3d = channelDropout('dropout3d', 3);

// The value that selu approaches at -∞: -scale·alpha (Klambauer et al., 2017).
const SELU_FLOOR = -1.7580993408473766;

function dropToFloor(x: Tensor, shape: Shape, p: number, generator: Generator | undefined): Tensor {
  if (p === 1) return masked(x, drawMask(shape, 1, generator), 0);
  // keeps mean 0 and variance 1 of a selu network's activations
  const scale = 1 / Math.sqrt((1 - p) * (1 + p * SELU_FLOOR ** 2));
  return maskedTo(x, drawMask(shape, p, generator), SELU_FLOOR, scale, -scale * SELU_FLOOR * p);
}

/** Dropout for selu networks: dropped elements take selu's lower bound, and an affine map keeps mean and variance (Klambauer et al., 2017). */
export function alphaDropout(x: Tensor, { p = 0.5, training = false, generator }: DropoutOptions = {}): Tensor {
  checkDropout('alphaDropout', x, p);
  return !training || p === 0 ? x : dropToFloor(x, x.shape, p, generator);
}

/** As alphaDropout, for whole channels: x [N, C, ...]. */
export function featureAlphaDropout(x: Tensor, { p = 0.5, training = false, generator }: DropoutOptions = {}): Tensor {
  checkDropout('featureAlphaDropout', x, p);
  if (!training || p === 0) return x;
  if (x.ndim < 2) throw new ShapeError(`featureAlphaDropout: x is ${show(x.shape)}; expected [N, C, ...]`);
  return dropToFloor(
    x,
    x.shape.map((n, i) => (i < 2 ? n : 1)),
    p,
    generator,
  );
}

/**
 * Samples of a categorical distribution that gradients pass through (Jang et al., 2017): softmax of (logits + Gumbel noise) / tau along `dim`;
 * `hard` gives one-hot vectors with the gradient of the soft ones.
 */
export function gumbelSoftmax(
  logits: Tensor,
  { tau = 1, hard = false, dim = -1, generator }: { tau?: number; hard?: boolean; dim?: number; generator?: Generator } = {},
): Tensor {
  if (!isFloating(logits.dtype)) throw new DTypeError(`gumbelSoftmax: the logits are ${logits.dtype}; cast them with .to('float32')`);
  if (!(tau > 0)) throw new ValueError(`gumbelSoftmax: tau ${tau} must be greater than 0`);
  const u = sub(1, rand(logits.shape, { dtype: logits.dtype, generator })); // in (0, 1], so that its logarithm is finite
  const soft = softmax(div(add(logits, neg(log(neg(log(u))))), tau), dim);
  if (!hard) return soft;
  const at = argmax(soft, { dim, keepdim: true });
  const exact = scatter(zerosLike(soft), dim, at, 1);
  return add(detach(sub(exact, soft)), soft);
}
