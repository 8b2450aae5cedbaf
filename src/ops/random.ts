// Random numbers by distribution: as functions of tensors of parameters, and as in-place methods. All are seeded by a generator.

import { isGradEnabled, noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, GradError, ShapeError, ValueError } from '../runtime/errors.ts';
import { type Generator, HostRandom } from '../runtime/random.ts';
import { checkingValues } from '../runtime/recording.ts';
import { computeTypeOf, isFloating } from '../tensor/dtype.ts';
import { broadcastShapes, type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { fillRandom, type RandomOptions, randn, random, writeValues } from './create.ts';
import { copy_, mul } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { changedOutsideGraph } from './inplace.ts';
import { logGammaGradient, sampleBinomial, sampleByWeight, sampleLogGamma, samplePoisson } from './random-host.ts';
import { cast, copyInto, dense, empty, ewise, loadProgram, type Program, readWindow } from './raw.ts';
import { itemSync } from './read.ts';
import { amax, amin } from './reduce.ts';
import { add, call, div, type Expr, exp, input, log1p, lt, max, neg, param, sub, tan, mul as times } from './scalar.ts';
import { detach, expand } from './view.ts';

export interface GeneratorOption {
  /** Default: the default generator. */
  generator?: Generator;
}

const shifted: ElementwiseOp = { name: 'normal', doc: 'a + b·z', arity: 3, expr: add(input(1), times(input(2), input(0))), dtype: 'float' };
/**
 * Normal random numbers: with mean and deviation given as numbers, of the given shape; with one of them a tensor, of their broadcast
 * shape. ValueError for a negative deviation.
 */
export function normal(mean: number, std: number, shape: Shape, options?: RandomOptions): Tensor;
export function normal(mean: Tensor | number, std: Tensor | number, options?: GeneratorOption): Tensor;
export function normal(
  mean: Tensor | number,
  std: Tensor | number,
  shapeOrOptions: Shape | GeneratorOption = {},
  options: RandomOptions = {},
): Tensor {
  if (typeof mean === 'number' && typeof std === 'number') {
    if (!Array.isArray(shapeOrOptions))
      throw new ShapeError('normal: the shape is missing; give it behind mean and deviation, or give tensors');
    checkAtLeastZero('normal: the standard deviation', std);
    return random('normal', 'normal', shapeOrOptions, mean, std, options);
  }
  const { generator } = shapeOrOptions as GeneratorOption;
  checkAtLeastZero('normal: the standard deviation', std);
  const tensors = [mean, std].filter((t): t is Tensor => t instanceof Tensor);
  const z = randn(broadcastShapes('normal', ...tensors.map((t) => t.shape)), {
    generator,
    dtype: tensors.some((t) => t.dtype === 'float64') ? 'float64' : 'float32',
  });
  return noGrad(() => apply(shifted, [z, mean, std]));
}

/** Throws a ValueError unless all values are at least 0. */
function checkAtLeastZero(what: string, x: Tensor | number): void {
  const list: ArrayLike<number> = typeof x === 'number' ? [x] : checkingValues(() => numbersOf(x));
  for (let i = 0; i < list.length; i++)
    if (!(list[i] >= 0)) throw new ValueError(`${what} has the value ${list[i]}; all must be at least 0`);
}

/** The elements as float64, on the host. */
export const numbersOf = (x: Tensor): Float64Array => readWindow(dense(cast(x, 'float64')), 'numbers on the host').slice() as Float64Array;

/** A tensor of `x`'s shape and dtype made element by element on the host. */
export function mapOnHost(x: Tensor, fn: (v: number, i: number) => number): Tensor {
  const out = empty(x.shape, x.dtype);
  writeValues(out, numbersOf(x).map(fn));
  return out;
}

const fillers = new Map<string, Program>();
/** Changes the random numbers in a contiguous floating-point tensor to another distribution, in place. */
function transformRandom(name: string, expr: Expr, t: Tensor, numbers: readonly number[]): void {
  let program = fillers.get(name);
  if (program === undefined) fillers.set(name, (program = loadProgram([expr], 1)));
  ewise(name, program, [t], [t], numbers, computeTypeOf[t.dtype]);
}

/** Runs `fill` on `x`, or on a contiguous floating-point tensor that is then copied into `x`; recorded as a change without gradient. */
function refill(name: string, x: Tensor, fill: (t: Tensor) => void): Tensor {
  changedOutsideGraph(name, x);
  if (x.contiguousNow && isFloating(x.dtype) && !mustRecord([x])) fill(x);
  else {
    const t = empty(x.shape, isFloating(x.dtype) ? x.dtype : 'float64');
    fill(t);
    if (mustRecord([x])) copy_(x, t);
    else copyInto(x, t);
  }
  return x;
}

function needFloat(name: string, x: Tensor): void {
  if (!isFloating(x.dtype)) throw new DTypeError(`${name}: fills floating-point tensors, this one is ${x.dtype}`);
}

/** Fills with normal numbers. */
function normal_(x: Tensor, mean = 0, std = 1, { generator }: GeneratorOption = {}): Tensor {
  needFloat('normal_', x);
  if (!(std >= 0)) throw new ValueError(`normal_: the standard deviation ${std} must be at least 0`);
  return refill('normal', x, (t) => fillRandom(t, 'normal', mean, std, generator));
}
/** Fills with uniform numbers in [from, to). */
function uniform_(x: Tensor, from = 0, to = 1, { generator }: GeneratorOption = {}): Tensor {
  needFloat('uniform_', x);
  if (!(from <= to)) throw new ValueError(`uniform_: from ${from} must be at most to ${to}`);
  return refill('uniform', x, (t) => fillRandom(t, 'uniform', from, to, generator));
}
/** Fills with 1 with probability p (a number, or a tensor that broadcasts to this one), else 0. */
function bernoulli_(x: Tensor, p: number | Tensor = 0.5, { generator }: GeneratorOption = {}): Tensor {
  if (typeof p === 'number') checkProbability('bernoulli_', p);
  return refill('bernoulli', x, (t) => {
    if (typeof p === 'number') fillRandom(t, 'bernoulli', p, 0, generator);
    else copyInto(t, bernoulli(expand(p, x.shape), { generator }));
  });
}
/** Fills with exponential numbers of the given rate. */
function exponential_(x: Tensor, lambd = 1, { generator }: GeneratorOption = {}): Tensor {
  needFloat('exponential_', x);
  if (!(lambd > 0)) throw new ValueError(`exponential_: the rate ${lambd} must be above 0`);
  return refill('exponential', x, (t) => {
    fillRandom(t, 'uniform', 0, 1, generator);
    transformRandom('exponential', div(neg(log1p(neg(input(0)))), param(0)), t, [lambd]);
  });
}
/** Fills with Cauchy numbers. */
function cauchy_(x: Tensor, median = 0, sigma = 1, { generator }: GeneratorOption = {}): Tensor {
  needFloat('cauchy_', x);
  if (!(sigma > 0)) throw new ValueError(`cauchy_: sigma ${sigma} must be above 0`);
  return refill('cauchy', x, (t) => {
    fillRandom(t, 'uniform', 0, 1, generator);
    transformRandom('cauchy', add(param(0), times(param(1), tan(times(Math.PI, sub(input(0), 0.5))))), t, [median, sigma]);
  });
}
/** Fills with the exponentials of normal numbers; mean and deviation are those of the logarithm. */
function logNormal_(x: Tensor, mean = 1, std = 2, { generator }: GeneratorOption = {}): Tensor {
  needFloat('logNormal_', x);
  if (!(std > 0)) throw new ValueError(`logNormal_: the standard deviation ${std} must be above 0`);
  return refill('logNormal', x, (t) => {
    fillRandom(t, 'normal', mean, std, generator);
    transformRandom('logNormal', exp(input(0)), t, []);
  });
}
/** Fills with the number of trials up to the first success, 1, 2, …, for the success probability p. */
function geometric_(x: Tensor, p: number, { generator }: GeneratorOption = {}): Tensor {
  if (!(p > 0 && p < 1)) throw new ValueError(`geometric_: the probability ${p} must be between 0 and 1`);
  return refill('geometric', x, (t) => {
    fillRandom(t, 'uniform', 0, 1, generator);
    transformRandom('geometric', max(1, call('ceil', div(log1p(neg(input(0))), param(0)))), t, [Math.log1p(-p)]);
  });
}
// One above the largest number up to which a dtype holds all whole numbers.
const wholeLimit = {
  float32: 2 ** 24 + 1,
  float64: 2 ** 53,
  int64: 2 ** 53,
  int32: 2 ** 31,
  uint8: 256,
  bool: 2,
  float16: 2 ** 11 + 1,
  bfloat16: 2 ** 8 + 1,
};
/** Fills with whole numbers in [from, to); by default from 0 up to the largest that the dtype holds exactly. */
function random_(x: Tensor, from?: number, to?: number, { generator }: GeneratorOption = {}): Tensor {
  const [lo, hi] = to === undefined ? [0, from ?? wholeLimit[x.dtype]] : [from ?? 0, to];
  if (!(Number.isInteger(lo) && Number.isInteger(hi) && lo < hi))
    throw new ValueError(`random_: from ${lo} and to ${hi} must be whole numbers, the first below the second`);
  return refill('random', x, (t) => fillRandom(t, 'integer', lo, hi, generator));
}

function checkProbability(name: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ValueError(`${name}: the probability ${p} must be from 0 to 1`);
}

let stepProgram: Program | null = null;
/** 1 with probability p (element by element), else 0, in the dtype of `p`. ValueError for probabilities outside of 0 to 1. */
export function bernoulli(p: Tensor, { generator }: GeneratorOption = {}): Tensor {
  if (!isFloating(p.dtype)) throw new DTypeError(`bernoulli: probabilities must be floating point, got ${p.dtype}`);
  if (p.numel > 0)
    checkingValues(() => {
      checkProbability('bernoulli', itemSync(amin(detach(p))));
      checkProbability('bernoulli', itemSync(amax(detach(p))));
    });
  const u = empty(p.shape, p.dtype);
  fillRandom(u, 'uniform', 0, 1, generator);
  stepProgram ??= loadProgram([lt(input(0), input(1))], 2);
  ewise('bernoulli', stepProgram, [u], [u, p], [], computeTypeOf[p.dtype]);
  return u;
}

/** Poisson random numbers of the given rates, in their dtype. ValueError for negative rates. */
export function poisson(rate: Tensor, { generator }: GeneratorOption = {}): Tensor {
  if (!isFloating(rate.dtype)) throw new DTypeError(`poisson: rates must be floating point, got ${rate.dtype}`);
  checkAtLeastZero('poisson: the rate', rate);
  const random = new HostRandom(generator);
  return mapOnHost(rate, (r) => samplePoisson(r, random));
}

/** Numbers of successes in `count` trials of probability `p` (of one shape), in the dtype of p. ValueError for probabilities outside of 0 to 1. */
export function binomial(count: Tensor, p: Tensor, { generator }: GeneratorOption = {}): Tensor {
  if (!isFloating(p.dtype)) throw new DTypeError(`binomial: probabilities must be floating point, got ${p.dtype}`);
  const shape = broadcastShapes('binomial', count.shape, p.shape);
  const counts = numbersOf(expand(detach(count), shape));
  const random = new HostRandom(generator);
  return mapOnHost(expand(detach(p), shape), (q, i) => {
    checkProbability('binomial', q);
    if (!(counts[i] >= 0 && Number.isInteger(counts[i])))
      throw new ValueError(`binomial: the count ${counts[i]} must be a whole number of at least 0`);
    return sampleBinomial(counts[i], q, random);
  });
}

/**
 * Positions drawn from each row of weights [n] or [rows, n] (they need not sum to 1): int64 [numSamples] or [rows, numSamples]. ValueError
 * for weights that are negative, not finite or all 0, and for more draws without replacement than there are positive weights.
 */
export function multinomial(
  weights: Tensor,
  numSamples: number,
  { replacement = false, generator }: GeneratorOption & { replacement?: boolean } = {},
): Tensor {
  if (!isFloating(weights.dtype)) throw new DTypeError(`multinomial: weights must be floating point, got ${weights.dtype}`);
  if (weights.ndim !== 1 && weights.ndim !== 2)
    throw new ShapeError(`multinomial: weights are ${show(weights.shape)}; one or two dimensions were expected`);
  if (!(Number.isInteger(numSamples) && numSamples > 0))
    throw new ValueError(`multinomial: numSamples ${numSamples} must be a whole number of at least 1`);
  const n = weights.shape[weights.ndim - 1];
  const values = numbersOf(detach(weights));
  const rows = weights.ndim === 1 ? 1 : weights.shape[0];
  const drawn = new Float64Array(rows * numSamples);
  const random = new HostRandom(generator);
  for (let r = 0; r < rows; r++) {
    const row = values.subarray(r * n, (r + 1) * n);
    const bad = row.find((w) => !(w >= 0 && w < Number.POSITIVE_INFINITY));
    if (bad !== undefined) throw new ValueError(`multinomial: row ${r} has the weight ${bad}; weights must be finite and at least 0`);
    const positive = row.reduce((k, w) => k + (w > 0 ? 1 : 0), 0);
    if (positive === 0) throw new ValueError(`multinomial: row ${r} has no weight above 0`);
    if (!replacement && numSamples > positive)
      throw new ValueError(
        `multinomial: cannot draw ${numSamples} of row ${r}, which has ${positive} weight(s) above 0; draw fewer, or with replacement: true`,
      );
    sampleByWeight(row, drawn.subarray(r * numSamples, (r + 1) * numSamples), replacement, random);
  }
  const out = empty([...weights.shape.slice(0, -1), numSamples], 'int64');
  writeValues(out, drawn);
  return out;
}

/**
 * Logarithms of gamma random numbers of the given shapes and rate 1, with gradients in the shapes: the quantile of each number is held. GradError
 * for second derivatives, which are not known.
 */
export function logGamma(shape: Tensor, { generator }: GeneratorOption = {}): Tensor {
  const random = new HostRandom(generator);
  const out = mapOnHost(detach(shape), (a) => sampleLogGamma(a, random));
  if (mustRecord([shape])) {
    record('logGamma', [shape], [out], [shape, out], ([g], [a, y]) => {
      if (g === null) return [null];
      if (isGradEnabled())
        throw new GradError('logGamma: the second derivative of gamma random numbers is not known; take gradients without createGraph');
      const logs = numbersOf(y);
      return [
        mul(
          g,
          mapOnHost(a, (v, i) => logGammaGradient(v, logs[i])),
        ),
      ];
    });
  }
  return out;
}

/** What becomes a method of tensors. */
export const randomMethods = {
  normal_,
  uniform_,
  bernoulli_,
  exponential_,
  cauchy_,
  logNormal_,
  geometric_,
  random_,
  bernoulli,
  multinomial,
};
