// Pooling over two spatial dimensions (and one, as a special case); three dimensions are in pool3d.ts, adaptive windows in pool-adaptive.ts. Forward and backward are pairs of linear maps that are each
// other's derivative, so second derivatives exist.

import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { I, run } from '../runtime/runtime.ts';
import { dtypeCode } from '../tensor/dtype.ts';
import { type Shape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { pair, type Size } from './conv.ts';
import { copy, dense, empty, fill } from './raw.ts';
import type { ValuesAndIndices } from './reduce.ts';
import { squeeze, unsqueeze } from './view.ts';

export interface MaxPoolOptions {
  /** Step of the window; the window's size unless given. */
  stride?: Size;
  /** Border of -∞ on both sides, at most half the window. */
  padding?: Size;
  dilation?: Size;
  /** Round the output size up, so that a last partial window counts. */
  ceilMode?: boolean;
}

export interface AvgPoolOptions {
  stride?: Size;
  /** Border of zeros on both sides, at most half the window. */
  padding?: Size;
  ceilMode?: boolean;
  /** Whether padded zeros count in the divisor. */
  countIncludePad?: boolean;
  /** Replaces the divisor. */
  divisorOverride?: number;
}

interface Geometry {
  readonly kind: 0 | 1;
  readonly shape: Shape; // of the input: [..., H, W]
  readonly out: Shape; // of the output: [..., OH, OW]
  readonly K: readonly [number, number];
  readonly S: readonly [number, number];
  readonly P: readonly [number, number];
  readonly D: readonly [number, number];
  readonly countPad: boolean;
  readonly divisor: number;
}

function runPool(name: string, opcode: 7 | 8, q: Geometry, x: Tensor, y: Tensor, index: Tensor | null): void {
  const n = q.shape.length;
  let planes = 1;
  for (let i = 0; i < n - 2; i++) planes *= q.shape[i];
  I[0] = opcode;
  I[2] = dtypeCode[x.dtype];
  I[3] = q.kind;
  I[4] = planes;
  I[5] = q.shape[n - 2];
  I[6] = q.shape[n - 1];
  I[7] = q.K[0];
  I[8] = q.K[1];
  I[9] = q.S[0];
  I[10] = q.S[1];
  I[11] = q.P[0];
  I[12] = q.P[1];
  I[13] = q.D[0];
  I[14] = q.D[1];
  I[15] = q.out[n - 2];
  I[16] = q.out[n - 1];
  I[17] = x.address;
  I[18] = y.address;
  I[19] = index === null ? 0 : index.address;
  I[20] = q.countPad ? 1 : 0;
  I[21] = q.divisor;
  run(name, 22);
}

function outputSize(size: number, k: number, s: number, p: number, d: number, ceilMode: boolean): number {
  const room = size + 2 * p - d * (k - 1) - 1;
  if (!ceilMode) return Math.floor(room / s) + 1;
  const n = Math.ceil(room / s) + 1;
  return (n - 1) * s >= size + p ? n - 1 : n; // the last window must start inside the input or its left border
}

function geometry(
  name: string,
  kind: 0 | 1,
  x: Tensor,
  kernelSize: Size,
  o: { stride?: Size; padding?: Size; dilation?: Size; ceilMode?: boolean; countPad?: boolean; divisor?: number },
): Geometry {
  if (x.ndim !== 3 && x.ndim !== 4) throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C, H, W] or [C, H, W]`);
  if (x.dtype !== 'float32' && x.dtype !== 'float64')
    throw new DTypeError(`${name}: x is ${x.dtype}; pooling needs float32 or float64, cast with .to('float32')`);
  const K = pair(name, 'kernelSize', kernelSize, 1);
  const S = o.stride === undefined || (Array.isArray(o.stride) && o.stride.length === 0) ? K : pair(name, 'stride', o.stride, 1);
  const P = pair(name, 'padding', o.padding ?? 0, 0);
  const D = pair(name, 'dilation', o.dilation ?? 1, 1);
  if (P[0] * 2 > K[0] || P[1] * 2 > K[1]) throw new ValueError(`${name}: padding ${show(P)} must be at most half the window ${show(K)}`);
  const n = x.ndim;
  const [H, W] = [x.shape[n - 2], x.shape[n - 1]];
  const OH = outputSize(H, K[0], S[0], P[0], D[0], o.ceilMode ?? false);
  const OW = outputSize(W, K[1], S[1], P[1], D[1], o.ceilMode ?? false);
  if (OH < 1 || OW < 1)
    throw new ShapeError(
      `${name}: the window ${show(K)} is larger than the padded input (x ${show(x.shape)}, padding ${show(P)}); use a smaller window`,
    );
  return {
    kind,
    shape: x.shape,
    out: [...x.shape.slice(0, -2), OH, OW],
    K,
    S,
    P,
    D,
    countPad: o.countPad ?? true,
    divisor: o.divisor ?? 0,
  };
}

/** The largest value of each window and, as int64, its position in the plane. */
function maxForward(name: string, q: Geometry, x: Tensor): { y: Tensor; index: Tensor } {
  const y = empty(q.out, x.dtype);
  const index = empty(q.out, 'int32');
  if (y.numel > 0) runPool(name, 7, q, dense(x), y, index);
  if (mustRecord([x])) record(name, [x], [y], [index], ([g], [at]) => [g === null ? null : scatterPlanes(name, q, g, at)]);
  return { y, index };
}

/** Adds each value of g to the place of its plane that `index` names: the backward of max pooling. */
function scatterPlanes(name: string, q: Geometry, g: Tensor, index: Tensor): Tensor {
  const x = empty(q.shape, g.dtype);
  if (g.numel === 0) fill(x, 0);
  else runPool(name, 8, q, x, dense(g), index);
  if (mustRecord([g])) record(`${name}Backward`, [g], [x], [index], ([c], [at]) => [c === null ? null : gatherPlanes(name, q, c, at)]);
  return x;
}

/** The values of c at the places that `index` names: the backward of the backward. */
function gatherPlanes(name: string, q: Geometry, c: Tensor, index: Tensor): Tensor {
  const y = empty(q.out, c.dtype);
  const wide = copy(index, 'int64');
  const n = q.shape.length;
  const plane = q.shape[n - 2] * q.shape[n - 1];
  const outPlane = q.out[n - 2] * q.out[n - 1];
  const planes = outPlane === 0 ? 0 : y.numel / outPlane;
  const from = dense(c);
  if (y.numel > 0) {
    // GATHER along the flattened plane
    const words = [
      14,
      0,
      0,
      dtypeCode[c.dtype],
      from.address,
      wide.address,
      y.address,
      2,
      1,
      plane,
      planes,
      outPlane,
      plane,
      1,
      outPlane,
      1,
      outPlane,
      1,
    ];
    for (let i = 0; i < words.length; i++) I[i] = words[i];
    run(name, words.length);
  }
  if (mustRecord([c])) record(`${name}Gather`, [c], [y], [index], ([g], [at]) => [g === null ? null : scatterPlanes(name, q, g, at)]);
  return y;
}

/** Largest value in each window: x [N, C, H, W] or [C, H, W]. The window moves by its own size unless `stride` says otherwise. */
export function maxPool2d(x: Tensor, kernelSize: Size, options: MaxPoolOptions = {}): Tensor {
  const q = geometry('maxPool2d', 0, x, kernelSize, options);
  if (!mustRecord([x])) {
    const y = empty(q.out, x.dtype); // nobody asks for the positions
    if (y.numel > 0) runPool('maxPool2d', 7, q, dense(x), y, null);
    return y;
  }
  const { y, index } = maxForward('maxPool2d', q, x);
  index.dispose(); // the graph holds what it needs
  return y;
}

/** As maxPool2d, with the position of each maximum in its plane (int64) beside the values. */
export function maxPool2dWithIndices(x: Tensor, kernelSize: Size, options: MaxPoolOptions = {}): ValuesAndIndices {
  const { y, index } = maxForward('maxPool2d', geometry('maxPool2d', 0, x, kernelSize, options), x);
  return { values: y, indices: copy(index, 'int64') };
}

/** The values alone. */
export function valuesOf({ values, indices }: ValuesAndIndices): Tensor {
  indices.dispose();
  return values;
}

function avgForward(name: string, q: Geometry, x: Tensor): Tensor {
  const y = empty(q.out, x.dtype);
  if (y.numel > 0) runPool(name, 7, q, dense(x), y, null);
  if (mustRecord([x])) record(name, [x], [y], [], ([g]) => [g === null ? null : avgBackward(name, q, g)]);
  return y;
}

function avgBackward(name: string, q: Geometry, g: Tensor): Tensor {
  const x = empty(q.shape, g.dtype);
  if (g.numel === 0) fill(x, 0);
  else runPool(name, 8, q, x, dense(g), null);
  if (mustRecord([g])) record(`${name}Backward`, [g], [x], [], ([c]) => [c === null ? null : avgForward(name, q, c)]);
  return x;
}

/** Mean of each window: x [N, C, H, W] or [C, H, W]. Padded zeros count unless countIncludePad is false. */
export function avgPool2d(
  x: Tensor,
  kernelSize: Size,
  { stride, padding, ceilMode, countIncludePad = true, divisorOverride }: AvgPoolOptions = {},
): Tensor {
  if (divisorOverride !== undefined && (!Number.isInteger(divisorOverride) || divisorOverride === 0))
    throw new ValueError(`avgPool2d: divisorOverride is ${divisorOverride}; expected a whole number other than 0`);
  return avgForward(
    'avgPool2d',
    geometry('avgPool2d', 1, x, kernelSize, { stride, padding, ceilMode, countPad: countIncludePad, divisor: divisorOverride ?? 0 }),
    x,
  );
}

const oneD = (v: Size | undefined, other: number): Size | undefined =>
  v === undefined ? undefined : [other, typeof v === 'number' ? v : v[0]];

/** x [..., L] as [..., 1, L] with the options for the last dimension alone. */
function flat<O extends { stride?: Size; padding?: Size }>(name: string, x: Tensor, kernelSize: Size, options: O): [Tensor, Size, O] {
  if (x.ndim !== 2 && x.ndim !== 3) throw new ShapeError(`${name}: x is ${show(x.shape)}; expected [N, C, L] or [C, L]`);
  return [
    unsqueeze(x, -2),
    oneD(kernelSize, 1) as Size,
    { ...options, stride: oneD(options.stride, 1), padding: oneD(options.padding, 0) },
  ];
}

/** Largest value in each window of the last dimension: x [N, C, L] or [C, L]. */
export function maxPool1d(x: Tensor, kernelSize: Size, options: MaxPoolOptions = {}): Tensor {
  const [y, k, o] = flat('maxPool1d', x, kernelSize, options);
  return squeeze(maxPool2d(y, k, { ...o, dilation: oneD(options.dilation, 1) }), -2);
}

/** As maxPool1d, with the position of each maximum (int64) beside the values. */
export function maxPool1dWithIndices(x: Tensor, kernelSize: Size, options: MaxPoolOptions = {}): ValuesAndIndices {
  const [y, k, o] = flat('maxPool1d', x, kernelSize, options);
  const { values, indices } = maxPool2dWithIndices(y, k, { ...o, dilation: oneD(options.dilation, 1) });
  return { values: squeeze(values, -2), indices: squeeze(indices, -2) };
}

/** Mean of each window of the last dimension: x [N, C, L] or [C, L]. */
export function avgPool1d(x: Tensor, kernelSize: Size, options: AvgPoolOptions = {}): Tensor {
  const [y, k, o] = flat('avgPool1d', x, kernelSize, options);
  return squeeze(avgPool2d(y, k, o), -2);
}
