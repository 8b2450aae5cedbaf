// Resizing of the spatial dimensions. Every mode is separable: each dimension is a gather of a few taps with weights, or (for windows of
// many taps) a small matrix.

import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { isFloating } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { fromTyped } from './create.ts';
import { add, mul } from './elementwise.ts';
import { indexSelect } from './gather.ts';
import { matmul } from './matmul.ts';
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from './pool-adaptive.ts';
import { movedim } from './shape-more.ts';
import { contiguous, transpose } from './view.ts';

const spatialOf = { nearest: 0, 'nearest-exact': 0, area: 0, linear: 1, bilinear: 2, bicubic: 2, trilinear: 3 } as const;
export type InterpolateMode = keyof typeof spatialOf;

export interface InterpolateOptions {
  /** Size of the result, one number or one for each spatial dimension. */
  size?: number | readonly number[] | null;
  /** Factor by which the sizes grow, in place of `size`. */
  scaleFactor?: number | readonly number[] | null;
  /** 'nearest', 'nearest-exact', 'area', 'linear' (3-d), 'bilinear' and 'bicubic' (4-d), 'trilinear' (5-d). */
  mode?: InterpolateMode;
  /** Corner pixels keep their values exactly; otherwise pixels are seen as squares whose outer edges align. */
  alignCorners?: boolean | null;
  /** Take the scale from the sizes rather than from scaleFactor. */
  recomputeScaleFactor?: boolean | null;
  /** Average over all pixels that fall into one when shrinking ('bilinear' and 'bicubic'). */
  antialias?: boolean;
}

/** Taps of one dimension: positions and weights of tap k for each output, [out] each. */
interface Taps {
  readonly at: readonly BigInt64Array[];
  readonly weights: readonly Float64Array[];
}

const clampIndex = (i: number, n: number): bigint => BigInt(Math.min(Math.max(i, 0), n - 1));

/** Where output i lies in the input. `ratio` is input over output. */
function sourceOf(i: number, n: number, out: number, ratio: number, alignCorners: boolean): number {
  if (alignCorners) return out > 1 ? (i * (n - 1)) / (out - 1) : 0;
  return (i + 0.5) * ratio - 0.5;
}

function nearestTaps(n: number, out: number, ratio: number, exact: boolean): Taps {
  // single precision, so that a position on an edge falls to the same side as in PyTorch
  const scale = Math.fround(ratio);
  const at = new BigInt64Array(out);
  for (let i = 0; i < out; i++) at[i] = clampIndex(Math.floor(Math.fround((exact ? i + 0.5 : i) * scale)), n);
  return { at: [at], weights: [] };
}

function linearTaps(n: number, out: number, ratio: number, alignCorners: boolean): Taps {
  const at = [new BigInt64Array(out), new BigInt64Array(out)];
  const weights = [new Float64Array(out), new Float64Array(out)];
  for (let i = 0; i < out; i++) {
    const x = Math.max(sourceOf(i, n, out, ratio, alignCorners), 0);
    const low = Math.min(Math.floor(x), n - 1);
    const t = Math.min(Math.max(x - low, 0), 1);
    at[0][i] = BigInt(low);
    at[1][i] = clampIndex(low + 1, n);
    weights[0][i] = 1 - t;
    weights[1][i] = t;
  }
  return { at, weights };
}

/** Keys' cubic kernel (1981) at distance d; a is its slope at 1. */
function cubic(d: number, a: number): number {
  const x = Math.abs(d);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

function cubicTaps(n: number, out: number, ratio: number, alignCorners: boolean): Taps {
  const at = [0, 1, 2, 3].map(() => new BigInt64Array(out));
  const weights = [0, 1, 2, 3].map(() => new Float64Array(out));
  for (let i = 0; i < out; i++) {
    const x = sourceOf(i, n, out, ratio, alignCorners);
    const low = Math.floor(x);
    for (let k = 0; k < 4; k++) {
      at[k][i] = clampIndex(low - 1 + k, n);
      weights[k][i] = cubic(x - (low - 1 + k), -0.75);
    }
  }
  return { at, weights };
}

/** Matrix [out, n] of the triangle or the cubic kernel widened to the size of an output pixel. */
function antialiasMatrix(n: number, out: number, ratio: number, alignCorners: boolean, kernel: 'linear' | 'cubic'): Float64Array {
  const m = new Float64Array(out * n);
  const step = alignCorners ? (out > 1 ? (n - 1) / (out - 1) : 0) : ratio;
  const stretch = Math.max(step, 1);
  const support = (kernel === 'linear' ? 1 : 2) * stretch;
  for (let i = 0; i < out; i++) {
    const center = step * (i + 0.5);
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), n);
    let total = 0;
    for (let j = first; j < end; j++) {
      const d = (j - center + 0.5) / stretch;
      const w = kernel === 'linear' ? Math.max(1 - Math.abs(d), 0) : cubic(d, -0.5);
      m[i * n + j] = w;
      total += w;
    }
    for (let j = first; j < end; j++) m[i * n + j] /= total;
  }
  return m;
}

const like = (x: Tensor, a: Float64Array, shape: readonly number[]): Tensor =>
  x.dtype === 'float64' ? fromTyped(a, shape) : fromTyped(Float32Array.from(a), shape);

