// Geometric transforms of images [..., C, H, W]: cutting, padding, mirroring, and maps of the plane, with the definitions of torchvision.
// Maps sample the image at positions computed on the host; gradients reach the image.

import { type ResizeOptions, resize } from '../data/transforms.ts';
import { fromTyped, onesLike } from '../ops/create.ts';
import { add, ge, mul, sub, where } from '../ops/elementwise.ts';
import { indexSelect } from '../ops/gather.ts';
import { gridSample } from '../ops/grid-sample.ts';
import { cat } from '../ops/join.ts';
import { type PadMode, pad as padEdges } from '../ops/pad.ts';
import { flip } from '../ops/shape-more.ts';
import { clone, expand, narrow, slice } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { asBatch, checkImage, roundedTo, sizeOf } from './image-values.ts';

export { type ResizeOptions, resize };

/** Channels, height and width of an image [..., C, H, W]. */
export function getDimensions(img: Tensor): [number, number, number] {
  checkImage('getDimensions', img);
  const [h, w] = sizeOf(img);
  return [img.ndim === 2 ? 1 : img.shape[img.ndim - 3], h, w];
}

/** Width and height of an image, in this order. */
export function getImageSize(img: Tensor): [number, number] {
  checkImage('getImageSize', img);
  const [h, w] = sizeOf(img);
  return [w, h];
}

/** Mirrored left to right. */
export const hflip = (img: Tensor): Tensor => {
  checkImage('hflip', img);
  return flip(img, [-1]);
};

/** Mirrored top to bottom. */
export const vflip = (img: Tensor): Tensor => {
  checkImage('vflip', img);
  return flip(img, [-2]);
};

/** How {@link pad} fills the new pixels. */
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';

/** Options of {@link pad}. */
export interface PadImageOptions {
  /** Value of the new pixels in mode 'constant'. */
  fill?: number;
  /** 'constant', 'edge' (the outermost pixel), 'reflect' (mirrored without it) or 'symmetric' (mirrored with it). */
  paddingMode?: PaddingMode;
}

const padModes: Record<Exclude<PaddingMode, 'symmetric'>, PadMode> = { constant: 'constant', edge: 'replicate', reflect: 'reflect' };

/** Adds a margin: one width, [left and right, top and bottom], or [left, top, right, bottom]. Negative widths cut. */
export function pad(
  img: Tensor,
  padding: number | readonly number[],
  { fill = 0, paddingMode = 'constant' }: PadImageOptions = {},
): Tensor {
  const name = 'pad';
  checkImage(name, img);
  const p = typeof padding === 'number' ? [padding] : [...padding];
  if (![1, 2, 4].includes(p.length) || !p.every(Number.isSafeInteger))
    throw new ValueError(`${name}: padding is ${show(p)}; 1, 2 or 4 whole numbers were expected`);
  const [left, top, right, bottom] = p.length === 1 ? [p[0], p[0], p[0], p[0]] : p.length === 2 ? [p[0], p[1], p[0], p[1]] : p;
  if (paddingMode === 'symmetric') return symmetric(symmetric(img, -1, left, right), -2, top, bottom);
  if (!Object.hasOwn(padModes, paddingMode))
    throw new ValueError(`${name}: paddingMode '${String(paddingMode)}' is unknown; use constant, edge, reflect or symmetric`);
  const mode = padModes[paddingMode];
  if (mode === 'constant') return padEdges(img, [left, right, top, bottom], { value: fill });
  // reflect and replicate take whole numbers by way of floats, which hold bytes exactly
  return roundedTo(
    asBatch(img, (x) => padEdges(x, [left, right, top, bottom], { mode })),
    img.dtype,
  );
}

function symmetric(img: Tensor, dim: number, before: number, after: number): Tensor {
  const n = img.shape[img.ndim + dim];
  if (n === 0) throw new ShapeError(`pad: img is ${show(img.shape)}; an image without pixels has nothing to mirror`);
  const at = Array.from({ length: Math.max(0, before + n + after) }, (_, i) => {
    const k = (((i - before) % (2 * n)) + 2 * n) % (2 * n);
    return BigInt(k < n ? k : 2 * n - 1 - k);
  });
  return indexSelect(img, dim, fromTyped(BigInt64Array.from(at), [at.length]));
}

