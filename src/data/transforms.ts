// Image transforms of the data pipelines on tensors: resizing as torchvision does it, and scaling of bytes to [0, 1].

import { fromTyped, hostCopy } from '../ops/create.ts';
import { dense, empty, window } from '../ops/raw.ts';
import { permute, reshape } from '../ops/view.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { numelOf, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { resampleBilinear } from './resample.ts';

/**
 * Resizes images [..., H, W] (uint8, float32 or float64) with bilinear interpolation. `size` is [height, width], or one number for
 * the shorter side. `antialias` (default true) widens the filter when shrinking. ShapeError, DTypeError, ValueError for misfits.
 */
export function resize(
  images: Tensor,
  size: number | readonly [number, number],
  { antialias = true }: { antialias?: boolean } = {},
): Tensor {
  if (images.ndim < 2) throw new ShapeError(`resize: images is ${show(images.shape)}; [..., height, width] was expected`);
  const { dtype, shape } = images;
  if (dtype !== 'uint8' && dtype !== 'float32' && dtype !== 'float64') {
    throw new DTypeError(`resize: images is ${dtype}; uint8, float32 or float64 was expected, cast it with .to('float32')`);
  }
  const [height, width] = [shape[shape.length - 2], shape[shape.length - 1]];
  const [outHeight, outWidth] = targetSize(height, width, size);
  if (height === 0 || width === 0) throw new ShapeError(`resize: images is ${show(shape)}; an image without pixels cannot be resized`);
  const planes = numelOf(shape.slice(0, -2));
  const source = hostCopy(dense(images)) as Uint8Array | Float32Array | Float64Array;
  const out = resampleBilinear(source, { planes, height, width, outHeight, outWidth }, { antialias });
  return fromTyped(out, [...shape.slice(0, -2), outHeight, outWidth], dtype);
}

function targetSize(height: number, width: number, size: number | readonly [number, number]): readonly [number, number] {
  const pair = typeof size === 'number' ? [size] : [...size];
  if (pair.length < 1 || pair.length > 2 || !pair.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw new ValueError(`resize: size is ${show(pair)}; a positive whole number or [height, width] was expected`);
  }
  if (pair.length === 2) return [pair[0], pair[1]];
  const [shorter] = pair;
  return height <= width ? [shorter, Math.trunc((shorter * width) / height)] : [Math.trunc((shorter * height) / width), shorter];
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
  const [from, to] = [window(source), window(out)] as [Uint8Array, Float32Array];
  for (let i = 0; i < from.length; i++) to[i] = unit[from[i]];
  return out;
}

/** One image as networks take it: uint8 [H, W] or [H, W, C] becomes float32 [1, H, W] or [C, H, W] in [0, 1]. ShapeError for other shapes. */
export function toTensor(image: Tensor): Tensor {
  if (image.ndim !== 2 && image.ndim !== 3)
    throw new ShapeError(`toTensor: image is ${show(image.shape)}; [height, width] or [height, width, channels] was expected`);
  return image.ndim === 2 ? reshape(toUnit(image), [1, ...image.shape]) : toUnit(permute(image, [2, 0, 1]));
}
