// Sampling of images at positions that a grid gives, and the grid of an affine map. Composed of gathers and elementwise weights, so that
// gradients of every order reach image and grid.

import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { isFloating } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { fromTyped } from './create.ts';
import { add, mul } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { gather } from './gather.ts';
import { matmul } from './matmul.ts';
import * as s from './scalar.ts';
import { input, param } from './scalar.ts';
import { expand, reshape, select, transpose, unsqueeze } from './view.ts';

export interface GridSampleOptions {
  /** 'bilinear' (trilinear for volumes), 'nearest' or 'bicubic' (images only). */
  mode?: 'bilinear' | 'nearest' | 'bicubic';
  /** What lies outside: zeros, the border, or the mirrored image. */
  paddingMode?: 'zeros' | 'border' | 'reflection';
  /** -1 and 1 are the centres of the corner pixels rather than their outer edges. */
  alignCorners?: boolean | null;
}

const x = input(0);
const op = (name: string, expr: s.Expr): ElementwiseOp => ({ name, doc: name, arity: 1, expr, dtype: 'same' });

// From [-1, 1] to pixels. param 0: size.
const pixels = {
  corners: op('gridPixels', s.mul(s.mul(0.5, s.add(x, 1)), s.sub(param(0), 1))),
  edges: op('gridPixels', s.mul(0.5, s.sub(s.mul(s.add(x, 1), param(0)), 1))),
};
// Between 0 and param 0; no slope at and beyond the ends.
const border = op('gridBorder', s.where(s.le(x, 0), 0, s.where(s.ge(x, param(0)), param(0), x)));
// Mirrored at param 1 and param 1 + param 2: distance from the first mirror, folded.
const distance = s.abs(s.sub(x, param(1)));
const folded = s.sub(distance, s.mul(param(2), s.floor(s.div(distance, param(2)))));
const flips = s.floor(s.div(distance, param(2)));
const odd = s.ne(s.sub(flips, s.mul(2, s.floor(s.mul(0.5, flips)))), 0);
const mirrored = s.add(s.where(odd, s.sub(param(2), folded), folded), param(1));
const reflection = op('gridReflection', s.where(s.le(mirrored, 0), 0, s.where(s.ge(mirrored, param(0)), param(0), mirrored)));

const part = s.sub(x, s.floor(x));
const linearWeights = [op('gridWeight', s.sub(1, part)), op('gridWeight', part)];
/** Keys' cubic kernel (1981) with slope -3/4: near (|d| <= 1) and far (1 < |d| < 2). */
const near = (d: s.Expr): s.Expr => s.add(s.mul(s.mul(s.sub(s.mul(1.25, d), 2.25), d), d), 1);
const far = (d: s.Expr): s.Expr => s.mul(-0.75, s.sub(s.mul(s.add(s.mul(s.sub(d, 5), d), 8), d), 4));
const cubicWeights = [far(s.add(part, 1)), near(part), near(s.sub(1, part)), far(s.sub(2, part))].map((e) => op('gridWeight', e));
const tap = op('gridTap', s.add(s.floor(x), param(0)));
const nearest = op('gridNearest', s.round(x));
// 1 inside [0, param 0], else 0
const inside = op('gridInside', s.logicalAnd(s.ge(x, 0), s.le(x, param(0))));
const clampTo = op('gridClamp', s.clamp(x, 0, param(0)));

type Padding = NonNullable<GridSampleOptions['paddingMode']>;

/** Brings positions back into the image as the padding wants it; zeros are handled by the weights. */
function padded(c: Tensor, size: number, padding: Padding, corners: boolean): Tensor {
  if (padding === 'zeros') return c;
  if (padding === 'border') return apply(border, [c], [size - 1]);
  const [low, range] = corners ? [0, size - 1] : [-0.5, size];
  return range === 0 ? mul(c, 0) : apply(reflection, [c], [size - 1, low, range]);
}

/** One tap along one dimension: whole positions (clamped, int64) and weights, both [N, P]; a null weight is 1. */
interface Tap {
  readonly at: Tensor;
  readonly weight: Tensor | null;
}

function tapOf(position: Tensor, weight: Tensor | null, size: number): Tap {
  const valid = apply(inside, [position], [size - 1]);
  return {
    at: to(apply(clampTo, [position], [size - 1]), 'int64'),
    weight: weight === null ? valid : mul(weight, valid),
  };
}

function tapsOf(c: Tensor, size: number, mode: string, padding: Padding, corners: boolean): Tap[] {
  const pixel = apply(corners ? pixels.corners : pixels.edges, [c], [size]);
  if (mode === 'bicubic')
    return cubicWeights.map((w, k) => tapOf(padded(apply(tap, [pixel], [k - 1]), size, padding, corners), apply(w, [pixel]), size));
  const at = padded(pixel, size, padding, corners);
  if (mode === 'nearest') return [tapOf(apply(nearest, [at]), null, size)];
  return linearWeights.map((w, k) => tapOf(apply(tap, [at], [k]), apply(w, [at]), size));
}

/**
 * Samples an image at the positions of a grid: image [N, C, H, W], grid [N, OH, OW, 2] of (x, y) in [-1, 1] -> [N, C, OH, OW]; for volumes
 * [N, C, D, H, W], grid [N, OD, OH, OW, 3] of (x, y, z).
 */
