// Layers without parameters that rearrange or resize: flattening, folding, shuffling, upsampling.

import type { Size } from '../ops/conv.ts';
import { fold, unfold, type WindowOptions } from '../ops/fold.ts';
import { type InterpolateOptions, interpolate } from '../ops/interpolate.ts';
import { channelShuffle, pixelShuffle, pixelUnshuffle } from '../ops/pixel.ts';
import { unflatten } from '../ops/shape-more.ts';
import { flatten } from '../ops/view.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';
import { markTransparent } from './transparent.ts';

/** Options as `name=value` for print, without those that are not set. */
export const describe = (options: object): string =>
  Object.entries(options)
    .filter(([, v]) => v !== undefined && v !== null)
    .map(([k, v]) => `${k}=${Array.isArray(v) ? `[${v.join(', ')}]` : String(v)}`)
    .join(', ');

/** Its input. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Merges dimensions startDim to endDim; by default all but the batch's. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;
  constructor({ startDim = 1, endDim = -1 }: { startDim?: number; endDim?: number } = {}) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }
  forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim);
  }
  protected override extraRepr(): string {
    return `startDim=${this.startDim}, endDim=${this.endDim}`;
  }
}

/** Splits a dimension into several; one size may be -1. */
export class Unflatten extends Module {
  readonly dim: number;
  readonly unflattenedSize: Shape;
  constructor(dim: number, unflattenedSize: Shape) {
    super();
    this.dim = dim;
    this.unflattenedSize = unflattenedSize;
  }
  forward(x: Tensor): Tensor {
    return unflatten(x, this.dim, this.unflattenedSize);
  }
  protected override extraRepr(): string {
    return describe({ dim: this.dim, unflattenedSize: this.unflattenedSize });
  }
}

/** The windows of an image as columns: [N, C, H, W] to [N, C KH KW, L]. */
export class Unfold extends Module {
  readonly kernelSize: Size;
  readonly options: WindowOptions;
  constructor(kernelSize: Size, options: WindowOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }
  forward(x: Tensor): Tensor {
    return unfold(x, this.kernelSize, this.options);
  }
  protected override extraRepr(): string {
    return describe({ kernelSize: this.kernelSize, ...this.options });
  }
}

/** Adds up columns as windows of an image: [N, C KH KW, L] to [N, C, H, W]. */
export class Fold extends Module {
  readonly outputSize: Size;
  readonly kernelSize: Size;
  readonly options: WindowOptions;
  constructor(outputSize: Size, kernelSize: Size, options: WindowOptions = {}) {
    super();
    this.outputSize = outputSize;
    this.kernelSize = kernelSize;
    this.options = options;
  }
  forward(x: Tensor): Tensor {
    return fold(x, this.outputSize, this.kernelSize, this.options);
  }
  protected override extraRepr(): string {
    return describe({ outputSize: this.outputSize, kernelSize: this.kernelSize, ...this.options });
  }
}

/** Moves channels into the plane: [N, C r², H, W] to [N, C, H r, W r]. */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;
  constructor(upscaleFactor: number) {
    super();
    this.upscaleFactor = upscaleFactor;
  }
  forward(x: Tensor): Tensor {
    return pixelShuffle(x, this.upscaleFactor);
  }
  protected override extraRepr(): string {
    return `upscaleFactor=${this.upscaleFactor}`;
  }
}

/** Moves pixels into channels: [N, C, H r, W r] to [N, C r², H, W]. */
export class PixelUnshuffle extends Module {
  readonly downscaleFactor: number;
  constructor(downscaleFactor: number) {
    super();
    this.downscaleFactor = downscaleFactor;
  }
  forward(x: Tensor): Tensor {
    return pixelUnshuffle(x, this.downscaleFactor);
  }
  protected override extraRepr(): string {
    return `downscaleFactor=${this.downscaleFactor}`;
  }
}

/** Mixes the channels of groups: x [N, C, ...]. */
export class ChannelShuffle extends Module {
  readonly groups: number;
  constructor(groups: number) {
    super();
    this.groups = groups;
  }
  forward(x: Tensor): Tensor {
    return channelShuffle(x, this.groups);
  }
  protected override extraRepr(): string {
    return `groups=${this.groups}`;
  }
}

/** Resizes the spatial dimensions to a size or by a factor. */
export class Upsample extends Module {
  readonly options: InterpolateOptions;
  constructor(options: InterpolateOptions) {
    super();
    this.options = options;
  }
  forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }
  protected override extraRepr(): string {
    return describe({ mode: 'nearest', ...this.options });
  }
}

type ScaleOptions = Pick<InterpolateOptions, 'size' | 'scaleFactor'>;
/** Resizes images by repeating pixels. */
export class UpsamplingNearest2d extends Upsample {
  constructor(options: ScaleOptions) {
    super({ ...options, mode: 'nearest' });
  }
}
/** Resizes images linearly, corners aligned. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: ScaleOptions) {
    super({ ...options, mode: 'bilinear', alignCorners: true });
  }
}

markTransparent(
  Identity,
  Flatten,
  Unflatten,
  Unfold,
  Fold,
  PixelShuffle,
  PixelUnshuffle,
  ChannelShuffle,
  Upsample,
  UpsamplingNearest2d,
  UpsamplingBilinear2d,
);
