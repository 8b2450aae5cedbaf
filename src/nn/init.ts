// Initialisers by distributions and fans, as layers use them. They change a tensor in place, outside of the graph; structured ones are in init-structured.ts.

import { noGrad } from '../autograd/mode.ts';
import { fillRandom } from '../ops/create.ts';
import { copyInto, empty, fill } from '../ops/raw.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { Generator } from '../runtime/random.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { isLazy } from './parameter.ts';

/** Runs an in-place initialisation; a lazy parameter is left alone, as in PyTorch. */
export function change(t: Tensor, fn: () => void): Tensor {
  if (isLazy(t)) return t;
  noGrad(fn);
  t.storage.version++;
  return t;
}

/** Random numbers in a tensor of any strides. */
function draw(t: Tensor, kind: 'uniform' | 'normal', a: number, b: number, generator: Generator | undefined): Tensor {
  return change(t, () => {
    if (t.contiguousNow) return fillRandom(t, kind, a, b, generator);
    const dense = empty(t.shape, t.dtype);
    fillRandom(dense, kind, a, b, generator);
    copyInto(t, dense);
  });
}

export interface RandomInit {
  generator?: Generator;
}

/** Uniform values in [a, b). */
export const uniform_ = (t: Tensor, a = 0, b = 1, { generator }: RandomInit = {}): Tensor => draw(t, 'uniform', a, b, generator);
/** Normal values. */
export const normal_ = (t: Tensor, mean = 0, std = 1, { generator }: RandomInit = {}): Tensor => draw(t, 'normal', mean, std, generator);
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

const gains = {
  linear: () => 1,
  conv1d: () => 1,
  conv2d: () => 1,
  conv3d: () => 1,
  convTranspose1d: () => 1,
  convTranspose2d: () => 1,
  convTranspose3d: () => 1,
  sigmoid: () => 1,
  tanh: () => 5 / 3,
  relu: () => Math.SQRT2,
  leakyRelu: (slope: number) => Math.sqrt(2 / (1 + slope ** 2)),
  selu: () => 3 / 4,
} as const;
/** What calculateGain knows. */
export type Nonlinearity = keyof typeof gains;

/** Factor by which the standard deviation of weights grows in front of a nonlinearity; `negativeSlope` is leakyRelu's. */
export function calculateGain(nonlinearity: Nonlinearity, negativeSlope = 0.01): number {
  if (!Object.hasOwn(gains, nonlinearity))
    throw new ValueError(`calculateGain: '${String(nonlinearity)}' is unknown; use ${Object.keys(gains).join(', ')}`);
  return gains[nonlinearity](negativeSlope);
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
  /** Keep the variance of the activations ('fanIn') or of the gradients ('fanOut'). */
  mode?: 'fanIn' | 'fanOut';
  /** What follows the weight. */
  nonlinearity?: Nonlinearity;
}

/** gain / √fan, or null for a tensor that is left alone. */
function kaimingScale(name: string, t: Tensor, { a = 0, mode = 'fanIn', nonlinearity = 'leakyRelu' }: KaimingOptions): number | null {
  if (isLazy(t)) return null;
  if (mode !== 'fanIn' && mode !== 'fanOut') throw new ValueError(`${name}: mode '${String(mode)}' is unknown; use 'fanIn' or 'fanOut'`);
  if (t.numel === 0) return null;
  return calculateGain(nonlinearity, a) / Math.sqrt(calculateFanInAndFanOut(t)[mode]);
}

/** U(-b, b), b = gain·√(3 / fan) for rectifiers (He et al., 2015). */
export function kaimingUniform_(t: Tensor, options: KaimingOptions = {}): Tensor {
  const scale = kaimingScale('kaimingUniform_', t, options);
  return scale === null ? t : uniform_(t, -scale * Math.sqrt(3), scale * Math.sqrt(3), options);
}

/** N(0, gain² / fan) for rectifiers (He et al., 2015). */
export function kaimingNormal_(t: Tensor, options: KaimingOptions = {}): Tensor {
  const scale = kaimingScale('kaimingNormal_', t, options);
  return scale === null ? t : normal_(t, 0, scale, options);
}
