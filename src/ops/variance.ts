// Variance and standard deviation, covariance and correlation.

import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { normalizeDims, numelOf, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { clamp, div, mul, sqrt, sub } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { matmul } from './matmul.ts';
import { empty, identity, reduceProgram } from './raw.ts';
import { mean, reducedShape, reduceExpr, restore, sum } from './reduce.ts';
import * as s from './scalar.ts';
import { input } from './scalar.ts';
import { diagonal, reshape, transpose, unsqueeze } from './view.ts';

export interface VarianceOptions {
  /** One or several dimensions; all by default. */
  dim?: number | readonly number[] | null;
  keepdim?: boolean;
  /** The divisor is n - correction: 1 (default) estimates a population's variance from a sample, 0 is the variance of the values themselves. */
  correction?: number;
}

const squaredDistance = s.square(s.sub(input(0), input(1)));
const rootBackward: ElementwiseOp = {
  name: 'stdBackward',
  doc: 'g/(2·std), 0 where std is 0',
  arity: 2,
  expr: s.where(s.eq(input(1), 0), 0, s.div(input(0), s.mul(2, s.where(s.eq(input(1), 0), 1, input(1))))),
  dtype: 'same',
};

interface Setting {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
  readonly divisor: number;
}

function setting(name: string, x: Tensor, { dim, keepdim = false, correction }: VarianceOptions): Setting {
  if (!isFloating(x.dtype)) throw new DTypeError(`${name}: x is ${x.dtype}; needs floating-point values, cast with .to('float32')`);
  const c = correction ?? 1;
  if (typeof c !== 'number' || Number.isNaN(c)) throw new ValueError(`${name}: correction ${String(c)} is no number`);
  const dims = normalizeDims(name, dim, x.ndim);
  return { dims, keepdim, divisor: Math.max(numelOf(dims.map((d) => x.shape[d])) - c, 0) };
}

/** Mean over `dims`, kept as size 1, without history. */
function plainMean(x: Tensor, dims: readonly number[]): Tensor {
  const out = empty(reducedShape(x.shape, dims, true), x.dtype);
  const n = numelOf(dims.map((d) => x.shape[d]));
  reduceProgram('mean', 'sum', identity(), out, [x], x.shape, dims, [], x.dtype === 'float64' ? 1 : 0, 1 / n);
  return out;
}

const forward = (name: string, x: Tensor, { dims, keepdim, divisor }: Setting): Tensor =>
  reduceExpr(name, 'sum', squaredDistance, [x, plainMean(x, dims)], dims, keepdim, x.dtype, [], 1 / divisor);

/** d var / dx = 2 (x - mean) / divisor. */
const backward = (g: Tensor, x: Tensor, { dims, keepdim, divisor }: Setting): Tensor =>
  mul(mul(restore(g, x.shape, dims, keepdim), 2 / divisor), sub(x, mean(x, { dim: dims, keepdim: true })));

/** Variance over the given dimensions. NaN where the divisor is 0. DTypeError for integers. */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  const set = setting('variance', x, options);
  const out = forward('variance', x, set);
  if (mustRecord([x])) record('variance', [x], [out], [x], ([g], [x_]) => [g === null ? null : backward(g, x_, set)]);
  return out;
}

/** Standard deviation over the given dimensions; its gradient where it is 0 is 0. */
export function std(x: Tensor, options: VarianceOptions = {}): Tensor {
  const set = setting('std', x, options);
  const out = sqrt(forward('std', x, set));
  if (mustRecord([x])) {
    record('std', [x], [out], [x, out], ([g], [x_, y]) => [g === null ? null : backward(apply(rootBackward, [g, y]), x_, set)]);
  }
  return out;
}

const meanOf = (x: Tensor, { dim, keepdim }: VarianceOptions): Tensor => mean(x, { dim: dim ?? null, keepdim });
/** Variance and mean. */
export const varMean = (x: Tensor, options: VarianceOptions = {}): [variance: Tensor, mean: Tensor] => [
  variance(x, options),
  meanOf(x, options),
];
/** Standard deviation and mean. */
export const stdMean = (x: Tensor, options: VarianceOptions = {}): [std: Tensor, mean: Tensor] => [std(x, options), meanOf(x, options)];

export interface CovOptions {
  correction?: number;
  /** How often each observation counts: whole numbers [n]. */
  fweights?: Tensor | null;
  /** The importance of each observation [n]. */
  aweights?: Tensor | null;
}

function checkWeights(option: string, w: Tensor, n: number): void {
  if (w.ndim > 1 || w.numel !== n)
    throw new ShapeError(`cov: ${option} has shape ${show(w.shape)}; it must be [${n}], one for each observation`);
}

/** Covariance matrix [d, d] of variables in rows and observations in columns [d, n]; a 0-d tensor for one variable. */
export function cov(x: Tensor, { correction = 1, fweights = null, aweights = null }: CovOptions = {}): Tensor {
  if (x.ndim > 2) throw new ShapeError(`cov: takes [variables, observations], got shape ${show(x.shape)}`);
  const from = isFloating(x.dtype) ? x : to(x, 'float32');
  const rows = from.ndim === 2 ? from : reshape(from, [1, from.numel]);
  const n = rows.shape[1];
  let weights: Tensor | null = null;
  if (fweights !== null) {
    checkWeights('fweights', fweights, n);
    if (isFloating(fweights.dtype))
      throw new DTypeError(`cov: fweights are ${fweights.dtype}; they count observations and must be integers`);
    weights = to(fweights, from.dtype);
  }
  if (aweights !== null) {
    checkWeights('aweights', aweights, n);
    weights = weights === null ? to(aweights, from.dtype) : mul(weights, to(aweights, from.dtype));
  }
  const total = weights === null ? n : sum(weights);
  const middle = weights === null ? mean(rows, { dim: 1, keepdim: true }) : div(sum(mul(rows, weights), { dim: 1, keepdim: true }), total);
  const centred = sub(rows, middle);
  let divisor: number | Tensor;
  if (weights === null) divisor = Math.max(n - correction, 0);
  else if (aweights !== null && correction !== 0) {
    const share = div(sum(mul(weights, to(aweights, from.dtype))), total);
    divisor = clamp(sub(total, mul(share, correction)), { min: 0 });
  } else divisor = clamp(sub(total, correction), { min: 0 });
  const product = matmul(weights === null ? centred : mul(centred, weights), transpose(centred, 0, 1));
  const out = div(product, divisor);
  return out.numel === 1 ? reshape(out, []) : out;
}

/** Pearson's correlation of variables in rows [d, n]: covariances over the deviations, kept between -1 and 1. */
export function corrcoef(x: Tensor): Tensor {
  const c = cov(x);
  if (c.ndim === 0) return div(c, c);
  const deviation = sqrt(diagonal(c));
  return clamp(div(div(c, unsqueeze(deviation, 1)), deviation), { min: -1, max: 1 });
}

export const varianceMethods = { var: variance, std, varMean, stdMean, cov, corrcoef };