export function gridSample(
  image: Tensor,
  grid: Tensor,
  { mode = 'bilinear', paddingMode = 'zeros', alignCorners = false }: GridSampleOptions = {},
): Tensor {
  return composed(() => {
    const name = 'gridSample';
    const spatial = image.ndim - 2;
    if (spatial !== 2 && spatial !== 3)
      throw new ShapeError(`${name}: the image is ${show(image.shape)}; expected [N, C, H, W] or [N, C, D, H, W]`);
    if (grid.ndim !== image.ndim || grid.shape[0] !== image.shape[0] || grid.shape[grid.ndim - 1] !== spatial)
      throw new ShapeError(
        `${name}: the grid is ${show(grid.shape)}; for an image ${show(image.shape)} it must be [${image.shape[0]}, ${spatial === 2 ? '' : 'OD, '}OH, OW, ${spatial}]`,
      );
    if (!isFloating(image.dtype) || image.dtype !== grid.dtype)
      throw new DTypeError(`${name}: the image is ${image.dtype} and the grid ${grid.dtype}; both must be float32 or float64`);
    if (!['bilinear', 'nearest', 'bicubic'].includes(mode))
      throw new ValueError(`${name}: mode '${String(mode)}' is unknown; use 'bilinear', 'nearest' or 'bicubic'`);
    if (!['zeros', 'border', 'reflection'].includes(paddingMode))
      throw new ValueError(`${name}: paddingMode '${String(paddingMode)}' is unknown; use 'zeros', 'border' or 'reflection'`);
    if (mode === 'bicubic' && spatial === 3)
      throw new ValueError(`${name}: mode 'bicubic' works for images only; use 'bilinear' for volumes`);
    const [N, C, ...from] = image.shape;
    if (from.includes(0)) throw new ShapeError(`${name}: the image is ${show(image.shape)}; it must not be empty`);
    const outer = grid.shape.slice(1, -1);
    const P = outer.reduce((a, b) => a * b, 1);
    const flat = reshape(image, [N, C, from.reduce((a, b) => a * b, 1)]);
    // the grid names x (the last dimension of the image) first
    const taps = from.map((size, d) =>
      tapsOf(reshape(select(grid, -1, spatial - 1 - d), [N, P]), size, mode, paddingMode, alignCorners ?? false),
    );
    let total: Tensor | null = null;
    const visit = (d: number, at: Tensor | null, weight: Tensor | null): void => {
      if (d === spatial) {
        const index = expand(unsqueeze(at as Tensor, 1), [N, C, P]);
        const values = mul(gather(flat, 2, index), unsqueeze(weight as Tensor, 1));
        total = total === null ? values : add(total, values);
        return;
      }
      for (const t of taps[d])
        visit(
          d + 1,
          at === null ? t.at : add(mul(at, from[d]), t.at),
          weight === null ? t.weight : t.weight === null ? weight : mul(weight, t.weight),
        );
    };
    visit(0, null, null);
    return reshape(total as unknown as Tensor, [N, C, ...outer]);
  });
}

/**
 * The grid of an affine map for gridSample: theta [N, 2, 3] with size [N, C, H, W] -> [N, H, W, 2]; theta [N, 3, 4] with size [N, C, D, H, W] ->
 * [N, D, H, W, 3].
 */
export function affineGrid(
  theta: Tensor,
  size: readonly number[],
  { alignCorners = false }: { alignCorners?: boolean | null } = {},
): Tensor {
  return composed(() => {
    const name = 'affineGrid';
    const spatial = size.length - 2;
    if ((spatial !== 2 && spatial !== 3) || size.some((n) => !Number.isInteger(n) || n < 1))
      throw new ShapeError(`${name}: size is ${show(size)}; expected [N, C, H, W] or [N, C, D, H, W] of positive sizes`);
    if (!sameShape(theta.shape, [size[0], spatial, spatial + 1]))
      throw new ShapeError(
        `${name}: theta is ${show(theta.shape)}; for size ${show(size)} it must be [${size[0]}, ${spatial}, ${spatial + 1}]`,
      );
    if (!isFloating(theta.dtype)) throw new DTypeError(`${name}: theta is ${theta.dtype}; cast it with .to('float32')`);
    const dims = size.slice(2);
    const P = dims.reduce((a, b) => a * b, 1);
    const place = (i: number, n: number): number => (alignCorners ? (n > 1 ? (2 * i) / (n - 1) - 1 : 0) : (2 * i + 1) / n - 1);
    const base = new Float64Array(P * (spatial + 1));
    for (let k = 0; k < P; k++) {
      let rest = k;
      for (let d = spatial - 1; d >= 0; d--) {
        base[k * (spatial + 1) + spatial - 1 - d] = place(rest % dims[d], dims[d]);
        rest = Math.floor(rest / dims[d]);
      }
      base[k * (spatial + 1) + spatial] = 1;
    }
    const points = theta.dtype === 'float64' ? fromTyped(base, [P, spatial + 1]) : fromTyped(Float32Array.from(base), [P, spatial + 1]);
    return reshape(matmul(points, transpose(theta, 1, 2)), [size[0], ...dims, spatial]);
  });
}
