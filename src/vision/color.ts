// Colour transforms of images [..., C, H, W], uint8 in 0 … 255 or floats in 0 … 1, with the definitions of torchvision.

import { to } from '../ops/cast.ts';
import { conv2d } from '../ops/conv.ts';
import { fromTyped } from '../ops/create.ts';
import {
  add,
  bitwiseAnd,
  clamp,
  div,
  eq,
  floor,
  fmod,
  ge,
  isfinite,
  logicalAnd,
  maximum,
  mul,
  ne,
  pow,
  remainder,
  sub,
  where,
} from '../ops/elementwise.ts';
import { take } from '../ops/gather.ts';
import { cat, stack } from '../ops/join.ts';
import { pad as padEdges } from '../ops/pad.ts';
import { numbersSync } from '../ops/read.ts';
import { amax, amin, mean } from '../ops/reduce.ts';
import { bincount } from '../ops/search.ts';
import { clone, expand, narrow, reshape, select } from '../ops/view.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { checkDType, type DType, isFloating } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asBatch, asFloat, checkImage, cutTo, roundedTo, sizeOf, whiteOf } from './image-values.ts';

/** ratio · a + (1 - ratio) · b, cut to the range of the image. */
function blend(name: string, a: Tensor, b: Tensor | number, ratio: number): Tensor {
  const mixed =
    typeof b === 'number' ? add(mul(asFloat(a), ratio), (1 - ratio) * b) : add(mul(asFloat(a), ratio), mul(asFloat(b), 1 - ratio));
  return cutTo(mixed, a.dtype, whiteOf(name, a.dtype));
}

function checkFactor(name: string, argument: string, value: number): void {
  if (!(value >= 0)) throw new ValueError(`${name}: ${argument} is ${value}; a number of at least 0 was expected`);
}

/** Grey image from RGB (ITU-R 601 weights), with 1 channel or the same 3 times. Grey images stay as they are. */
export function rgbToGrayscale(img: Tensor, { numOutputChannels = 1 }: { numOutputChannels?: 1 | 3 } = {}): Tensor {
  const name = 'rgbToGrayscale';
  checkImage(name, img, [1, 3]);
  if (numOutputChannels !== 1 && numOutputChannels !== 3)
    throw new ValueError(`${name}: numOutputChannels is ${String(numOutputChannels)}; 1 or 3 was expected`);
  const one = img.shape[img.ndim - 3] === 1 ? img : gray(img);
  return numOutputChannels === 1 ? clone(one) : clone(expand(one, [...one.shape.slice(0, -3), 3, ...one.shape.slice(-2)]));
}

function gray(img: Tensor): Tensor {
  if (img.shape[img.ndim - 3] === 1) return img;
  const [r, g, b] = [0, 1, 2].map((i) => asFloat(narrow(img, -3, i, 1)));
  return to(add(add(mul(r, 0.2989), mul(g, 0.587)), mul(b, 0.114)), img.dtype);
}

/** Darker (below 1, 0 being black) or brighter. */
export function adjustBrightness(img: Tensor, brightnessFactor: number): Tensor {
  checkImage('adjustBrightness', img, [1, 3]);
  checkFactor('adjustBrightness', 'brightnessFactor', brightnessFactor);
  return blend('adjustBrightness', img, 0, brightnessFactor);
}

/** Closer to the mean grey (0 being grey alone) or farther from it. */
export function adjustContrast(img: Tensor, contrastFactor: number): Tensor {
  checkImage('adjustContrast', img, [1, 3]);
  checkFactor('adjustContrast', 'contrastFactor', contrastFactor);
  return blend('adjustContrast', img, mean(asFloat(gray(img)), { dim: [-3, -2, -1], keepdim: true }), contrastFactor);
}

/** Closer to the grey image (0 being the grey image) or more colourful. */
export function adjustSaturation(img: Tensor, saturationFactor: number): Tensor {
  checkImage('adjustSaturation', img, [1, 3]);
  checkFactor('adjustSaturation', 'saturationFactor', saturationFactor);
  return img.shape[img.ndim - 3] === 1 ? clone(img) : blend('adjustSaturation', img, gray(img), saturationFactor);
}

