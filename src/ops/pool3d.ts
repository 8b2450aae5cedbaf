// Pooling over three spatial dimensions, as pooling of the planes and then of the depth; power means; and the reverse of max pooling.

import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import type { Generator } from '../runtime/random.ts';
import { isFloating } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { type Size, sizes } from './conv.ts';
import { fromTyped, rand, zeros } from './create.ts';
import { add, floor, mul, sub } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { gather, scatter } from './gather.ts';
import { type AvgPoolOptions, avgPool1d, avgPool2d, type MaxPoolOptions, maxPool2dWithIndices, valuesOf } from './pool.ts';
import { volumePositions } from './pool-adaptive.ts';
import type { ValuesAndIndices } from './reduce.ts';
import { max } from './reduce-more.ts';
import * as s from './scalar.ts';
import { input, param } from './scalar.ts';
import { expand, reshape, unsqueeze } from './view.ts';

interface Volume {
  readonly planes: Tensor;
  readonly lead: readonly number[];
  readonly D: number;
}

function volume(name: string, x: Tensor): Volume {
  if (x.ndim !== 4 && x.ndim !== 5) throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C, D, H, W] or [C, D, H, W]`);
  const [D, H, W] = x.shape.slice(-3);
  const lead = x.shape.slice(0, -3);
  return { planes: reshape(x, [lead.reduce((a, b) => a * b, 1), D, H, W]), lead, D };
}

const noStride = (stride: Size | undefined): boolean => stride === undefined || (typeof stride !== 'number' && stride.length === 0);

/** Options for the planes and for the depth (seen as rows of planes). */
function splitOptions(name: string, kernelSize: Size, o: { stride?: Size; padding?: Size; dilation?: Size }) {
  const K = sizes(name, 'kernelSize', kernelSize, 1, 3);
  const S = noStride(o.stride) ? K : sizes(name, 'stride', o.stride as Size, 1, 3);
  const P = sizes(name, 'padding', o.padding ?? 0, 0, 3);
  const D = sizes(name, 'dilation', o.dilation ?? 1, 1, 3);
  return {
    K,
    plane: { stride: S.slice(1), padding: P.slice(1), dilation: D.slice(1) },
    depth: { stride: [S[0], 1], padding: [P[0], 0], dilation: [D[0], 1] },
  };
}

/** As maxPool3d, with the position of each maximum in its volume (int64) beside the values. */
export function maxPool3dWithIndices(x: Tensor, kernelSize: Size, options: MaxPoolOptions = {}): ValuesAndIndices {
  return composed(() => {
    const name = 'maxPool3d';
    const { planes, lead, D } = volume(name, x);
    const { K, plane, depth } = splitOptions(name, kernelSize, options);
    const { ceilMode } = options;
    const inPlane = maxPool2dWithIndices(planes, K.slice(1), { ...plane, ceilMode });
    const [n, , OH, OW] = inPlane.values.shape;
    const inDepth = maxPool2dWithIndices(reshape(inPlane.values, [n, D, OH * OW]), [K[0], 1], { ...depth, ceilMode });
    const OD = inDepth.values.shape[1];
    const at = volumePositions(inPlane.indices, inDepth.indices, n, D, x.shape[x.ndim - 2] * x.shape[x.ndim - 1], [OD, OH, OW]);
    const shape = [...lead, OD, OH, OW];
    return { values: reshape(inDepth.values, shape), indices: reshape(at, shape) };
  });
}

/** Largest value in each window: x [N, C, D, H, W] or [C, D, H, W]. */
export const maxPool3d = (x: Tensor, kernelSize: Size, options: MaxPoolOptions = {}): Tensor =>
  valuesOf(maxPool3dWithIndices(x, kernelSize, options));

/** Mean of each window: x [N, C, D, H, W] or [C, D, H, W]. The divisor is the product of those of the plane and of the depth. */
export function avgPool3d(x: Tensor, kernelSize: Size, options: AvgPoolOptions = {}): Tensor {
  return composed(() => {
    const name = 'avgPool3d';
    const { planes, lead, D } = volume(name, x);
    const { K, plane, depth } = splitOptions(name, kernelSize, options);
    const { ceilMode, countIncludePad, divisorOverride } = options;
    const common = { ceilMode, countIncludePad };
    const inPlane = avgPool2d(planes, K.slice(1), {
      ...common,
      stride: plane.stride,
      padding: plane.padding,
      ...(divisorOverride === undefined ? {} : { divisorOverride: 1 }),
    });
    const [n, , OH, OW] = inPlane.shape;
    const all = avgPool2d(reshape(inPlane, [n, D, OH * OW]), [K[0], 1], {
      ...common,
      stride: depth.stride,
      padding: depth.padding,
      divisorOverride,
    });
    return reshape(all, [...lead, all.shape[1], OH, OW]);
  });
}

const power: ElementwiseOp = { name: 'lpPool', doc: 'x^p.', arity: 1, expr: s.pow(input(0), param(0)), dtype: 'same' };
// Where the sum is negative (odd p) the result is 0, as is its slope.
const rootOfSum: ElementwiseOp = {
  name: 'lpPoolRoot',
  doc: '(k max(y, 0))^(1/p).',
  arity: 1,
  expr: s.where(s.gt(input(0), 0), s.pow(s.mul(input(0), param(0)), s.recip(param(1))), 0),
  dtype: 'same',
};

export interface LpPoolOptions {
  stride?: Size;
  ceilMode?: boolean;
}

function powerMean(name: string, x: Tensor, p: number, kernelSize: Size, spatial: 1 | 2 | 3, options: LpPoolOptions): Tensor {
  return composed(() => {
    if (!(p > 0)) throw new ValueError(`${name}: normType ${p} must be greater than 0`);
    const K = sizes(name, 'kernelSize', kernelSize, 1, spatial);
    const pool = { 1: avgPool1d, 2: avgPool2d, 3: avgPool3d }[spatial];
    const stride = noStride(options.stride) ? K : options.stride;
    const means = pool(apply(power, [x], [p]), K, { stride, ceilMode: options.ceilMode });
    return apply(rootOfSum, [means], [K.reduce((a, b) => a * b, 1), p]);
  });
}

/** (Σ x^p)^(1/p) over each window of the last dimension. */
export const lpPool1d = (x: Tensor, normType: number, kernelSize: Size, options: LpPoolOptions = {}): Tensor =>
  powerMean('lpPool1d', x, normType, kernelSize, 1, options);
/** (Σ x^p)^(1/p) over each window of the last two dimensions. */
export const lpPool2d = (x: Tensor, normType: number, kernelSize: Size, options: LpPoolOptions = {}): Tensor =>
  powerMean('lpPool2d', x, normType, kernelSize, 2, options);
/** (Σ x^p)^(1/p) over each window of the last three dimensions. */
export const lpPool3d = (x: Tensor, normType: number, kernelSize: Size, options: LpPoolOptions = {}): Tensor =>
  powerMean('lpPool3d', x, normType, kernelSize, 3, options);

export interface UnpoolOptions {
  stride?: Size;
  padding?: Size;
  /** Sizes of the result; the last `spatial` of them count. */
  outputSize?: readonly number[];
}

function unpool(name: string, x: Tensor, indices: Tensor, kernelSize: Size, spatial: number, options: UnpoolOptions): Tensor {
  return composed(() => {
    if (!sameShape(x.shape, indices.shape))
      throw new ShapeError(`${name}: x is ${show(x.shape)} and indices ${show(indices.shape)}; they must have one shape`);
    if (x.ndim !== spatial + 1 && x.ndim !== spatial + 2)
      throw new ShapeError(`${name}: x is ${show(x.shape)}; expected ${spatial} spatial dimension(s) behind [N, C] or [C]`);
    const K = sizes(name, 'kernelSize', kernelSize, 1, spatial);
    const S = noStride(options.stride) ? K : sizes(name, 'stride', options.stride as Size, 1, spatial);
    const P = sizes(name, 'padding', options.padding ?? 0, 0, spatial);
    const from = x.shape.slice(-spatial);
    const least = from.map((n, i) => (n - 1) * S[i] - 2 * P[i] + K[i]);
    const out = options.outputSize === undefined ? least : options.outputSize.slice(-spatial);
    if (out.length !== spatial || out.some((n, i) => !Number.isInteger(n) || n <= least[i] - S[i] || n >= least[i] + S[i]))
      throw new ValueError(`${name}: outputSize ${show(options.outputSize ?? [])} must lie within one stride of ${show(least)}`);
    const lead = x.shape.slice(0, -spatial);
    const rows = lead.reduce((a, b) => a * b, 1);
    const [n, size] = [from, out].map((l) => l.reduce((a, b) => a * b, 1));
    const placed = scatter(zeros([rows, size], { dtype: x.dtype }), 1, reshape(indices, [rows, n]), reshape(x, [rows, n]));
    return reshape(placed, [...lead, ...out]);
  });
}

/** Puts values back at the positions that maxPool1dWithIndices gave, zeros elsewhere. */
export const maxUnpool1d = (x: Tensor, indices: Tensor, kernelSize: Size, options: UnpoolOptions = {}): Tensor =>
  unpool('maxUnpool1d', x, indices, kernelSize, 1, options);
/** Puts values back at the positions that maxPool2dWithIndices gave, zeros elsewhere. */
export const maxUnpool2d = (x: Tensor, indices: Tensor, kernelSize: Size, options: UnpoolOptions = {}): Tensor =>
  unpool('maxUnpool2d', x, indices, kernelSize, 2, options);
/** Puts values back at the positions that maxPool3dWithIndices gave, zeros elsewhere. */
export const maxUnpool3d = (x: Tensor, indices: Tensor, kernelSize: Size, options: UnpoolOptions = {}): Tensor =>
  unpool('maxUnpool3d', x, indices, kernelSize, 3, options);

export interface FractionalPoolOptions {
  /** Sizes of the result. */
  outputSize?: Size;
  /** Sizes of the result as a share of the input's, below 1. */
  outputRatio?: Size;
  /** Where the pseudo-random windows start: numbers in [0, 1), [N, C, spatial]. */
  randomSamples?: Tensor | null;
  generator?: Generator;
}

/** Starts [planes, out] of windows of k elements: ⌊(i + u) α⌋ - ⌊u α⌋ with α = (n - k) / (out - 1), the last at n - k (Graham, 2014). */
function fractionalStarts(u: Tensor, n: number, k: number, out: number): Tensor {
  const planes = u.shape[0];
  const alpha = out > 1 ? (n - k) / (out - 1) : 0;
  const steps = fromTyped(
    Float64Array.from({ length: out }, (_, i) => i),
    [1, out],
  );
  const shift = reshape(to(u, 'float64'), [planes, 1]);
  const starts = sub(floor(mul(add(shift, steps), alpha)), floor(mul(shift, alpha)));
  const last = fromTyped(
    Uint8Array.from({ length: out }, (_, i) => (i === out - 1 ? 1 : 0)),
    [1, out],
    'bool',
  );
  return to(apply(whereOp, [last, fromTyped(Float64Array.of(n - k), [1, 1]), starts]), 'int64');
}
const whereOp: ElementwiseOp = {
  name: 'where',
  doc: 'c ? a : b.',
  arity: 3,
  expr: s.where(input(0), input(1), input(2)),
  dtype: 'same',
  masks: [0],
};

function fractional(name: string, x: Tensor, kernelSize: Size, spatial: 2 | 3, options: FractionalPoolOptions): ValuesAndIndices {
  return composed(() => {
    if (x.ndim !== spatial + 1 && x.ndim !== spatial + 2)
      throw new ShapeError(`${name}: x is ${show(x.shape)}; expected ${spatial} spatial dimensions behind [N, C] or [C]`);
    if (!isFloating(x.dtype)) throw new DTypeError(`${name}: x is ${x.dtype}; cast it with .to('float32')`);
    const K = sizes(name, 'kernelSize', kernelSize, 1, spatial);
    const n = x.shape.slice(-spatial);
    const { outputSize, outputRatio, randomSamples = null, generator } = options;
    if ((outputSize === undefined) === (outputRatio === undefined)) throw new ValueError(`${name}: give either outputSize or outputRatio`);
    const ratio = typeof outputRatio === 'number' ? n.map(() => outputRatio) : (outputRatio ?? []);
    const out =
      outputSize !== undefined ? [...sizes(name, 'outputSize', outputSize, 1, spatial)] : n.map((v, i) => Math.floor(v * ratio[i]));
    if (out.some((v, i) => !(v >= 1) || v + K[i] - 1 > n[i]))
      throw new ShapeError(`${name}: windows ${show(K)} for an output ${show(out)} do not fit x ${show(x.shape)}`);
    const lead = x.shape.slice(0, -spatial);
    const planes = lead.reduce((a, b) => a * b, 1);
    const u = reshape(randomSamples ?? rand([planes, spatial], { generator }), [planes, spatial]);
    // positions in the plane: [planes, out…, taps…], built dimension by dimension
    let at: Tensor | null = null;
    const places = [...out, ...K];
    for (let d = 0; d < spatial; d++) {
      const starts = fractionalStarts(u.select(1, d), n[d], K[d], out[d]);
      const taps = fromTyped(
        BigInt64Array.from({ length: K[d] }, (_, i) => BigInt(i)),
        [K[d]],
      );
      const one = add(unsqueeze(starts, 2), taps); // [planes, out, k]
      const shape = [planes, ...places.map((_, i) => (i === d ? out[d] : i === spatial + d ? K[d] : 1))];
      const part = reshape(one, shape);
      at = at === null ? part : add(mul(at, n[d]), part);
    }
    const [windows, taps] = [out, K].map((l) => l.reduce((a, b) => a * b, 1));
    const index = reshape(expand(at as Tensor, [planes, ...places]), [planes, windows * taps]);
    const flat = reshape(x, [planes, n.reduce((a, b) => a * b, 1)]);
    const seen = reshape(gather(flat, 1, index), [planes, windows, taps]);
    const best = max(seen, 2);
    const positions = gather(reshape(index, [planes, windows, taps]), 2, unsqueeze(best.indices, 2));
    const shape = [...lead, ...out];
    return { values: reshape(best.values, shape), indices: reshape(positions, shape) };
  });
}

/** As fractionalMaxPool2d, with positions in the plane (int64). */
export const fractionalMaxPool2dWithIndices = (x: Tensor, kernelSize: Size, options: FractionalPoolOptions): ValuesAndIndices =>
  fractional('fractionalMaxPool2d', x, kernelSize, 2, options);
/** Max pooling over pseudo-random windows, for sizes that are no whole share of the input's (Graham, 2014): x [N, C, H, W] or [C, H, W]. */
export const fractionalMaxPool2d = (x: Tensor, kernelSize: Size, options: FractionalPoolOptions): Tensor =>
  valuesOf(fractional('fractionalMaxPool2d', x, kernelSize, 2, options));
/** As fractionalMaxPool3d, with positions in the volume (int64). */
export const fractionalMaxPool3dWithIndices = (x: Tensor, kernelSize: Size, options: FractionalPoolOptions): ValuesAndIndices =>
  fractional('fractionalMaxPool3d', x, kernelSize, 3, options);
/** As fractionalMaxPool2d for volumes: x [N, C, D, H, W] or [C, D, H, W]. */
export const fractionalMaxPool3d = (x: Tensor, kernelSize: Size, options: FractionalPoolOptions): Tensor =>
  valuesOf(fractional('fractionalMaxPool3d', x, kernelSize, 3, options));