/** The part of `height` and `width` from (top, left) on; what lies outside the image is 0. */
export function crop(img: Tensor, top: number, left: number, height: number, width: number): Tensor {
  checkImage('crop', img);
  const [h, w] = sizeOf(img);
  if (![top, left, height, width].every(Number.isSafeInteger) || height < 0 || width < 0)
    throw new ValueError(`crop: top ${top}, left ${left}, height ${height} and width ${width} must be whole numbers, the sizes at least 0`);
  const cut = (x: Tensor, dim: number, start: number, length: number, size: number): Tensor => {
    const from = Math.min(Math.max(start, 0), size);
    return narrow(x, dim, from, Math.max(0, Math.min(start + length, size) - from));
  };
  const inner = cut(cut(img, -2, top, height, h), -1, left, width, w);
  const before = (start: number, length: number): number => Math.min(Math.max(-start, 0), length);
  const [pl, pt] = [before(left, width), before(top, height)];
  const [ih, iw] = sizeOf(inner);
  return ih === height && iw === width ? clone(inner) : padEdges(inner, [pl, width - iw - pl, pt, height - ih - pt]);
}

const pairOf = (name: string, size: number | readonly number[]): [number, number] => {
  const list = typeof size === 'number' ? [size, size] : size.length === 1 ? [size[0], size[0]] : [...size];
  if (list.length !== 2 || !list.every((n) => Number.isSafeInteger(n) && n > 0))
    throw new ValueError(`${name}: the size is ${show(list)}; a positive whole number or [height, width] was expected`);
  return [list[0], list[1]];
};

/** Ties go to the even number, as in Python. */
const roundEven = (v: number): number => (Math.abs(v % 1) === 0.5 ? 2 * Math.round(v / 2) : Math.round(v));

/** The middle of the image; an image that is too small is padded with 0 first. */
export function centerCrop(img: Tensor, outputSize: number | readonly number[]): Tensor {
  checkImage('centerCrop', img);
  const [ch, cw] = pairOf('centerCrop', outputSize);
  let [h, w] = sizeOf(img);
  let source = img;
  if (cw > w || ch > h) {
    const more = (want: number, have: number): [number, number] =>
      want > have ? [Math.floor((want - have) / 2), Math.floor((want - have + 1) / 2)] : [0, 0];
    const [[left, right], [top, bottom]] = [more(cw, w), more(ch, h)];
    source = padEdges(img, [left, right, top, bottom]);
    [h, w] = sizeOf(source);
  }
  return crop(source, roundEven((h - ch) / 2), roundEven((w - cw) / 2), ch, cw);
}

/** The four corners (top left, top right, bottom left, bottom right) and the middle. ValueError when the image is too small. */
export function fiveCrop(img: Tensor, size: number | readonly number[]): [Tensor, Tensor, Tensor, Tensor, Tensor] {
  checkImage('fiveCrop', img);
  const [ch, cw] = pairOf('fiveCrop', size);
  const [h, w] = sizeOf(img);
  if (ch > h || cw > w)
    throw new ValueError(`fiveCrop: the size ${show([ch, cw])} is larger than the image ${show([h, w])}; resize or pad it first`);
  return [
    crop(img, 0, 0, ch, cw),
    crop(img, 0, w - cw, ch, cw),
    crop(img, h - ch, 0, ch, cw),
    crop(img, h - ch, w - cw, ch, cw),
    centerCrop(img, [ch, cw]),
  ];
}

/** A part of the image, resized. */
export const resizedCrop = (
  img: Tensor,
  top: number,
  left: number,
  height: number,
  width: number,
  size: number | readonly [number, number],
  options: ResizeOptions = {},
): Tensor => resize(crop(img, top, left, height, width), size, options);

/** A copy whose part of height h and width w from row i and column j on holds `v` (a number, or a tensor that broadcasts to it). */
export function erase(img: Tensor, i: number, j: number, h: number, w: number, v: Tensor | number): Tensor {
  checkImage('erase', img);
  const [height, width] = sizeOf(img);
  if (i < 0 || j < 0 || h < 0 || w < 0 || i + h > height || j + w > width)
    throw new ValueError(`erase: rows ${i} to ${i + h} and columns ${j} to ${j + w} leave the image ${show(img.shape)}`);
  const hole = narrow(narrow(img, -2, i, h), -1, j, w);
  const filled = v instanceof Tensor ? expand(v, hole.shape) : add(mul(hole, 0), v);
  const rows = narrow(img, -2, i, h);
  const middle = cat([narrow(rows, -1, 0, j), filled, slice(rows, -1, j + w)], -1);
  return cat([narrow(img, -2, 0, i), middle, slice(img, -2, i + h)], -2);
}

// ---------------------------------------------------------------- maps of the plane

/** Options of the maps. */
export interface WarpOptions {
  /** How values between pixels are found. */
  interpolation?: 'nearest' | 'bilinear';
  /** Value of what comes from outside the image, one number or one for each channel. Default: 0. */
  fill?: number | readonly number[];
}

/** Options of {@link rotate} and {@link affine}. */
export interface CenterOptions extends WarpOptions {
  /** The point [x, y] in pixels that stays in place. Default: the middle. */
  center?: readonly [number, number];
}

