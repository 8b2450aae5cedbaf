// Running sums, products, extremes and log-sum-exps along one dimension (SCAN), with gradients.

import { isGradEnabled } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError } from '../runtime/errors.ts';
import { I, run } from '../runtime/runtime.ts';
import { checkDType, type DType, dtypeCode, isFloating } from '../tensor/dtype.ts';
import { normalizeDim } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { add, clampMax, div, eq, exp, gt, log, mul, neg, sub, where } from './elementwise.ts';
import { scatterAddZeros } from './gather.ts';
import { stack } from './join.ts';
import { dense, empty } from './raw.ts';
import { itemSync } from './read.ts';
import { amax, any, type ValuesAndIndices } from './reduce.ts';
import { detach, select } from './view.ts';

const scanKinds = { sum: 0, prod: 1, max: 2, min: 3, logsumexp: 4 } as const;

/** SCAN over one dimension without recording; `index` (int64) receives positions of max and min. */
function scanRaw(name: string, kind: keyof typeof scanKinds, x: Tensor, dim: number, reverse = false, index: Tensor | null = null): Tensor {
  const out = empty(x.shape, x.dtype);
  const from = dense(x);
  let [outer, inner] = [1, 1];
  for (let i = 0; i < dim; i++) outer *= x.shape[i];
  for (let i = dim + 1; i < x.ndim; i++) inner *= x.shape[i];
  I[0] = 17;
  I[2] = scanKinds[kind];
  I[3] = dtypeCode[x.dtype];
  I[4] = outer;
  I[5] = x.shape[dim] ?? 1;
  I[6] = inner;
  I[7] = from.address;
  I[8] = out.address;
  I[9] = index === null ? 0 : index.address;
  I[10] = reverse ? 1 : 0;
  run(name, 11);
  return out;
}

export interface ScanOptions {
  /** The values are cast to this dtype first. */
  dtype?: DType;
}

/** What a running total of `x` is computed from: integers become int64. */
function source(name: string, x: Tensor, { dtype }: ScanOptions): Tensor {
  if (dtype !== undefined) checkDType(dtype, `${name}: dtype`);
  return to(x, dtype ?? (isFloating(x.dtype) ? x.dtype : 'int64'));
}

function directedSum(x: Tensor, dim: number, reverse: boolean): Tensor {
  const out = scanRaw('cumsum', 'sum', x, dim, reverse);
  if (isFloating(x.dtype) && mustRecord([x])) {
    record('cumsum', [x], [out], [], ([g]) => [g === null ? null : directedSum(g, dim, !reverse)]);
  }
  return out;
}

/** Running sum along `dim`; integers sum to int64. Same shape as x. */
export function cumsum(x: Tensor, dim: number, options: ScanOptions = {}): Tensor {
  return directedSum(source('cumsum', x, options), normalizeDim('cumsum', dim, x.ndim), false);
}

/**
 * Gradient of a running product y: dx_k = Σ_{i≥k} g_i y_i / x_k. Where x holds zeros the quotient is replaced by the recurrence
 * s_k = g_k + x_{k+1} s_{k+1}, dx_k = s_k Π_{j<k} x_j, one step a position.
 */
function cumprodBackward(g: Tensor, x: Tensor, y: Tensor, dim: number): Tensor {
  if (itemSync(any(eq(x, 0))) === 0) return div(directedSum(mul(g, y), dim, true), x);
  const n = x.shape[dim];
  const [xs, gs] = [x, g].map((t) => Array.from({ length: n }, (_, k) => select(t, dim, k)));
  const suffix = new Array<Tensor>(n);
  for (let k = n - 1; k >= 0; k--) suffix[k] = k === n - 1 ? gs[k] : add(gs[k], mul(xs[k + 1], suffix[k + 1]));
  const parts: Tensor[] = [];
  let before: Tensor | null = null;
  for (let k = 0; k < n; k++) {
    parts.push(before === null ? suffix[k] : mul(before, suffix[k]));
    before = before === null ? xs[k] : mul(before, xs[k]);
  }
  return stack(parts, dim);
}

