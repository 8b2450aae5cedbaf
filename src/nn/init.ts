// Initialisers. They change a tensor in place, outside of the graph.

import { noGrad } from '../autograd/mode.ts';
import { qr } from '../linalg/qr.ts';
import { eye, fillRandom, full, rand, randn, randperm } from '../ops/create.ts';
import { add, clamp, erf, erfinv, mul, sign, sub } from '../ops/elementwise.ts';
import { indexFill } from '../ops/gather.ts';
import { copyInto, empty, fill } from '../ops/raw.ts';
import { diagonal, narrow, reshape, select, transpose, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
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

/** Normal values that lie between `a` and `b`: uniform ones through the inverse of the distribution function. */
export function truncNormal_(t: Tensor, mean = 0, std = 1, a = -2, b = 2, { generator }: RandomInit = {}): Tensor {
  if (!(std > 0) || !(a < b)) throw new ValueError(`truncNormal_: std ${std} must be greater than 0, and a ${a} less than b ${b}`);
  return change(t, () => {
    // 2 Φ(z) - 1 = erf(z / √2)
    const [low, high] = [a, b].map((v) => erf(full([], (v - mean) / (std * Math.SQRT2), { dtype: 'float64' })));
    const u = add(mul(rand(t.shape, { dtype: 'float64', generator }), sub(high, low)), low);
    const x = add(mul(erfinv(u), std * Math.SQRT2), mean);
    copyInto(t, clamp(x, { min: a, max: b }));
  });
}
/** The identity matrix (ones on the diagonal). ShapeError unless the tensor has 2 dimensions. */
export function eye_(t: Tensor): Tensor {
  if (!isLazy(t) && t.ndim !== 2) throw new ShapeError(`eye_: the tensor is ${show(t.shape)}; expected 2 dimensions`);
  return change(t, () => copyInto(t, eye(t.shape[0], t.shape[1], { dtype: t.dtype })));
}

/** A convolution's weight that passes channel i to channel i of each group: [out, in, K], [out, in, KH, KW] or [out, in, KD, KH, KW]. */
export function dirac_(t: Tensor, { groups = 1 }: { groups?: number } = {}): Tensor {
  if (isLazy(t)) return t;
  if (t.ndim < 3 || t.ndim > 5) throw new ShapeError(`dirac_: the tensor is ${show(t.shape)}; expected a weight of 3, 4 or 5 dimensions`);
  if (!Number.isInteger(groups) || groups < 1 || t.shape[0] % groups !== 0)
    throw new ValueError(`dirac_: groups ${groups} must divide the ${t.shape[0]} output channels`);
  const perGroup = t.shape[0] / groups;
  return change(t, () => {
    fill(t, 0);
    for (let g = 0; g < groups; g++)
      for (let i = 0; i < Math.min(perGroup, t.shape[1]); i++) {
        let place = select(select(t, 0, g * perGroup + i), 0, i);
        while (place.ndim > 0) place = select(place, 0, Math.floor(place.shape[0] / 2));
        fill(place, 1);
      }
  });
}

/** A random matrix with orthonormal rows or columns, times gain (Saxe et al., 2014); further dimensions count as columns. */
export function orthogonal_(t: Tensor, { gain = 1, generator }: RandomInit & { gain?: number } = {}): Tensor {
  if (isLazy(t)) return t;
  if (t.ndim < 2) throw new ShapeError(`orthogonal_: the tensor is ${show(t.shape)}; expected at least 2 dimensions`);
  if (t.numel === 0) return t;
  const rows = t.shape[0];
  const columns = t.numel / rows;
  return change(t, () => {
    const [m, n] = [Math.max(rows, columns), Math.min(rows, columns)];
    const { Q, R } = qr(randn([m, n], { dtype: 'float64', generator }));
    // the signs of R's diagonal make Q uniform over all orthonormal frames (Mezzadri, 2007)
    const frame = mul(Q, unsqueeze(sign(diagonal(R)), 0));
    copyInto(t, mul(reshape(rows < columns ? transpose(frame, 0, 1) : frame, t.shape), gain));
  });
}

/** Normal values of deviation `std` where a share `sparsity` of every column is zero, at random places (Martens, 2010). */
export function sparse_(t: Tensor, sparsity: number, { std = 0.01, generator }: RandomInit & { std?: number } = {}): Tensor {
  if (isLazy(t)) return t;
  if (t.ndim !== 2) throw new ShapeError(`sparse_: the tensor is ${show(t.shape)}; expected 2 dimensions`);
  if (!(sparsity >= 0 && sparsity <= 1)) throw new ValueError(`sparse_: sparsity ${sparsity} must lie between 0 and 1`);
  const [rows, columns] = t.shape;
  const zeros = Math.ceil(sparsity * rows);
  normal_(t, 0, std, { generator });
  return change(t, () => {
    for (let c = 0; c < columns; c++) {
      const at = narrow(randperm(rows, { generator }), 0, 0, zeros);
      const column = select(t, 1, c);
      copyInto(column, indexFill(column, 0, at, 0));
    }
  });
}