/** A map of positions: [a, b, c, d, e, f] takes (x, y), from the middle of the result, to (ax + by + c, dx + ey + f), from the middle of the image. */
type Matrix = readonly [number, number, number, number, number, number];

/** The inverse of: scale, shear, turn by `angle` degrees about `center`, then shift. Positions count from the middle of the image. */
function inverseAffine(
  center: readonly number[],
  angle: number,
  translate: readonly number[],
  scale: number,
  shear: readonly number[],
): Matrix {
  const [turn, sx, sy] = [angle, shear[0], shear[1]].map((d) => (d * Math.PI) / 180);
  // turn · shear = [[a, b], [c, d]], whose determinant is 1
  const a = Math.cos(turn - sy) / Math.cos(sy);
  const b = (-Math.cos(turn - sy) * Math.tan(sx)) / Math.cos(sy) - Math.sin(turn);
  const c = Math.sin(turn - sy) / Math.cos(sy);
  const d = (-Math.sin(turn - sy) * Math.tan(sx)) / Math.cos(sy) + Math.cos(turn);
  const [m00, m01, m10, m11] = [d / scale, -b / scale, -c / scale, a / scale];
  const [dx, dy] = [-center[0] - translate[0], -center[1] - translate[1]];
  return [m00, m01, m00 * dx + m01 * dy + center[0], m10, m11, m10 * dx + m11 * dy + center[1]];
}

const f = Math.fround;

/** Positions of an affine map for gridSample, in single precision throughout, so that ties of 'nearest' fall where PyTorch's do. */
function affinePositions(m: Matrix, [h, w]: readonly number[], oh: number, ow: number): Float32Array {
  const out = new Float32Array(oh * ow * 2);
  const [sx, sy] = [f(0.5 * w), f(0.5 * h)];
  const row = (k: 0 | 3, s: number): number[] => [0, 1, 2].map((i) => f(f(m[k + i]) / s));
  const [tx, ty] = [row(0, sx), row(3, sy)];
  for (let y = 0, at = 0; y < oh; y++)
    for (let x = 0; x < ow; x++) {
      const [px, py] = [x - ow * 0.5 + 0.5, y - oh * 0.5 + 0.5];
      out[at++] = f(f(f(px * tx[0]) + f(py * tx[1])) + tx[2]);
      out[at++] = f(f(f(px * ty[0]) + f(py * ty[1])) + ty[2]);
    }
  return out;
}

/** Samples the image at positions [oh, ow, 2] in -1 … 1. */
function warp(
  name: string,
  img: Tensor,
  positions: Float32Array,
  oh: number,
  ow: number,
  { interpolation = 'nearest', fill }: WarpOptions,
): Tensor {
  if (interpolation !== 'nearest' && interpolation !== 'bilinear')
    throw new ValueError(`${name}: interpolation '${String(interpolation)}' is unknown here; use nearest or bilinear`);
  const channels = img.ndim === 2 ? 1 : img.shape[img.ndim - 3];
  const fills = fill === undefined ? null : typeof fill === 'number' ? [fill] : fill;
  if (fills !== null && fills.length !== 1 && fills.length !== channels)
    throw new ValueError(`${name}: fill has ${fills.length} values, img ${show(img.shape)} has ${channels} channel(s)`);
  const warped = asBatch(img, (x) => {
    const numbers = x.dtype === 'float64' ? Float64Array.from(positions) : positions;
    const grid = expand(fromTyped(numbers, [1, oh, ow, 2]), [x.shape[0], oh, ow, 2]);
    const sampled = gridSample(x, grid, { mode: interpolation, alignCorners: false });
    if (fills === null) return sampled;
    // the same map of an image of ones tells how much of each pixel comes from inside
    const inside = gridSample(onesLike(narrow(x, 1, 0, 1)), grid, { mode: interpolation, alignCorners: false });
    const values = fromTyped(x.dtype === 'float64' ? Float64Array.from(fills) : Float32Array.from(fills), [fills.length, 1, 1]);
    if (interpolation === 'nearest') return where(ge(inside, 0.5), sampled, values);
    return add(mul(sampled, inside), mul(sub(1, inside), values));
  });
  return isFloating(img.dtype) ? warped : roundedTo(warped, img.dtype);
}

const fromMiddle = (img: Tensor, center: readonly [number, number] | undefined): number[] => {
  const [h, w] = sizeOf(img);
  return center === undefined ? [0, 0] : [center[0] - w * 0.5, center[1] - h * 0.5];
};

/** Options of {@link rotate}. */
export interface RotateOptions extends CenterOptions {
  /** Make the result large enough for the whole turned image (about its middle). */
  expand?: boolean;
}

