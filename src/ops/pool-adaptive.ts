// Adaptive pooling: as many windows as the output has elements. Window i of `out` over n elements reaches from ⌊i n / out⌋ to ⌈(i + 1) n / out⌉.

import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { isFloating } from '../tensor/dtype.ts';
import { type Shape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { empty, fromTyped } from './create.ts';
import { add, floorDivide, mul, remainder } from './elementwise.ts';
import { gather, indexSelect, take } from './gather.ts';
import { matmul } from './matmul.ts';
import { avgPool2d, maxPool2dWithIndices, valuesOf } from './pool.ts';
import type { ValuesAndIndices } from './reduce.ts';
import { reshape, squeeze, transpose, unsqueeze } from './view.ts';

/** Output size of an adaptive pooling: null keeps the input's size. */
export type AdaptiveSize = number | null | readonly (number | null)[];

const span = (i: number, n: number, out: number): [number, number] => [Math.floor((i * n) / out), Math.ceil(((i + 1) * n) / out)];

/** The output sizes, one for each of the `spatial` last dimensions of x. */
function targetOf(name: string, x: Tensor, outputSize: AdaptiveSize, spatial: number): number[] {
  const letters = ['L', 'H, W', 'D, H, W'][spatial - 1];
  if (x.ndim !== spatial + 1 && x.ndim !== spatial + 2)
    throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C, ${letters}] or [C, ${letters}]`);
  if (!isFloating(x.dtype)) throw new DTypeError(`${name}: x is ${x.dtype}; cast it with .to('float32')`);
  const list = Array.isArray(outputSize)
    ? (outputSize as readonly (number | null)[])
    : Array.from({ length: spatial }, () => outputSize as number | null);
  const target = list.map((v, i) => v ?? x.shape[x.ndim - spatial + i]);
  if (target.length !== spatial || target.some((v) => !Number.isInteger(v) || v < 0))
    throw new ValueError(
      `${name}: the output size ${String(outputSize)} must be a whole number of at least 0 or null${spatial > 1 ? `, or ${spatial} of them` : ''}`,
    );
  return target;
}

/** Matrix [out, n] that averages the windows. */
function averaging(n: number, out: number, dtype: Tensor['dtype']): Tensor {
  const m = new Float64Array(out * n);
  for (let i = 0; i < out; i++) {
    const [a, b] = span(i, n, out);
    for (let j = a; j < b; j++) m[i * n + j] = 1 / (b - a);
  }
  return dtype === 'float64' ? fromTyped(m, [out, n]) : fromTyped(Float32Array.from(m), [out, n]);
}

/** Means over the last two dimensions of x, which has 3 or 4. */
function averagePlanes(x: Tensor, OH: number, OW: number): Tensor {
  return composed(() => {
    const [H, W] = x.shape.slice(-2);
    if (OH === 0 || OW === 0) return empty([...x.shape.slice(0, -2), OH, OW], { dtype: x.dtype });
    if (H > 0 && W > 0 && H % OH === 0 && W % OW === 0) return avgPool2d(x, [H / OH, W / OW]);
    return matmul(matmul(averaging(H, OH, x.dtype), x), transpose(averaging(W, OW, x.dtype), 0, 1));
  });
}

/** Positions [out · k] of the windows, each filled up to the longest one's k elements by its last: repeats change no maximum. */
function filledWindows(n: number, out: number): { at: BigInt64Array; k: number } {
  let k = 1;
  for (let i = 0; i < out; i++) k = Math.max(k, span(i, n, out)[1] - span(i, n, out)[0]);
  const at = new BigInt64Array(out * k);
  for (let i = 0; i < out; i++) {
    const [a, b] = span(i, n, out);
    for (let j = 0; j < k; j++) at[i * k + j] = BigInt(Math.min(a + j, b - 1));
  }
  return { at, k };
}

/** Maxima over the last two dimensions of x, which has 3 or 4, and their positions in the plane. */
function maximumPlanes(x: Tensor, OH: number, OW: number): ValuesAndIndices {
  return composed(() => {
    const [H, W] = x.shape.slice(-2);
    if (OH === 0 || OW === 0) {
      const shape = [...x.shape.slice(0, -2), OH, OW];
      return { values: empty(shape, { dtype: x.dtype }), indices: empty(shape, { dtype: 'int64' }) };
    }
    if (H === 0 || W === 0) throw new ShapeError(`adaptiveMaxPool: x is ${show(x.shape)}; empty planes have no maximum`);
    if (H % OH === 0 && W % OW === 0) return maxPool2dWithIndices(x, [H / OH, W / OW]);
    const [rows, columns] = [filledWindows(H, OH), filledWindows(W, OW)];
    const [r, c] = [fromTyped(rows.at, [rows.at.length]), fromTyped(columns.at, [columns.at.length])];
    const d = x.ndim - 2;
    const filled = indexSelect(indexSelect(x, d, r), d + 1, c);
    const { values, indices } = maxPool2dWithIndices(filled, [rows.k, columns.k]);
    // a position in the filled plane says which row and column of x it shows
    const width = columns.at.length;
    return { values, indices: add(mul(take(r, floorDivide(indices, width)), W), take(c, remainder(indices, width))) };
  });
}

/** Mean over windows chosen so that the output is [..., OL]: x [N, C, L] or [C, L]. */
export function adaptiveAvgPool1d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return composed(() => {
    const [L] = targetOf('adaptiveAvgPool1d', x, outputSize, 1);
    return squeeze(averagePlanes(unsqueeze(x, -2), 1, L), -2);
  });
}

/** Mean over windows chosen so that the output is [..., OH, OW]: x [N, C, H, W] or [C, H, W]. */
export function adaptiveAvgPool2d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  const [OH, OW] = targetOf('adaptiveAvgPool2d', x, outputSize, 2);
  return averagePlanes(x, OH, OW);
}

/** The planes of a volume, then its depth: [planes, D, H, W], and how to put the result together. */
const planesOf = (x: Tensor): { planes: Tensor; lead: Shape; D: number; H: number; W: number } => {
  const [D, H, W] = x.shape.slice(-3);
  const lead = x.shape.slice(0, -3);
  return { planes: reshape(x, [lead.reduce((a, b) => a * b, 1), D, H, W]), lead, D, H, W };
};

/** Mean over windows chosen so that the output is [..., OD, OH, OW]: x [N, C, D, H, W] or [C, D, H, W]. */
export function adaptiveAvgPool3d(x: Tensor, outputSize: AdaptiveSize): Tensor {
  return composed(() => {
    const [OD, OH, OW] = targetOf('adaptiveAvgPool3d', x, outputSize, 3);
    const { planes, lead, D } = planesOf(x);
    const flat = reshape(averagePlanes(planes, OH, OW), [planes.shape[0], D, OH * OW]);
    return reshape(averagePlanes(flat, OD, OH * OW), [...lead, OD, OH, OW]);
  });
}

/** As adaptiveMaxPool1d, with positions (int64). */
export function adaptiveMaxPool1dWithIndices(x: Tensor, outputSize: AdaptiveSize): ValuesAndIndices {
  return composed(() => {
    const [L] = targetOf('adaptiveMaxPool1d', x, outputSize, 1);
    const { values, indices } = maximumPlanes(unsqueeze(x, -2), 1, L);
    return { values: squeeze(values, -2), indices: squeeze(indices, -2) };
  });
}

/** As adaptiveMaxPool2d, with positions in the plane (int64). */
export function adaptiveMaxPool2dWithIndices(x: Tensor, outputSize: AdaptiveSize): ValuesAndIndices {
  const [OH, OW] = targetOf('adaptiveMaxPool2d', x, outputSize, 2);
  return maximumPlanes(x, OH, OW);
}

/** As adaptiveMaxPool3d, with positions in the volume (int64). */
export function adaptiveMaxPool3dWithIndices(x: Tensor, outputSize: AdaptiveSize): ValuesAndIndices {
  return composed(() => {
    const [OD, OH, OW] = targetOf('adaptiveMaxPool3d', x, outputSize, 3);
    const { planes, lead, D, H, W } = planesOf(x);
    const inPlane = maximumPlanes(planes, OH, OW);
    const n = planes.shape[0];
    const inDepth = maximumPlanes(reshape(inPlane.values, [n, D, OH * OW]), OD, OH * OW);
    const at = volumePositions(inPlane.indices, inDepth.indices, n, D, H * W, [OD, OH, OW]);
    const shape = [...lead, OD, OH, OW];
    return { values: reshape(inDepth.values, shape), indices: reshape(at, shape) };
  });
}

/** Positions in the volume from positions in each plane, [n, D, OH, OW], and those of the depth's maxima, [n, OD, OH OW], in [D, OH OW]. */
export function volumePositions(
  inPlane: Tensor,
  inDepth: Tensor,
  n: number,
  D: number,
  plane: number,
  [OD, OH, OW]: readonly number[],
): Tensor {
  const flat = reshape(inDepth, [n, OD * OH * OW]);
  const place = gather(reshape(inPlane, [n, D * OH * OW]), 1, flat);
  return add(place, mul(floorDivide(flat, OH * OW), plane));
}

/** Largest value over windows chosen so that the output is [..., OL]: x [N, C, L] or [C, L]. */
export const adaptiveMaxPool1d = (x: Tensor, outputSize: AdaptiveSize): Tensor => valuesOf(adaptiveMaxPool1dWithIndices(x, outputSize));
/** Largest value over windows chosen so that the output is [..., OH, OW]: x [N, C, H, W] or [C, H, W]. */
export const adaptiveMaxPool2d = (x: Tensor, outputSize: AdaptiveSize): Tensor => valuesOf(adaptiveMaxPool2dWithIndices(x, outputSize));
/** Largest value over windows chosen so that the output is [..., OD, OH, OW]: x [N, C, D, H, W] or [C, D, H, W]. */
export const adaptiveMaxPool3d = (x: Tensor, outputSize: AdaptiveSize): Tensor => valuesOf(adaptiveMaxPool3dWithIndices(x, outputSize));
