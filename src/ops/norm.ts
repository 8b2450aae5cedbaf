// Normalisation: by the moments of a channel (batch) or of a row (layer, group, instance, root mean square), fused forward and backward.
// With createGraph the backward is composed of differentiable operations, so higher derivatives exist.

import { isGradEnabled, noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { I, run } from '../runtime/runtime.ts';
import { dtypeCode } from '../tensor/dtype.ts';
import { numelOf, type Shape, sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { add, copy_, div, lerp, mul, pow, rsqrt, square, sub } from './elementwise.ts';
import { pad } from './pad.ts';
import { avgPool2d } from './pool.ts';
import { dense, empty, fill } from './raw.ts';
import { mean, sum } from './reduce.ts';
import { reshape } from './view.ts';

function checkFloats(name: string, x: Tensor, others: Readonly<Record<string, Tensor | null>>): void {
  if (x.dtype !== 'float32' && x.dtype !== 'float64')
    throw new DTypeError(`${name}: x is ${x.dtype}; normalisation needs float32 or float64, cast with .to('float32')`);
  for (const [what, t] of Object.entries(others))
    if (t !== null && t.dtype !== x.dtype)
      throw new DTypeError(`${name}: x is ${x.dtype} and ${what} ${t.dtype}; cast one of them with .to('${x.dtype}')`);
}

function checkVector(name: string, what: string, t: Tensor | null, n: number): void {
  if (t !== null && !sameShape(t.shape, [n]))
    throw new ShapeError(`${name}: ${what} is ${show(t.shape)}; expected [${n}], one number for each channel`);
}

/** The gradient of a parameter that met no values. */
function zeroed(t: Tensor | null): Tensor | null {
  if (t !== null) fill(t, 0);
  return t;
}

/** Drops the dense copies that were made of strided operands. */
function release(...pairs: readonly (readonly [used: Tensor | null, given: Tensor | null])[]): void {
  for (const [used, given] of pairs) if (used !== given) used?.dispose();
}

const addressOf = (t: Tensor | null): number => (t === null ? 0 : t.address);

/** Gradients of w h + b with h = (x - μ) / √(σ² + ε) in differentiable operations; moments over `dims` of the reshaped tensors. */
function composedGradients(
  x: Tensor,
  g: Tensor,
  weight: Tensor | null,
  full: Shape,
  dims: readonly number[],
  weightShape: Shape,
  weightDims: readonly number[],
  eps: number,
  centred: boolean,
): { dx: Tensor; dw: Tensor; db: Tensor } {
  const [xs, gs] = [reshape(x, full), reshape(g, full)];
  const average = (t: Tensor): Tensor => mean(t, { dim: dims, keepdim: true });
  const d = centred ? sub(xs, average(xs)) : xs;
  const rstd = rsqrt(add(average(square(d)), eps));
  const h = mul(d, rstd);
  const u = weight === null ? gs : mul(gs, reshape(weight, weightShape));
  const inner = sub(centred ? sub(u, average(u)) : u, mul(h, average(mul(u, h))));
  return { dx: reshape(mul(rstd, inner), x.shape), dw: sum(mul(gs, h), { dim: weightDims }), db: sum(gs, { dim: weightDims }) };
}

// ---------------------------------------------------------------- rows

interface Rows {
  readonly rows: number;
  readonly n: number;
  readonly inner: number;
  readonly period: number;
  readonly eps: number;
  readonly centred: boolean;
}

function writeRows(opcode: 30 | 31, q: Rows, x: Tensor, weight: Tensor | null): void {
  I[0] = opcode;
  I[2] = dtypeCode[x.dtype];
  I[3] = q.rows;
  I[4] = q.n;
  I[5] = q.inner;
  I[6] = q.period;
  I[7] = q.eps;
  I[8] = q.centred ? 0 : 1;
  I[9] = x.address;
  I[10] = addressOf(weight);
}

function rowNorm(name: string, q: Rows, x: Tensor, weight: Tensor | null, bias: Tensor | null): Tensor {
  const y = empty(x.shape, x.dtype);
  const mu = q.centred ? empty([q.rows], x.dtype) : null;
  const rstd = empty([q.rows], x.dtype);
  const [from, w, b] = [dense(x), weight === null ? null : dense(weight), bias === null ? null : dense(bias)];
  if (y.numel > 0) {
    writeRows(30, q, from, w);
    I[11] = addressOf(b);
    I[12] = y.address;
    I[13] = addressOf(mu);
    I[14] = rstd.address;
    I[15] = 0;
    I[16] = 0;
    run(name, 17);
  }
  release([from, x], [w, weight], [b, bias]);
  const inputs = [x, weight, bias];
  if (mustRecord(inputs)) {
    const saved = [x, rstd, ...(mu === null ? [] : [mu]), ...(weight === null ? [] : [weight])];
    const biasShape = bias === null ? null : bias.shape; // the closure must not hold the bias
    record(name, inputs, [y], saved, ([g], kept, node) => {
      if (g === null) return [null, null, null];
      const [x_, rstd_] = kept;
      const mu_ = mu === null ? null : kept[2];
      const w_ = weight === null ? null : kept[kept.length - 1];
      if (isGradEnabled()) {
        const W = q.n / q.inner;
        const full = [q.rows / q.period, q.period, W, q.inner];
        const { dx, dw, db } = composedGradients(x_, g, w_, full, [2, 3], [q.period, W, 1], [0, 3], q.eps, q.centred);
        return [dx, weight === null ? null : reshape(dw, weight.shape), biasShape === null ? null : reshape(db, biasShape)];
      }
      const dx = node.needs(0) ? empty(x_.shape, x_.dtype) : null;
      const dw = weight !== null && node.needs(1) ? empty(weight.shape, x_.dtype) : null;
      const db = biasShape !== null && node.needs(2) ? empty(biasShape, x_.dtype) : null;
      if (x_.numel === 0) return [dx, zeroed(dw), zeroed(db)];
      const [xd, gd, wd] = [dense(x_), dense(g), w_ === null ? null : dense(w_)];
      writeRows(31, q, xd, wd);
      I[11] = gd.address;
      I[12] = addressOf(dx);
      I[13] = addressOf(mu_);
      I[14] = rstd_.address;
      I[15] = addressOf(dw);
      I[16] = addressOf(db);
      run(`${name}Backward`, 17);
      return [dx, dw, db];
    });
  }
  mu?.dispose();
  rstd.dispose();
  return y;
}

/** The size of the normalised dimensions, after checking that x ends with them and that the affine map fits. */
function checkNormalizedShape(
  name: string,
  x: Tensor,
  normalizedShape: number | Shape,
  weight: Tensor | null,
  bias: Tensor | null,
): number {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  if (shape.length === 0) throw new ShapeError(`${name}: normalizedShape is empty; name at least one dimension`);
  if (!sameShape(x.shape.slice(Math.max(0, x.ndim - shape.length)), shape))
    throw new ShapeError(`${name}: x is ${show(x.shape)}; its last dimensions must be the normalizedShape ${show(shape)}`);
  for (const [what, t] of [
    ['weight', weight],
    ['bias', bias],
  ] as const)
    if (t !== null && !sameShape(t.shape, shape))
      throw new ShapeError(`${name}: ${what} is ${show(t.shape)}; expected the normalizedShape ${show(shape)}`);
  checkFloats(name, x, { weight, bias });
  return numelOf(shape);
}

export interface AffineOptions {
  /** Factor after the normalisation. */
  weight?: Tensor | null;
  /** Summand after the normalisation. */
  bias?: Tensor | null;
  /** Added to the variance. */
  eps?: number;
}

/** Normalises the last dimensions, which are `normalizedShape`, to mean 0 and variance 1 (Ba et al., 2016); weight and bias have that shape. */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | Shape,
  { weight = null, bias = null, eps = 1e-5 }: AffineOptions = {},
): Tensor {
  const n = checkNormalizedShape('layerNorm', x, normalizedShape, weight, bias);
  return rowNorm('layerNorm', { rows: n === 0 ? 0 : x.numel / n, n, inner: 1, period: 1, eps, centred: true }, x, weight, bias);
}

/** Divides by the root mean square over the last dimensions (Zhang and Sennrich, 2019). `eps` is the dtype's machine epsilon by default. */
export function rmsNorm(
  x: Tensor,
  normalizedShape: number | Shape,
  { weight = null, eps = null }: { weight?: Tensor | null; eps?: number | null } = {},
): Tensor {
  const n = checkNormalizedShape('rmsNorm', x, normalizedShape, weight, null);
  const small = eps ?? (x.dtype === 'float64' ? Number.EPSILON : 2 ** -23);
  return rowNorm('rmsNorm', { rows: n === 0 ? 0 : x.numel / n, n, inner: 1, period: 1, eps: small, centred: false }, x, weight, null);
}

/** Normalises groups of channels of each sample (Wu and He, 2018): x [N, C, ...]; numGroups divides C; weight and bias [C]. */
export function groupNorm(x: Tensor, numGroups: number, { weight = null, bias = null, eps = 1e-5 }: AffineOptions = {}): Tensor {
  const name = 'groupNorm';
  checkFloats(name, x, { weight, bias });
  if (x.ndim < 2) throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C, ...]`);
  const C = x.shape[1];
  if (!Number.isInteger(numGroups) || numGroups < 1 || C % numGroups !== 0)
    throw new ShapeError(`${name}: numGroups ${numGroups} must divide the ${C} channels of x ${show(x.shape)}`);
  checkVector(name, 'weight', weight, C);
  checkVector(name, 'bias', bias, C);
  const inner = numelOf(x.shape.slice(2));
  const n = (C / numGroups) * inner;
  return rowNorm(
    name,
    { rows: x.shape[0] * numGroups, n, inner: Math.max(inner, 1), period: numGroups, eps, centred: true },
    x,
    weight,
    bias,
  );
}

// ---------------------------------------------------------------- channels

interface Channels {
  readonly N: number;
  readonly C: number;
  readonly inner: number;
  readonly eps: number;
  readonly momentum: number;
  readonly training: boolean;
}

function writeChannels(opcode: 32 | 33, q: Channels, x: Tensor, weight: Tensor | null): void {
  I[0] = opcode;
  I[2] = dtypeCode[x.dtype];
  I[3] = q.N;
  I[4] = q.C;
  I[5] = q.inner;
  I[6] = q.eps;
  I[7] = q.momentum;
  I[8] = q.training ? 1 : 0;
  I[9] = x.address;
  I[10] = addressOf(weight);
}

function channelNorm(
  name: string,
  q: Channels,
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  runningMean: Tensor | null,
  runningVar: Tensor | null,
): Tensor {
  const y = empty(x.shape, x.dtype);
  const mu = empty([q.C], x.dtype);
  const rstd = empty([q.C], x.dtype);
  const [from, w, b] = [dense(x), weight === null ? null : dense(weight), bias === null ? null : dense(bias)];
  if (y.numel > 0) {
    writeChannels(32, q, from, w);
    I[11] = addressOf(b);
    I[12] = y.address;
    I[13] = mu.address;
    I[14] = rstd.address;
    I[15] = addressOf(runningMean);
    I[16] = addressOf(runningVar);
    run(name, 17);
  }
  release([from, x], [w, weight], [b, bias]);
  const inputs = [x, weight, bias];
  if (mustRecord(inputs)) {
    record(name, inputs, [y], weight === null ? [x, mu, rstd] : [x, mu, rstd, weight], ([g], kept, node) => {
      if (g === null) return [null, null, null];
      const [x_, mu_, rstd_] = kept;
      const w_ = weight === null ? null : kept[3];
      if (isGradEnabled()) return composedChannels(q, x_, g, w_, mu_, rstd_, bias !== null);
      const dx = node.needs(0) ? empty(x_.shape, x_.dtype) : null;
      const dw = weight !== null && node.needs(1) ? empty([q.C], x_.dtype) : null;
      const db = bias !== null && node.needs(2) ? empty([q.C], x_.dtype) : null;
      if (x_.numel === 0) return [dx, zeroed(dw), zeroed(db)];
      const [xd, gd, wd] = [dense(x_), dense(g), w_ === null ? null : dense(w_)];
      writeChannels(33, q, xd, wd);
      I[11] = gd.address;
      I[12] = addressOf(dx);
      I[13] = mu_.address;
      I[14] = rstd_.address;
      I[15] = addressOf(dw);
      I[16] = addressOf(db);
      run(`${name}Backward`, 17);
      return [dx, dw, db];
    });
  }
  mu.dispose();
  rstd.dispose();
  return y;
}

function composedChannels(
  q: Channels,
  x: Tensor,
  g: Tensor,
  weight: Tensor | null,
  mu: Tensor,
  rstd: Tensor,
  hasBias: boolean,
): (Tensor | null)[] {
  const full = [q.N, q.C, q.inner];
  const column = [q.C, 1];
  if (q.training) {
    const { dx, dw, db } = composedGradients(x, g, weight, full, [0, 2], column, [0, 2], q.eps, true);
    return [dx, weight === null ? null : dw, hasBias ? db : null];
  }
  const [xs, gs] = [reshape(x, full), reshape(g, full)];
  const h = mul(sub(xs, reshape(mu, column)), reshape(rstd, column));
  const u = weight === null ? gs : mul(gs, reshape(weight, column));
  const dx = reshape(mul(u, reshape(rstd, column)), x.shape);
  return [dx, weight === null ? null : sum(mul(gs, h), { dim: [0, 2] }), hasBias ? sum(gs, { dim: [0, 2] }) : null];
}

export interface BatchNormOptions extends AffineOptions {
  /** Normalise by the batch's moments and move the running ones; otherwise the running ones are used. */
  training?: boolean;
  /** Weight of the batch in the running moments. */
  momentum?: number;
}

/** The running moments as the kernels may change them; a strided one is written back by the returned function. */
function runningMoments(name: string, x: Tensor, m: Tensor | null, v: Tensor | null, C: number, change: boolean) {
  checkVector(name, 'runningMean', m, C);
  checkVector(name, 'runningVar', v, C);
  const [a, b] = [m === null ? null : dense(m), v === null ? null : dense(v)];
  checkFloats(name, x, { runningMean: m, runningVar: v });
  const finish = (): void => {
    if (!change) return;
    for (const [t, d] of [
      [m, a],
      [v, b],
    ] as const) {
      if (t === null || d === null) continue;
      if (t === d) t.storage.version++;
      else noGrad(() => copy_(t, d));
    }
  };
  return { a, b, finish };
}

/**
 * Batch normalisation (Ioffe and Szegedy, 2015): x [N, C, ...], per channel over all else; weight, bias and running moments [C]. In training
 * the running moments (which may be null) change in place: momentum · batch, with the unbiased variance. ValueError for a single value per
 * channel in training, and without running moments in evaluation.
 */
export function batchNorm(
  x: Tensor,
  runningMean: Tensor | null = null,
  runningVar: Tensor | null = null,
  { weight = null, bias = null, training = false, momentum = 0.1, eps = 1e-5 }: BatchNormOptions = {},
): Tensor {
  const name = 'batchNorm';
  if (x.ndim < 2) throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C, ...]`);
  const [N, C] = x.shape;
  const inner = numelOf(x.shape.slice(2));
  checkFloats(name, x, { weight, bias });
  checkVector(name, 'weight', weight, C);
  checkVector(name, 'bias', bias, C);
  if (!training && (runningMean === null || runningVar === null))
    throw new ValueError(`${name}: evaluation needs runningMean and runningVar; give both, or { training: true }`);
  if (training && N * inner === 1)
    throw new ValueError(`${name}: x ${show(x.shape)} has one value per channel, which has no variance; train on larger batches`);
  const { a, b, finish } = runningMoments(name, x, runningMean, runningVar, C, training);
  const y = channelNorm(name, { N, C, inner, eps, momentum, training }, x, weight, bias, a, b);
  finish();
  return y;
}