function applyTaps(x: Tensor, dim: number, { at, weights }: Taps): Tensor {
  let sum: Tensor | null = null;
  at.forEach((positions, k) => {
    let part = indexSelect(x, dim, fromTyped(positions, [positions.length]));
    if (weights.length > 0) {
      const shape = x.shape.map((_, i) => (i === dim ? positions.length : 1));
      part = mul(part, like(x, weights[k], shape));
    }
    sum = sum === null ? part : add(sum, part);
  });
  return sum as unknown as Tensor;
}

function applyMatrix(x: Tensor, dim: number, m: Float64Array, out: number): Tensor {
  const n = x.shape[dim];
  return movedim(matmul(movedim(x, dim, -1), transpose(like(x, m, [out, n]), 0, 1)), -1, dim);
}

/** Sizes of the result, and per dimension input over output as the modes use it. */
function targetOf(
  name: string,
  x: Tensor,
  spatial: number,
  { size = null, scaleFactor = null, recomputeScaleFactor = false }: InterpolateOptions,
): { out: number[]; ratios: number[] } {
  if ((size === null) === (scaleFactor === null))
    throw new ValueError(`${name}: give either size or scaleFactor${size === null ? '' : ', not both'}`);
  const each = (what: string, v: number | readonly number[]): readonly number[] => {
    const list = typeof v === 'number' ? new Array<number>(spatial).fill(v) : v;
    if (list.length !== spatial || list.some((n) => !(n > 0)))
      throw new ValueError(`${name}: ${what} is ${show(list)}; expected ${spatial} positive number(s) for x ${show(x.shape)}`);
    return list;
  };
  const from = x.shape.slice(2);
  if (size !== null) {
    const out = [...each('size', size)];
    if (out.some((n) => !Number.isInteger(n))) throw new ValueError(`${name}: size is ${show(out)}; sizes are whole numbers`);
    return { out, ratios: out.map((n, i) => from[i] / n) };
  }
  const factors = each('scaleFactor', scaleFactor as number | readonly number[]);
  const out = factors.map((f, i) => Math.floor(from[i] * f));
  if (out.some((n) => n < 1))
    throw new ShapeError(`${name}: scaleFactor ${show(factors)} leaves nothing of x ${show(x.shape)}; use larger factors`);
  return { out, ratios: out.map((n, i) => (recomputeScaleFactor ? from[i] / n : 1 / factors[i])) };
}

/**
 * Resizes the spatial dimensions of x [N, C, L], [N, C, H, W] or [N, C, D, H, W] to `size`, or by `scaleFactor`. ValueError for a mode that
 * does not fit the dimensions.
 */
export function interpolate(x: Tensor, options: InterpolateOptions = {}): Tensor {
  return composed(() => {
    const name = 'interpolate';
    const { mode = 'nearest', alignCorners = null, antialias = false } = options;
    if (!Object.hasOwn(spatialOf, mode))
      throw new ValueError(`${name}: mode '${String(mode)}' is unknown; use ${Object.keys(spatialOf).join(', ')}`);
    if (x.ndim < 3 || x.ndim > 5)
      throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C, L], [N, C, H, W] or [N, C, D, H, W]`);
    if (!isFloating(x.dtype)) throw new DTypeError(`${name}: x is ${x.dtype}; cast it with .to('float32')`);
    const spatial = x.ndim - 2;
    if (spatialOf[mode] !== 0 && spatialOf[mode] !== spatial)
      throw new ValueError(`${name}: mode '${mode}' needs ${spatialOf[mode]} spatial dimension(s), x ${show(x.shape)} has ${spatial}`);
    if (alignCorners !== null && spatialOf[mode] === 0) throw new ValueError(`${name}: alignCorners has no meaning for mode '${mode}'`);
    if (antialias && mode !== 'bilinear' && mode !== 'bicubic')
      throw new ValueError(`${name}: antialias works for 'bilinear' and 'bicubic', not '${mode}'`);
    if (x.shape.slice(2).includes(0)) throw new ShapeError(`${name}: x is ${show(x.shape)}; empty images cannot be resized`);
    const { out, ratios } = targetOf(name, x, spatial, options);
    if (mode === 'area')
      return spatial === 1 ? adaptiveAvgPool1d(x, out[0]) : spatial === 2 ? adaptiveAvgPool2d(x, out) : adaptiveAvgPool3d(x, out);
    let y = x;
    for (let d = spatial - 1; d >= 0; d--) {
      const [n, m, ratio, corners] = [x.shape[d + 2], out[d], ratios[d], alignCorners ?? false];
      if (antialias) {
        y = applyMatrix(y, d + 2, antialiasMatrix(n, m, ratio, corners, mode === 'bicubic' ? 'cubic' : 'linear'), m);
        continue;
      }
      const taps =
        mode === 'nearest' || mode === 'nearest-exact'
          ? nearestTaps(n, m, ratio, mode === 'nearest-exact')
          : mode === 'bicubic'
            ? cubicTaps(n, m, ratio, corners)
            : linearTaps(n, m, ratio, corners);
      y = applyTaps(y, d + 2, taps);
    }
    return contiguous(y);
  });
}

/** Another name of interpolate. */
export const upsample = interpolate;