/** Turned counter-clockwise by `angle` degrees. */
export function rotate(img: Tensor, angle: number, { expand: grow = false, center, ...options }: RotateOptions = {}): Tensor {
  checkImage('rotate', img);
  const [h, w] = sizeOf(img);
  const m = inverseAffine(fromMiddle(img, center), -angle, [0, 0], 1, [0, 0]);
  const [ow, oh] = grow ? turnedSize(m, w, h) : [w, h];
  return warp('rotate', img, affinePositions(m, [h, w], oh, ow), oh, ow, options);
}

/** Width and height that hold the image under a map; a ten-thousandth of a pixel is no reason for another row. */
function turnedSize(m: Matrix, w: number, h: number): [number, number] {
  const corners = [
    [-w / 2, -h / 2],
    [-w / 2, h / 2],
    [w / 2, h / 2],
    [w / 2, -h / 2],
  ];
  const side = (k: 0 | 3, half: number): number => {
    const at = corners.map(([x, y]) => f(f(f(f(m[k]) * x) + f(f(m[k + 1]) * y)) + f(m[k + 2])) + half);
    const steps = (v: number): number => f(Math.trunc(f(v / f(1e-4))) * f(1e-4));
    return Math.ceil(steps(Math.max(...at))) - Math.floor(steps(Math.min(...at)));
  };
  return [side(0, w / 2), side(3, h / 2)];
}

/**
 * Sheared ([x, y] degrees, or one number for x), scaled, turned clockwise by `angle` degrees about the centre, and moved by `translate`
 * [right, down] pixels.
 */
export function affine(
  img: Tensor,
  angle: number,
  translate: readonly [number, number],
  scale: number,
  shear: number | readonly number[],
  { center, ...options }: CenterOptions = {},
): Tensor {
  checkImage('affine', img);
  if (!(scale > 0)) throw new ValueError(`affine: scale is ${scale}; a positive number was expected`);
  const sheared = typeof shear === 'number' ? [shear, 0] : shear.length === 1 ? [shear[0], shear[0]] : shear;
  const [h, w] = sizeOf(img);
  const m = inverseAffine(fromMiddle(img, center), angle, translate, scale, sheared);
  return warp('affine', img, affinePositions(m, [h, w], h, w), h, w, options);
}

/** Seen in perspective: four points [x, y] of the image go to four points of the result. ValueError when three of them lie on a line. */
export function perspective(
  img: Tensor,
  startpoints: readonly (readonly number[])[],
  endpoints: readonly (readonly number[])[],
  { interpolation = 'bilinear', fill }: WarpOptions = {},
): Tensor {
  checkImage('perspective', img);
  for (const [what, points] of [['startpoints', startpoints] as const, ['endpoints', endpoints] as const])
    if (points.length !== 4 || points.some((p) => p.length !== 2)) throw new ValueError(`perspective: ${what} must be four points [x, y]`);
  // (x, y) of the result comes from ((ax + by + c) / (gx + hy + 1), (dx + ey + f) / (gx + hy + 1)) of the image
  const rows = endpoints.flatMap(([x, y], i) => {
    const [u, v] = startpoints[i];
    return [
      [x, y, 1, 0, 0, 0, -u * x, -u * y, u],
      [0, 0, 0, x, y, 1, -v * x, -v * y, v],
    ];
  });
  const [a, b, c, d, e, g0, g, h0] = solve(rows);
  const [h, w] = sizeOf(img);
  const out = new Float32Array(h * w * 2);
  for (let y = 0, at = 0; y < h; y++)
    for (let x = 0; x < w; x++) {
      const [px, py] = [x + 0.5, y + 0.5];
      const depth = g * px + h0 * py + 1;
      out[at++] = (a * px + b * py + c) / (0.5 * w) / depth - 1;
      out[at++] = (d * px + e * py + g0) / (0.5 * h) / depth - 1;
    }
  return warp('perspective', img, out, h, w, fill === undefined ? { interpolation } : { interpolation, fill });
}

/** Solves equations given as rows with the right side last, by elimination with pivots. */
function solve(rows: number[][]): number[] {
  const n = rows.length;
  for (let k = 0; k < n; k++) {
    const best = rows.slice(k).reduce((p, r, i) => (Math.abs(r[k]) > Math.abs(rows[p][k]) ? k + i : p), k);
    if (Math.abs(rows[best][k]) < 1e-12)
      throw new ValueError('perspective: three of the four points lie on a line; choose a proper quadrangle');
    [rows[k], rows[best]] = [rows[best], rows[k]];
    for (let i = 0; i < n; i++) {
      if (i === k) continue;
      const factor = rows[i][k] / rows[k][k];
      for (let j = k; j <= n; j++) rows[i][j] -= factor * rows[k][j];
    }
  }
  return rows.map((r, k) => r[n] / r[k]);
}
