// What the transforms of images share: checks, the range of values, and the way of whole numbers through float arithmetic.

import { to } from '../ops/cast.ts';
import { clamp, round } from '../ops/elementwise.ts';
import { reshape } from '../ops/view.ts';
import { DTypeError, ShapeError } from '../runtime/errors.ts';
import { type DType, isFloating } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Throws unless `img` is an image [..., H, W] (with `channels`: [..., C, H, W] of that many channels). */
export function checkImage(name: string, img: Tensor, channels?: readonly number[]): void {
  const need = channels === undefined ? 2 : 3;
  if (img.ndim < need)
    throw new ShapeError(`${name}: img is ${show(img.shape)}; expected ${need === 2 ? '[..., H, W]' : '[..., C, H, W]'}`);
  if (img.dtype === 'bool') throw new DTypeError(`${name}: img is bool; images are uint8 or floating point, cast it with .to('uint8')`);
  if (channels !== undefined && !channels.includes(img.shape[img.ndim - 3]))
    throw new ShapeError(`${name}: img is ${show(img.shape)}, ${img.shape[img.ndim - 3]} channel(s); expected ${channels.join(' or ')}`);
}

/** Height and width. */
export const sizeOf = (img: Tensor): [number, number] => [img.shape[img.ndim - 2], img.shape[img.ndim - 1]];

/** The value of white: 1 for floats, the largest of an integer type. */
export function whiteOf(name: string, dtype: DType): number {
  if (isFloating(dtype)) return 1;
  if (dtype === 'uint8') return 255;
  if (dtype === 'int32') return 2 ** 31 - 1;
  throw new DTypeError(`${name}: img is ${dtype}; images are uint8, int32 or floating point`);
}

/** Floats for arithmetic: the image itself, or as float32. */
export const asFloat = (img: Tensor): Tensor => (isFloating(img.dtype) ? img : to(img, 'float32'));

/** Values between black and white in the dtype of an image; whole numbers are cut, not rounded. */
export const cutTo = (values: Tensor, dtype: DType, white: number): Tensor => to(clamp(values, { min: 0, max: white }), dtype);

/** Rounded (ties to even) where the dtype is whole. */
export const roundedTo = (values: Tensor, dtype: DType): Tensor => (isFloating(dtype) ? to(values, dtype) : to(round(values), dtype));

/** Runs `fn` on the image as float [N, C, H, W] and gives the result the leading dimensions of the image. */
export function asBatch(img: Tensor, fn: (batch: Tensor) => Tensor): Tensor {
  const lead = img.shape.slice(0, -3);
  const shape = img.ndim === 2 ? [1, 1, ...img.shape] : [lead.reduce((a, b) => a * b, 1), ...img.shape.slice(-3)];
  const out = fn(reshape(asFloat(img), shape));
  return reshape(out, img.ndim === 2 ? out.shape.slice(-2) : [...lead, ...out.shape.slice(-3)]);
}
