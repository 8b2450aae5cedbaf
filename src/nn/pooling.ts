// Pooling layers over the last two dimensions.

import type { Size } from '../ops/conv.ts';
import { type AvgPoolOptions, avgPool2d, type MaxPoolOptions, maxPool2d } from '../ops/pool.ts';
import { type AdaptiveSize, adaptiveAvgPool2d, adaptiveMaxPool2d } from '../ops/pool-adaptive.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

const text = (s: Size | AdaptiveSize | undefined): string => (Array.isArray(s) ? `[${s.join(', ')}]` : String(s));

/** Largest value of each window; the stride is the window's size unless given. */
export class MaxPool2d extends Module {
  readonly kernelSize: Size;
  readonly options: MaxPoolOptions;
  constructor(kernelSize: Size, options: MaxPoolOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }
  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }
  protected override extraRepr(): string {
    return `kernelSize=${text(this.kernelSize)}, stride=${text(this.options.stride ?? this.kernelSize)}, padding=${text(this.options.padding ?? 0)}`;
  }
}

/** Mean of each window; zeros of the padding count unless told otherwise. */
export class AvgPool2d extends Module {
  readonly kernelSize: Size;
  readonly options: AvgPoolOptions;
  constructor(kernelSize: Size, options: AvgPoolOptions = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = options;
  }
  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }
  protected override extraRepr(): string {
    return `kernelSize=${text(this.kernelSize)}, stride=${text(this.options.stride ?? this.kernelSize)}, padding=${text(this.options.padding ?? 0)}`;
  }
}

/** Means over as many windows as the output has elements. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: AdaptiveSize;
  constructor(outputSize: AdaptiveSize) {
    super();
    this.outputSize = outputSize;
  }
  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
  protected override extraRepr(): string {
    return `outputSize=${text(this.outputSize)}`;
  }
}

/** Largest values over as many windows as the output has elements. */
export class AdaptiveMaxPool2d extends Module {
  readonly outputSize: AdaptiveSize;
  constructor(outputSize: AdaptiveSize) {
    super();
    this.outputSize = outputSize;
  }
  forward(x: Tensor): Tensor {
    return adaptiveMaxPool2d(x, this.outputSize);
  }
  protected override extraRepr(): string {
    return `outputSize=${text(this.outputSize)}`;
  }
}