export interface InstanceNormOptions extends AffineOptions {
  runningMean?: Tensor | null;
  runningVar?: Tensor | null;
  /** Normalise by the instance's own moments; otherwise the running ones are used. */
  useInputStats?: boolean;
  /** Weight of the new moments (their mean over the batch) in the running ones. */
  momentum?: number;
}

/** Normalises each channel of each sample on its own (Ulyanov et al., 2016): x [N, C, ...]; weight, bias and running moments [C]. */
export function instanceNorm(
  x: Tensor,
  {
    runningMean = null,
    runningVar = null,
    weight = null,
    bias = null,
    useInputStats = true,
    momentum = 0.1,
    eps = 1e-5,
  }: InstanceNormOptions = {},
): Tensor {
  return composed(() => {
    const name = 'instanceNorm';
    if (x.ndim < 3) throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C, L], [N, C, H, W] or [N, C, D, H, W]`);
    const [N, C] = x.shape;
    const n = numelOf(x.shape.slice(2));
    if (!useInputStats) {
      if (runningMean === null || runningVar === null)
        throw new ValueError(`${name}: without useInputStats, runningMean and runningVar are needed; give both`);
      return batchNorm(x, runningMean, runningVar, { weight, bias, eps });
    }
    if (n === 1)
      throw new ValueError(`${name}: x ${show(x.shape)} has one value per channel and sample, which has no variance; use larger inputs`);
    checkFloats(name, x, { weight, bias, runningMean, runningVar });
    for (const [what, t] of Object.entries({ weight, bias, runningMean, runningVar })) checkVector(name, what, t, C);
    const y = rowNorm(name, { rows: N * C, n, inner: Math.max(n, 1), period: C, eps, centred: true }, x, weight, bias);
    if (runningMean !== null || runningVar !== null)
      noGrad(() => {
        const rows = reshape(x, [N, C, n]);
        const mu = mean(rows, { dim: 2, keepdim: true });
        if (runningMean !== null) copy_(runningMean, lerp(runningMean, mean(reshape(mu, [N, C]), 0), momentum));
        if (runningVar !== null) {
          const unbiased = mul(mean(square(sub(rows, mu)), { dim: [0, 2] }), n / (n - 1));
          copy_(runningVar, lerp(runningVar, unbiased, momentum));
        }
      });
    return y;
  });
}

/**
 * Divides each value by (k + alpha · mean of squares over `size` neighbouring channels)^beta (Krizhevsky et al., 2012): x [N, C, ...]. The mean
 * counts zeros beyond the first and the last channel.
 */
export function localResponseNorm(
  x: Tensor,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: { alpha?: number; beta?: number; k?: number } = {},
): Tensor {
  return composed(() => {
    const name = 'localResponseNorm';
    if (x.ndim < 3) throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C, ...] with at least 3 dimensions`);
    if (!Number.isInteger(size) || size < 1) throw new ValueError(`${name}: size ${size} must be a whole number of at least 1`);
    checkFloats(name, x, {});
    if (x.numel === 0) return x;
    const [N, C] = x.shape;
    const before = Math.floor(size / 2);
    const squares = pad(reshape(square(x), [N, C, x.numel / (N * C)]), [0, 0, before, size - 1 - before]);
    const means = reshape(avgPool2d(squares, [size, 1], { stride: 1 }), x.shape);
    return div(x, pow(add(mul(means, alpha), k), beta));
  });
}