/** Turns the hue by `hueFactor` of the colour circle, -0.5 to 0.5. Grey images stay as they are. */
export function adjustHue(img: Tensor, hueFactor: number): Tensor {
  checkImage('adjustHue', img, [1, 3]);
  if (!(hueFactor >= -0.5 && hueFactor <= 0.5))
    throw new ValueError(`adjustHue: hueFactor is ${hueFactor}; a number from -0.5 to 0.5 was expected`);
  if (img.shape[img.ndim - 3] === 1) return clone(img);
  const { h, s, v } = toHsv(convertImageDtype(img, isFloating(img.dtype) ? img.dtype : 'float32'));
  return convertImageDtype(fromHsv(remainder(add(h, hueFactor), 1), s, v), img.dtype);
}

/** Hue, saturation and value of an RGB image, each [..., H, W] in 0 … 1. */
function toHsv(img: Tensor): { h: Tensor; s: Tensor; v: Tensor } {
  const [r, g, b] = [0, 1, 2].map((i) => select(img, -3, i));
  const high = maximum(maximum(r, g), b);
  const range = sub(high, amin(img, -3));
  const none = eq(range, 0);
  const divisor = where(none, 1, range);
  const [rc, gc, bc] = [r, g, b].map((c) => div(sub(high, c), divisor));
  const isRed = eq(high, r);
  const isGreen = logicalAnd(eq(high, g), ne(high, r));
  const sector = where(isRed, sub(bc, gc), where(isGreen, sub(add(rc, 2), bc), sub(add(gc, 4), rc)));
  return { h: fmod(add(div(sector, 6), 1), 1), s: div(range, where(none, 1, high)), v: high };
}

function fromHsv(h: Tensor, s: Tensor, v: Tensor): Tensor {
  const six = mul(h, 6);
  const i = floor(six);
  const f = sub(six, i);
  const unit = (x: Tensor): Tensor => clamp(x, { min: 0, max: 1 });
  const p = unit(mul(v, sub(1, s)));
  const q = unit(mul(v, sub(1, mul(s, f))));
  const t = unit(mul(v, sub(1, mul(s, sub(1, f)))));
  const sector = remainder(i, 6);
  const choose = (...of: Tensor[]): Tensor =>
    of.reduceRight((rest, value, k) => (k === of.length - 1 ? value : where(eq(sector, k), value, rest)));
  return stack([choose(v, q, p, p, t, v), choose(t, v, v, q, p, p), choose(p, p, t, v, v, q)], -3);
}

/** gain · value^gamma of the values in 0 … 1: below 1 shadows get brighter, above 1 darker. */
export function adjustGamma(img: Tensor, gamma: number, { gain = 1 }: { gain?: number } = {}): Tensor {
  checkImage('adjustGamma', img, [1, 3]);
  checkFactor('adjustGamma', 'gamma', gamma);
  const unit = convertImageDtype(img, isFloating(img.dtype) ? img.dtype : 'float32');
  return convertImageDtype(clamp(mul(pow(unit, gamma), gain), { min: 0, max: 1 }), img.dtype);
}

/** Blurred (below 1) or sharpened; pixels at the edge stay as they are. */
export function adjustSharpness(img: Tensor, sharpnessFactor: number): Tensor {
  checkImage('adjustSharpness', img, [1, 3]);
  checkFactor('adjustSharpness', 'sharpnessFactor', sharpnessFactor);
  const [h, w] = sizeOf(img);
  if (h <= 2 || w <= 2) return clone(img);
  const kernel = [1, 1, 1, 1, 5, 1, 1, 1, 1].map((k) => k / 13);
  const inner = roundedTo(
    asBatch(img, (x) => filter(x, kernel, 3, 3)),
    img.dtype,
  );
  // the blurred inside with the edge of the image around it
  const row = (at: number, n: number): Tensor => narrow(img, -2, at, n);
  const middle = cat([narrow(row(1, h - 2), -1, 0, 1), inner, narrow(row(1, h - 2), -1, w - 1, 1)], -1);
  return blend('adjustSharpness', img, cat([row(0, 1), middle, row(h - 1, 1)], -2), sharpnessFactor);
}

