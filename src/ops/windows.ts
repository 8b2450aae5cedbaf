// Window functions of signal processing: `hannWindow(n)` and its like (periodic by default, for spectra), and `signal.windows.*`
// (symmetric by default, for filters). A periodic window of n values is the symmetric one of n + 1 values without its last.

import { DTypeError, ValueError } from '../runtime/errors.ts';
import { checkDType, isFloating } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type CreateOptions, tensor } from './create.ts';

export interface WindowOptions extends CreateOptions {
  /** Leave out the last value of the symmetric window with one value more. */
  periodic?: boolean;
}
export interface SignalWindowOptions extends CreateOptions {
  /** Symmetric; false for the periodic form. */
  sym?: boolean;
}

/** The weight at position i of a symmetric window whose last position is `last`. */
type Weight = (i: number, last: number) => number;

function make(
  name: string,
  length: number,
  periodic: boolean,
  weight: Weight,
  { dtype = 'float32', requiresGrad = false }: CreateOptions,
): Tensor {
  if (!Number.isInteger(length) || length < 0) throw new ValueError(`${name}: the length ${length} must be a whole number of at least 0`);
  if (!isFloating(checkDType(dtype, `${name}: dtype`))) throw new DTypeError(`${name}: weights are floating point, not ${dtype}`);
  const last = periodic ? length : length - 1;
  const values = Float64Array.from({ length }, (_, i) => (length === 1 ? 1 : weight(i, last)));
  return tensor(values, { dtype, requiresGrad });
}

const bartlett: Weight = (i, last) => 1 - Math.abs((2 * i) / last - 1);
/** Σ (-1)^k a_k cos(2πki/last). */
const cosineSum =
  (a: readonly number[]): Weight =>
  (i, last) =>
    a.reduce((sum, ak, k) => sum + (k % 2 === 0 ? ak : -ak) * Math.cos((2 * Math.PI * k * i) / last), 0);
const hann = cosineSum([0.5, 0.5]);
const blackman = cosineSum([0.42, 0.5, 0.08]);
// Nuttall's minimum 4-term window (Nuttall, 1981)
const nuttall = cosineSum([0.3635819, 0.4891775, 0.1365995, 0.0106411]);

/** I₀, the modified Bessel function of order 0, by its power series Σ ((x/2)^k / k!)². */
function besselI0(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
const kaiser = (name: string, beta: number): Weight => {
  // above, I0 exceeds the largest double
  if (!(Math.abs(beta) <= 700)) throw new ValueError(`${name}: beta ${beta} must lie between -700 and 700`);
  return (i, last) => besselI0(beta * Math.sqrt(Math.max(0, 1 - ((2 * i) / last - 1) ** 2))) / besselI0(beta);
};

/** Triangle from 0 to 1 and back. */
export const bartlettWindow = (length: number, { periodic = true, ...options }: WindowOptions = {}): Tensor =>
  make('bartlettWindow', length, periodic, bartlett, options);
/** 0.42 - 0.5 cos + 0.08 cos of the double angle. */
export const blackmanWindow = (length: number, { periodic = true, ...options }: WindowOptions = {}): Tensor =>
  make('blackmanWindow', length, periodic, blackman, options);
/** alpha - beta·cos. */
export const hammingWindow = (
  length: number,
  { periodic = true, alpha = 0.54, beta = 0.46, ...options }: WindowOptions & { alpha?: number; beta?: number } = {},
): Tensor => make('hammingWindow', length, periodic, cosineSum([alpha, beta]), options);
/** Raised cosine, 0.5 - 0.5 cos. */
export const hannWindow = (length: number, { periodic = true, ...options }: WindowOptions = {}): Tensor =>
  make('hannWindow', length, periodic, hann, options);
/** Kaiser's window; a larger `beta` has lower side lobes and a wider main lobe. */
export const kaiserWindow = (length: number, { periodic = true, beta = 12, ...options }: WindowOptions & { beta?: number } = {}): Tensor =>
  make('kaiserWindow', length, periodic, kaiser('kaiserWindow', beta), options);

const named =
  (name: string, weight: Weight) =>
  (length: number, { sym = true, ...options }: SignalWindowOptions = {}): Tensor =>
    make(`signal.windows.${name}`, length, !sym, weight, options);

/** Windows as torch.signal.windows has them: symmetric unless `sym` is false. */
const windows = {
  bartlett: named('bartlett', bartlett),
  blackman: named('blackman', blackman),
  /** sin(π(i + 1/2)/n). */
  cosine: named('cosine', (i, last) => Math.sin((Math.PI * (i + 0.5)) / (last + 1))),
  /** exp(-|i - center|/tau); the center is the middle unless given. */
  exponential(
    length: number,
    { sym = true, tau = 1, center, ...options }: SignalWindowOptions & { tau?: number; center?: number | null } = {},
  ): Tensor {
    if (!(tau > 0)) throw new ValueError(`signal.windows.exponential: tau ${tau} must be greater than 0`);
    if (sym && center !== undefined && center !== null)
      throw new ValueError(
        'signal.windows.exponential: a symmetric window has its center in the middle; leave center out, or set sym to false',
      );
    return make('signal.windows.exponential', length, !sym, (i, last) => Math.exp(-Math.abs(i - (center ?? last / 2)) / tau), options);
  },
  /** Normal density about the middle, 1 at its top; `std` in samples. */
  gaussian(length: number, { sym = true, std = 1, ...options }: SignalWindowOptions & { std?: number } = {}): Tensor {
    if (!(std > 0)) throw new ValueError(`signal.windows.gaussian: std ${std} must be greater than 0`);
    return make('signal.windows.gaussian', length, !sym, (i, last) => Math.exp(-0.5 * ((i - last / 2) / std) ** 2), options);
  },
  /** Σ (-1)^k a_k cos(2πki/last). */
  generalCosine(length: number, { sym = true, a, ...options }: SignalWindowOptions & { a: readonly number[] }): Tensor {
    if (a.length === 0) throw new ValueError('signal.windows.generalCosine: a is empty; give at least one coefficient');
    return make('signal.windows.generalCosine', length, !sym, cosineSum(a), options);
  },
  /** alpha - (1 - alpha)·cos. */
  generalHamming: (length: number, { sym = true, alpha = 0.54, ...options }: SignalWindowOptions & { alpha?: number } = {}): Tensor =>
    make('signal.windows.generalHamming', length, !sym, cosineSum([alpha, 1 - alpha]), options),
  hamming: named('hamming', cosineSum([0.54, 0.46])),
  hann: named('hann', hann),
  kaiser: (length: number, { sym = true, beta = 12, ...options }: SignalWindowOptions & { beta?: number } = {}): Tensor =>
    make('signal.windows.kaiser', length, !sym, kaiser('signal.windows.kaiser', beta), options),
  nuttall: named('nuttall', nuttall),
};

/** Signal processing. */
export const signal = { windows };
