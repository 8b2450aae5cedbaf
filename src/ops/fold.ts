// Windows of images as columns, and back.

import { ShapeError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { pair, type Size } from './conv.ts';
import { fromTyped } from './create.ts';
import { indexAddZeros, indexSelect } from './gather.ts';
import { pad } from './pad.ts';
import { narrow, permute, reshape, squeeze, unsqueeze } from './view.ts';

export interface WindowOptions {
  /** Distance between the window's elements. */
  dilation?: Size;
  /** Zeros on both sides. */
  padding?: Size;
  /** Step of the window. */
  stride?: Size;
}

/** Positions that `count` windows of k elements show, tap by tap: [k · count]. */
export function windowPositions(k: number, count: number, stride: number, dilation: number): Tensor {
  const at = new BigInt64Array(k * count);
  for (let t = 0; t < k; t++) for (let i = 0; i < count; i++) at[t * count + i] = BigInt(i * stride + t * dilation);
  return fromTyped(at, [at.length]);
}

interface Windows {
  readonly K: readonly [number, number];
  readonly S: readonly [number, number];
  readonly P: readonly [number, number];
  readonly D: readonly [number, number];
  readonly out: readonly [number, number];
}

function windowsOf(
  name: string,
  H: number,
  W: number,
  kernelSize: Size,
  { dilation = 1, padding = 0, stride = 1 }: WindowOptions,
): Windows {
  const K = pair(name, 'kernelSize', kernelSize, 1);
  const [S, P, D] = [pair(name, 'stride', stride, 1), pair(name, 'padding', padding, 0), pair(name, 'dilation', dilation, 1)];
  const size = (n: number, d: 0 | 1): number => Math.floor((n + 2 * P[d] - D[d] * (K[d] - 1) - 1) / S[d]) + 1;
  const out = [size(H, 0), size(W, 1)] as const;
  if (out[0] < 1 || out[1] < 1)
    throw new ShapeError(`${name}: windows ${show(K)} are larger than the padded image ${H + 2 * P[0]}×${W + 2 * P[1]}; use more padding`);
  return { K, S, P, D, out };
}

/** The windows of an image as columns: x [N, C, H, W] (or [C, H, W]) -> [N, C KH KW, L], L windows in row-major order. */
export function unfold(x: Tensor, kernelSize: Size, options: WindowOptions = {}): Tensor {
  return composed(() => {
    if (x.ndim === 3) return squeeze(unfold(unsqueeze(x, 0), kernelSize, options), 0);
    if (x.ndim !== 4) throw new ShapeError(`unfold: x is ${show(x.shape)}; expected [N, C, H, W] or [C, H, W]`);
    const [N, C, H, W] = x.shape;
    const { K, S, P, D, out } = windowsOf('unfold', H, W, kernelSize, options);
    const wide = P[0] + P[1] === 0 ? x : pad(x, [P[1], P[1], P[0], P[0]]);
    const rows = indexSelect(wide, 2, windowPositions(K[0], out[0], S[0], D[0]));
    const all = indexSelect(rows, 3, windowPositions(K[1], out[1], S[1], D[1]));
    const split = reshape(all, [N, C, K[0], out[0], K[1], out[1]]);
    return reshape(permute(split, [0, 1, 2, 4, 3, 5]), [N, C * K[0] * K[1], out[0] * out[1]]);
  });
}

/** Adds up columns as windows of an image, the reverse of unfold: x [N, C KH KW, L] (or [C KH KW, L]) -> [N, C, H, W] with outputSize [H, W]. */
export function fold(x: Tensor, outputSize: Size, kernelSize: Size, options: WindowOptions = {}): Tensor {
  return composed(() => {
    if (x.ndim === 2) return squeeze(fold(unsqueeze(x, 0), outputSize, kernelSize, options), 0);
    if (x.ndim !== 3) throw new ShapeError(`fold: x is ${show(x.shape)}; expected [N, C KH KW, L] or [C KH KW, L]`);
    const [H, W] = pair('fold', 'outputSize', outputSize, 1);
    const { K, S, P, D, out } = windowsOf('fold', H, W, kernelSize, options);
    const [N, columns, L] = x.shape;
    if (columns % (K[0] * K[1]) !== 0 || L !== out[0] * out[1])
      throw new ShapeError(
        `fold: x is ${show(x.shape)}; for outputSize ${H}×${W} and windows ${show(K)} it must be [N, a multiple of ${K[0] * K[1]}, ${out[0] * out[1]}]`,
      );
    const C = columns / (K[0] * K[1]);
    const split = permute(reshape(x, [N, C, K[0], K[1], out[0], out[1]]), [0, 1, 2, 4, 3, 5]);
    const flat = reshape(split, [N, C, K[0] * out[0], K[1] * out[1]]);
    const [PH, PW] = [H + 2 * P[0], W + 2 * P[1]];
    const rows = indexAddZeros(flat, [N, C, PH, K[1] * out[1]], 2, windowPositions(K[0], out[0], S[0], D[0]));
    const all = indexAddZeros(rows, [N, C, PH, PW], 3, windowPositions(K[1], out[1], S[1], D[1]));
    return narrow(narrow(all, 2, P[0], H), 3, P[1], W);
  });
}