/** Convolves every channel of a batch [N, C, H, W] with one kernel, without padding. */
function filter(x: Tensor, kernel: readonly number[], height: number, width: number): Tensor {
  const c = x.shape[1];
  const one = to(fromTyped(Float64Array.from(kernel), [1, 1, height, width]), x.dtype);
  return conv2d(x, clone(expand(one, [c, 1, height, width])), null, { groups: c });
}

function gauss(size: number, sigma: number): number[] {
  const half = (size - 1) / 2;
  const values = Array.from({ length: size }, (_, i) => Math.exp(-0.5 * ((i - half) / sigma) ** 2));
  const total = values.reduce((a, b) => a + b, 0);
  return values.map((v) => v / total);
}

/** Gaussian blur with a kernel of odd size; `sigma` is by default 0.15 · size + 0.35. Sizes and sigmas are one number, or [x, y]. */
export function gaussianBlur(
  img: Tensor,
  kernelSize: number | readonly number[],
  { sigma }: { sigma?: number | readonly number[] } = {},
): Tensor {
  const name = 'gaussianBlur';
  checkImage(name, img, undefined);
  const two = (v: number | readonly number[]): number[] => (typeof v === 'number' ? [v, v] : v.length === 1 ? [v[0], v[0]] : [...v]);
  const size = two(kernelSize);
  if (size.length !== 2 || !size.every((n) => Number.isSafeInteger(n) && n > 0 && n % 2 === 1))
    throw new ValueError(`${name}: kernelSize is ${show(size)}; odd positive whole numbers were expected`);
  const sigmas = sigma === undefined ? size.map((n) => n * 0.15 + 0.35) : two(sigma);
  if (sigmas.length !== 2 || !sigmas.every((n) => n > 0))
    throw new ValueError(`${name}: sigma is ${show(sigmas)}; positive numbers were expected`);
  const [across, down] = [gauss(size[0], sigmas[0]), gauss(size[1], sigmas[1])];
  const [right, bottom] = [(size[0] - 1) / 2, (size[1] - 1) / 2];
  return roundedTo(
    asBatch(img, (x) =>
      filter(filter(padEdges(x, [right, right, bottom, bottom], { mode: 'reflect' }), across, 1, size[0]), down, size[1], 1),
    ),
    img.dtype,
  );
}

/** The negative: white minus the image. */
export function invert(img: Tensor): Tensor {
  checkImage('invert', img);
  return sub(whiteOf('invert', img.dtype), img);
}

/** Keeps the upper `bits` bits of every value of a uint8 image. */
export function posterize(img: Tensor, bits: number): Tensor {
  checkImage('posterize', img, [1, 3]);
  if (img.dtype !== 'uint8') throw new DTypeError(`posterize: img is ${img.dtype}; uint8 was expected`);
  if (!Number.isInteger(bits) || bits < 0 || bits > 8)
    throw new ValueError(`posterize: bits is ${bits}; a whole number from 0 to 8 was expected`);
  return bitwiseAnd(img, 256 - 2 ** (8 - bits));
}

/** Inverts all values from `threshold` on. */
export function solarize(img: Tensor, threshold: number): Tensor {
  checkImage('solarize', img, [1, 3]);
  if (threshold > whiteOf('solarize', img.dtype))
    throw new ValueError(`solarize: threshold is ${threshold}, above white; use at most ${whiteOf('solarize', img.dtype)}`);
  return where(ge(img, threshold), invert(img), img);
}

