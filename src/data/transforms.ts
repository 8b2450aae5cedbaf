// Image transforms of the data pipelines on tensors: resizing as torchvision does it, and scaling of bytes to [0, 1].

import { to } from '../ops/cast.ts';
import { fromTyped, hostCopy } from '../ops/create.ts';
import { clamp, round } from '../ops/elementwise.ts';
import { interpolate } from '../ops/interpolate.ts';
import { dense, empty, readWindow, window } from '../ops/raw.ts';
import { clone, permute, reshape } from '../ops/view.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { numelOf, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { resampleBytes } from './resample.ts';

/** How {@link resize} finds values between pixels. */
export type Interpolation = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic';

/** Options of {@link resize}. */
export interface ResizeOptions {
  interpolation?: Interpolation;
  /** Average over all pixels that fall into one when shrinking ('bilinear' and 'bicubic'). Default true. */
  antialias?: boolean;
  /** With one number as the size: the longer side becomes at most so long. */
  maxSize?: number;
}

/**
 * Resizes images [..., H, W] (uint8, float32 or float64). `size` is [height, width], or one number for the shorter side. Gradients reach
 * float images. ShapeError, DTypeError, ValueError for misfits.
 */
export function resize(
  images: Tensor,
  size: number | readonly number[],
  { interpolation = 'bilinear', antialias = true, maxSize }: ResizeOptions = {},
): Tensor {
  if (images.ndim < 2) throw new ShapeError(`resize: images is ${show(images.shape)}; [..., height, width] was expected`);
  const { dtype, shape } = images;
  if (dtype !== 'uint8' && dtype !== 'float32' && dtype !== 'float64') {
    throw new DTypeError(`resize: images is ${dtype}; uint8, float32 or float64 was expected, cast it with .to('float32')`);
  }
  if (!['nearest', 'nearest-exact', 'bilinear', 'bicubic'].includes(interpolation))
    throw new ValueError(`resize: interpolation '${String(interpolation)}' is unknown; use nearest, nearest-exact, bilinear or bicubic`);
  const [height, width] = [shape[shape.length - 2], shape[shape.length - 1]];
  const [outHeight, outWidth] = targetSize(height, width, size, maxSize);
  if (height === 0 || width === 0) throw new ShapeError(`resize: images is ${show(shape)}; an image without pixels cannot be resized`);
  if (outHeight === 0 || outWidth === 0)
    throw new ValueError(`resize: images ${show(shape)} would become ${outHeight} x ${outWidth} pixels; ask for a larger size`);
  if (outHeight === height && outWidth === width) return clone(images);
  const planes = numelOf(shape.slice(0, -2));
  const target = [...shape.slice(0, -2), outHeight, outWidth];
  if (dtype === 'uint8' && interpolation === 'bilinear') {
    const source = hostCopy(dense(images)) as Uint8Array;
    return fromTyped(resampleBytes(source, { planes, height, width, outHeight, outWidth }, { antialias }), target);
  }
  const smooth = interpolation === 'bilinear' || interpolation === 'bicubic';
  const resized = interpolate(reshape(to(images, dtype === 'uint8' ? 'float32' : dtype), [planes, 1, height, width]), {
    size: [outHeight, outWidth],
    mode: interpolation,
    antialias: smooth && antialias,
  });
  // the cubic kernel overshoots; bytes stay bytes
  const values = dtype === 'uint8' ? to(round(clamp(resized, { min: 0, max: 255 })), 'uint8') : resized;
  return reshape(values, target);
}

function targetSize(
  height: number,
  width: number,
  size: number | readonly number[],
  maxSize: number | undefined,
): readonly [number, number] {
  const list = typeof size === 'number' ? [size] : [...size];
  if (list.length < 1 || list.length > 2 || !list.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw new ValueError(`resize: size is ${show(list)}; a positive whole number or [height, width] was expected`);
  }
  if (list.length === 2) {
    if (maxSize !== undefined)
      throw new ValueError(`resize: maxSize is given with size ${show(list)}; it goes with one number for the shorter side`);
    return [list[0], list[1]];
  }
  let [short] = list;
  let long = Math.trunc((short * Math.max(height, width)) / Math.min(height, width));
  if (maxSize !== undefined) {
    if (!(maxSize > short)) throw new ValueError(`resize: maxSize is ${maxSize}; it must be more than the shorter side ${short}`);
    if (long > maxSize) [short, long] = [Math.trunc((maxSize * short) / long), maxSize];
  }
  return height <= width ? [short, long] : [long, short];
}

// Division in single precision of every byte by 255, once.
const unit = Float32Array.from({ length: 256 }, (_, v) => v / 255);

/** Bytes of any shape as float32 in [0, 1]: each value divided by 255. Throws a DTypeError unless `images` is uint8. */
export function toUnit(images: Tensor): Tensor {
  if (images.dtype !== 'uint8')
    throw new DTypeError(`toUnit: images is ${images.dtype}; uint8 was expected, values of other types are not divided by 255`);
  const source = dense(images);
  const out = empty(images.shape, 'float32');
  // Windows are taken after the allocation, which may move the memory.
  const [from, to] = [readWindow(source, 'transforming images'), window(out)] as [Uint8Array, Float32Array];
  for (let i = 0; i < from.length; i++) to[i] = unit[from[i]];
  return out;
}

/** One image as networks take it: uint8 [H, W] or [H, W, C] becomes float32 [1, H, W] or [C, H, W] in [0, 1]. ShapeError for other shapes. */
export function toTensor(image: Tensor): Tensor {
  if (image.ndim !== 2 && image.ndim !== 3)
    throw new ShapeError(`toTensor: image is ${show(image.shape)}; [height, width] or [height, width, channels] was expected`);
  return image.ndim === 2 ? reshape(toUnit(image), [1, ...image.shape]) : toUnit(permute(image, [2, 0, 1]));
}
