// Transforms without chance as callable objects: `new Compose([new Resize(256), new CenterCrop(224), new ToTensor()])(image)`.
// Images are tensors [..., C, H, W], as readImage gives them. Those with chance are in transforms-random.ts.

import { toUnit } from '../data/transforms.ts';
import { Module } from '../nn/module.ts';
import { to } from '../ops/cast.ts';
import { clamp, mul } from '../ops/elementwise.ts';
import { unsqueeze } from '../ops/view.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { type DType, isFloating } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { convertImageDtype, normalize, rgbToGrayscale } from './color.ts';
import { centerCrop, type PadImageOptions, pad, type ResizeOptions, resize } from './geometry.ts';

/** Anything that takes an image and gives one: a transform of this package, or a function. */
export type ImageTransform = (img: Tensor) => Tensor;

/** What transforms share: an instance is a function from image to image. */
export abstract class Transform extends Module<[Tensor], Tensor> {}

/** Applies transforms one after another. */
export class Compose extends Transform {
  readonly transforms: readonly ImageTransform[];

  constructor(transforms: readonly ImageTransform[]) {
    super();
    transforms.forEach((t, i) => {
      if (typeof t !== 'function')
        throw new ValueError(`Compose: transform ${i} is of type ${typeof t}; pass transforms or functions of an image`);
    });
    this.transforms = transforms;
  }

  forward(img: Tensor): Tensor {
    return this.transforms.reduce((x, t) => t(x), img);
  }

  protected override extraRepr(): string {
    return this.transforms.map((t) => (t instanceof Module ? String(t) : t.name || 'function')).join(', ');
  }
}

/** A function as a transform. */
export class Lambda extends Transform {
  readonly fn: ImageTransform;

  constructor(fn: ImageTransform) {
    super();
    this.fn = fn;
  }

  forward(img: Tensor): Tensor {
    return this.fn(img);
  }
}

/** uint8 [C, H, W] or [H, W] in 0 … 255 to float32 [C, H, W] in 0 … 1; float images stay as they are. */
export class ToTensor extends Transform {
  forward(img: Tensor): Tensor {
    if (img.ndim < 2) throw new ShapeError(`ToTensor: img is ${show(img.shape)}; expected [C, H, W] or [H, W]`);
    const x = img.ndim === 2 ? unsqueeze(img, 0) : img;
    return isFloating(x.dtype) ? x : toUnit(x);
  }
}

/** The way back from ToTensor (torchvision's ToPILImage): floats in 0 … 1 to uint8 in 0 … 255; uint8 stays as it is. */
export class ToImage extends Transform {
  forward(img: Tensor): Tensor {
    if (img.dtype === 'uint8') return img;
    if (!isFloating(img.dtype)) throw new DTypeError(`ToImage: img is ${img.dtype}; floats in 0 … 1 or uint8 were expected`);
    return to(clamp(mul(img, 255), { min: 0, max: 255 }), 'uint8');
  }
}

/** Another dtype, with values scaled to it. */
export class ConvertImageDtype extends Transform {
  readonly dtype: DType;

  constructor(dtype: DType) {
    super();
    this.dtype = dtype;
  }

  forward(img: Tensor): Tensor {
    return convertImageDtype(img, this.dtype);
  }
}

/** (x - mean) / std channel by channel. */
export class Normalize extends Transform {
  readonly mean: readonly number[];
  readonly std: readonly number[];

  constructor(mean: readonly number[], std: readonly number[]) {
    super();
    this.mean = mean;
    this.std = std;
  }

  forward(img: Tensor): Tensor {
    return normalize(img, this.mean, this.std);
  }

  protected override extraRepr(): string {
    return `mean=${show(this.mean)}, std=${show(this.std)}`;
  }
}

/** Another size: [height, width], or one number for the shorter side. */
export class Resize extends Transform {
  readonly size: number | readonly number[];
  readonly options: ResizeOptions;

  constructor(size: number | readonly number[], options: ResizeOptions = {}) {
    super();
    this.size = size;
    this.options = options;
  }

  forward(img: Tensor): Tensor {
    return resize(img, this.size, this.options);
  }

  protected override extraRepr(): string {
    return String(this.size);
  }
}

/** The middle of the image, padded with 0 where it is too small. */
export class CenterCrop extends Transform {
  readonly size: number | readonly number[];

  constructor(size: number | readonly number[]) {
    super();
    this.size = size;
  }

  forward(img: Tensor): Tensor {
    return centerCrop(img, this.size);
  }

  protected override extraRepr(): string {
    return String(this.size);
  }
}

/** A margin around the image. */
export class Pad extends Transform {
  readonly padding: number | readonly number[];
  readonly options: PadImageOptions;

  constructor(padding: number | readonly number[], options: PadImageOptions = {}) {
    super();
    this.padding = padding;
    this.options = options;
  }

  forward(img: Tensor): Tensor {
    return pad(img, this.padding, this.options);
  }
}

/** Grey images, with 1 channel or the same 3 times. */
export class Grayscale extends Transform {
  readonly numOutputChannels: 1 | 3;

  constructor({ numOutputChannels = 1 }: { numOutputChannels?: 1 | 3 } = {}) {
    super();
    this.numOutputChannels = numOutputChannels;
  }

  forward(img: Tensor): Tensor {
    return rgbToGrayscale(img, { numOutputChannels: this.numOutputChannels });
  }
}