/** Stretches each channel so that its darkest value becomes black and its brightest white. */
export function autocontrast(img: Tensor): Tensor {
  checkImage('autocontrast', img, [1, 3]);
  const white = whiteOf('autocontrast', img.dtype);
  const x = asFloat(img);
  const low = amin(x, { dim: [-2, -1], keepdim: true });
  const scale = div(white, sub(amax(x, { dim: [-2, -1], keepdim: true }), low));
  const flat = isfinite(scale);
  return cutTo(mul(sub(x, where(flat, low, 0)), where(flat, scale, 1)), img.dtype, white);
}

/** Spreads the values of each channel of a uint8 image so that all are about equally frequent. */
export function equalize(img: Tensor): Tensor {
  checkImage('equalize', img, [1, 3]);
  if (img.dtype !== 'uint8') throw new DTypeError(`equalize: img is ${img.dtype}; uint8 was expected`);
  const [h, w] = sizeOf(img);
  const planes = reshape(img, [-1, h * w]);
  const out = Array.from({ length: planes.shape[0] }, (_, i) => {
    const plane = select(planes, 0, i);
    const counts = numbersSync(bincount(to(plane, 'int64'), { minlength: 256 }));
    const last = counts.findLastIndex((n) => n > 0);
    const step = Math.floor((h * w - (counts[last] ?? 0)) / 255);
    if (step === 0) return plane;
    const table = new Uint8Array(256);
    for (let v = 1, sum = 0; v < 256; v++) {
      sum += counts[v - 1];
      table[v] = Math.min(255, Math.floor((sum + Math.floor(step / 2)) / step));
    }
    return take(fromTyped(table, [256]), to(plane, 'int64'));
  });
  return reshape(stack(out), img.shape);
}

/** (x - mean) / std channel by channel of a float image. ValueError for a std of 0. */
export function normalize(img: Tensor, mean: readonly number[], std: readonly number[]): Tensor {
  checkImage('normalize', img);
  if (!isFloating(img.dtype))
    throw new DTypeError(`normalize: img is ${img.dtype}; make it floating point first, with ToTensor or convertImageDtype`);
  const c = img.ndim < 3 ? 1 : img.shape[img.ndim - 3];
  for (const [what, list] of [['mean', mean] as const, ['std', std] as const])
    if (list.length !== c && list.length !== 1)
      throw new ShapeError(`normalize: ${what} has ${list.length} value(s), img ${show(img.shape)} has ${c} channel(s)`);
  if (std.some((v) => v === 0))
    throw new ValueError('normalize: std has a 0, by which nothing can be divided; use 1 for channels that shall keep their scale');
  const column = (list: readonly number[]): Tensor => to(fromTyped(Float64Array.from(list), [list.length, 1, 1]), img.dtype);
  return div(sub(img, column(mean)), column(std));
}

/** The image with another dtype and its values scaled to it: floats hold 0 … 1, whole numbers 0 … their largest. */
export function convertImageDtype(image: Tensor, dtype: DType = 'float32'): Tensor {
  const name = 'convertImageDtype';
  checkDType(dtype, `${name}: dtype`);
  if (image.dtype === dtype) return image;
  const from = isFloating(image.dtype);
  const into = isFloating(dtype);
  if (from && into) return to(image, dtype);
  const largest = (d: DType): number => (d === 'int64' ? 2 ** 63 : whiteOf(name, d));
  if (into) return div(to(image, dtype), largest(image.dtype));
  if (from) {
    if ((image.dtype === 'float32' && dtype !== 'uint8') || dtype === 'int64')
      throw new DTypeError(`${name}: ${image.dtype} is too coarse for ${dtype}; go by way of float64 or to uint8`);
    // Just below 256, so that 1 becomes 255 and all values get an equal share of 0 … 1.
    return to(mul(image, largest(dtype) + 1 - 1e-3), dtype);
  }
  const factor = (largest(dtype) + 1) / (largest(image.dtype) + 1);
  return factor >= 1 ? mul(to(image, dtype), factor) : to(div(image, 1 / factor, { roundingMode: 'floor' }), dtype);
}