/** Running product along `dim`; integers multiply to int64. Same shape as x. */
export function cumprod(x: Tensor, dim: number, options: ScanOptions = {}): Tensor {
  const d = normalizeDim('cumprod', dim, x.ndim);
  const from = source('cumprod', x, options);
  const out = scanRaw('cumprod', 'prod', from, d);
  if (isFloating(from.dtype) && mustRecord([from])) {
    record('cumprod', [from], [out], [from, out], ([g], [x_, y]) => {
      if (g === null || x_.numel === 0) return [g];
      return [x_.ndim === 0 ? g : cumprodBackward(g, x_, y, d)];
    });
  }
  return out;
}

function cumulativeExtreme(name: 'cummax' | 'cummin', x: Tensor, dim: number): ValuesAndIndices {
  const d = normalizeDim(name, dim, x.ndim);
  const indices = empty(x.shape, 'int64');
  const values = scanRaw(name, name === 'cummax' ? 'max' : 'min', x, d, false, indices);
  if (isFloating(x.dtype) && mustRecord([x])) {
    const from = x.shape; // the closure must not hold x
    record(name, [x], [values], [indices], ([g], [i]) => [g === null ? null : scatterAddZeros(g, from, d, i)]);
  }
  return { values, indices };
}
/** Running maximum along `dim` and its position (the latest among equals). */
export const cummax = (x: Tensor, dim: number): ValuesAndIndices => cumulativeExtreme('cummax', x, dim);
/** Running minimum along `dim` and its position (the latest among equals). */
export const cummin = (x: Tensor, dim: number): ValuesAndIndices => cumulativeExtreme('cummin', x, dim);

/** dx_k = Σ_{i≥k} g_i e^{x_k - y_i}, in logarithms, apart for positive and negative g, so that nothing overflows. */
function logcumsumexpBackward(g: Tensor, x: Tensor, y: Tensor, dim: number, reverse: boolean): Tensor {
  if (isGradEnabled()) return differentiableBackward(g, x, y, dim, reverse);
  const part = (weight: Tensor): Tensor => {
    const logWeight = where(gt(weight, 0), log(weight), Number.NEGATIVE_INFINITY);
    return exp(add(directedLogSum(sub(logWeight, y), dim, !reverse), x));
  };
  return sub(part(g), part(neg(g)));
}

/**
 * The same sum for higher derivatives, without logarithms of g, whose own derivatives are infinite at 0: e^{x_k - M} Σ g_i e^{M - y_i} in double
 * precision, M being the largest y. The second exponent is kept below 700; what that changes is smaller than e^-700 of the sum.
 */
function differentiableBackward(g: Tensor, x: Tensor, y: Tensor, dim: number, reverse: boolean): Tensor {
  const [gd, xd, yd] = [g, x, y].map((t) => to(t, 'float64'));
  const most = amax(detach(yd), { dim, keepdim: true });
  const weights = exp(clampMax(sub(most, yd), 700));
  return to(mul(exp(sub(xd, most)), directedSum(mul(gd, weights), dim, !reverse)), x.dtype);
}

function directedLogSum(x: Tensor, dim: number, reverse: boolean): Tensor {
  const out = scanRaw('logcumsumexp', 'logsumexp', x, dim, reverse);
  if (mustRecord([x])) {
    record('logcumsumexp', [x], [out], [x, out], ([g], [x_, y]) => [g === null ? null : logcumsumexpBackward(g, x_, y, dim, reverse)]);
  }
  return out;
}

/** Running log Σ eˣ along `dim`, computed without overflow. Same shape as x. */
export function logcumsumexp(x: Tensor, dim: number): Tensor {
  if (!isFloating(x.dtype)) throw new DTypeError(`logcumsumexp: x is ${x.dtype}; needs floating-point values, cast with .to('float32')`);
  return directedLogSum(x, normalizeDim('logcumsumexp', dim, x.ndim), false);
}

export const scanMethods = { cumsum, cumprod, cummax, cummin, logcumsumexp };
