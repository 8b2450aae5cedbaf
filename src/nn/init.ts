// Initialisers. They change a tensor in place, outside of the graph.

import { noGrad } from '../autograd/mode.ts';
import { fillRandom } from '../ops/create.ts';
import { fill } from '../ops/raw.ts';
import { ShapeError } from '../runtime/errors.ts';
import type { Generator } from '../runtime/random.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { isLazy } from './parameter.ts';

/** Runs an in-place initialisation; a lazy parameter is left alone, as in PyTorch. */
function change(t: Tensor, fn: () => void): Tensor {
  if (isLazy(t)) return t;
  noGrad(fn);
  t.storage.version++;
  return t;
}

export interface RandomInit {
  generator?: Generator;
}

/** Uniform values in [a, b). */
export const uniform_ = (t: Tensor, a = 0, b = 1, { generator }: RandomInit = {}): Tensor =>
  change(t, () => fillRandom(t, 'uniform', a, b, generator));
/** Normal values. */
export const normal_ = (t: Tensor, mean = 0, std = 1, { generator }: RandomInit = {}): Tensor =>
  change(t, () => fillRandom(t, 'normal', mean, std, generator));
/** One value everywhere. */
export const constant_ = (t: Tensor, value: number): Tensor => change(t, () => fill(t, value));
/** Zeros. */
export const zeros_ = (t: Tensor): Tensor => constant_(t, 0);
/** Ones. */
export const ones_ = (t: Tensor): Tensor => constant_(t, 1);

/** Inputs and outputs of a weight [out, in, ...kernel]: [in · kernel area, out · kernel area]. */
export function calculateFanInAndFanOut(t: Tensor): { fanIn: number; fanOut: number } {
  if (t.ndim < 2) throw new ShapeError(`init: fan in and fan out need a weight of at least 2 dimensions, got ${show(t.shape)}`);
  const area = t.shape.slice(2).reduce((a, b) => a * b, 1);
  return { fanIn: t.shape[1] * area, fanOut: t.shape[0] * area };
}

/** Factor by which the standard deviation grows for an activation. */
export function calculateGain(activation: 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu', negativeSlope = 0.01): number {
  const gains = { linear: 1, sigmoid: 1, tanh: 5 / 3, relu: Math.SQRT2, leakyRelu: Math.sqrt(2 / (1 + negativeSlope ** 2)), selu: 3 / 4 };
  return gains[activation];
}

/** U(-a, a), a = gain·√(6 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierUniform_(t: Tensor, { gain = 1, generator }: RandomInit & { gain?: number } = {}): Tensor {
  if (isLazy(t)) return t;
  const { fanIn, fanOut } = calculateFanInAndFanOut(t);
  const a = gain * Math.sqrt(6 / (fanIn + fanOut));
  return uniform_(t, -a, a, { generator });
}

/** N(0, gain²·2 / (fanIn + fanOut)) (Glorot and Bengio, 2010). */
export function xavierNormal_(t: Tensor, { gain = 1, generator }: RandomInit & { gain?: number } = {}): Tensor {
  if (isLazy(t)) return t;
  const { fanIn, fanOut } = calculateFanInAndFanOut(t);
  return normal_(t, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), { generator });
}

export interface KaimingOptions extends RandomInit {
  /** Negative slope of the rectifier. */
  a?: number;
  mode?: 'fanIn' | 'fanOut';
}

/** U(-b, b), b = gain·√(3 / fan) for rectifiers (He et al., 2015). */
export function kaimingUniform_(t: Tensor, { a = 0, mode = 'fanIn', generator }: KaimingOptions = {}): Tensor {
  if (isLazy(t)) return t;
  const b = calculateGain('leakyRelu', a) * Math.sqrt(3 / calculateFanInAndFanOut(t)[mode]);
  return uniform_(t, -b, b, { generator });
}

/** N(0, gain² / fan) for rectifiers (He et al., 2015). */
export function kaimingNormal_(t: Tensor, { a = 0, mode = 'fanIn', generator }: KaimingOptions = {}): Tensor {
  if (isLazy(t)) return t;
  return normal_(t, 0, calculateGain('leakyRelu', a) / Math.sqrt(calculateFanInAndFanOut(t)[mode]), { generator });
}
