// Pooling layers over one, two and three spatial dimensions.

import type { Size } from '../ops/conv.ts';
import {
  type AvgPoolOptions,
  avgPool1d,
  avgPool2d,
  type MaxPoolOptions,
  maxPool1d,
  maxPool1dWithIndices,
  maxPool2d,
  maxPool2dWithIndices,
} from '../ops/pool.ts';
import {
  type AdaptiveSize,
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool1dWithIndices,
  adaptiveMaxPool2d,
  adaptiveMaxPool2dWithIndices,
  adaptiveMaxPool3d,
  adaptiveMaxPool3dWithIndices,
} from '../ops/pool-adaptive.ts';
import {
  avgPool3d,
  type FractionalPoolOptions,
  fractionalMaxPool2d,
  fractionalMaxPool3d,
  type LpPoolOptions,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool3d,
  maxPool3dWithIndices,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
  type UnpoolOptions,
} from '../ops/pool3d.ts';
import type { ValuesAndIndices } from '../ops/reduce.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { describe } from './layout.ts';
import { Module } from './module.ts';
import { markTransparent } from './transparent.ts';

/** A function of x, a window and options. */
type Pool<O> = (x: Tensor, kernelSize: Size, options: O) => Tensor;

/** A layer that calls a pooling function with the window and the options of its construction. */
abstract class PoolNd<O extends { stride?: Size }> extends Module {
  readonly kernelSize: Size;
  readonly options: O;
  readonly #pool: Pool<O>;
  constructor(pool: Pool<O>, kernelSize: Size, options: O) {
    super();
    this.#pool = pool;
    this.kernelSize = kernelSize;
    this.options = options;
  }
  forward(x: Tensor): Tensor {
    return this.#pool(x, this.kernelSize, this.options);
  }
  protected override extraRepr(): string {
    return describe({ kernelSize: this.kernelSize, stride: this.kernelSize, padding: 0, ...this.options });
  }
}

/** Largest value of each window of [N, C, L]; the stride is the window's size unless given. */
export class MaxPool1d extends PoolNd<MaxPoolOptions> {
  constructor(kernelSize: Size, options: MaxPoolOptions = {}) {
    super(maxPool1d, kernelSize, options);
  }
  /** Values and positions, for MaxUnpool1d. */
  withIndices(x: Tensor): ValuesAndIndices {
    return maxPool1dWithIndices(x, this.kernelSize, this.options);
  }
}
/** Largest value of each window of [N, C, H, W]; the stride is the window's size unless given. */
export class MaxPool2d extends PoolNd<MaxPoolOptions> {
  constructor(kernelSize: Size, options: MaxPoolOptions = {}) {
    super(maxPool2d, kernelSize, options);
  }
  /** Values and positions, for MaxUnpool2d. */
  withIndices(x: Tensor): ValuesAndIndices {
    return maxPool2dWithIndices(x, this.kernelSize, this.options);
  }
}
/** Largest value of each window of [N, C, D, H, W]; the stride is the window's size unless given. */
export class MaxPool3d extends PoolNd<MaxPoolOptions> {
  constructor(kernelSize: Size, options: MaxPoolOptions = {}) {
    super(maxPool3d, kernelSize, options);
  }
  /** Values and positions, for MaxUnpool3d. */
  withIndices(x: Tensor): ValuesAndIndices {
    return maxPool3dWithIndices(x, this.kernelSize, this.options);
  }
}
/** Mean of each window of [N, C, L]; zeros of the padding count unless told otherwise. */
export class AvgPool1d extends PoolNd<AvgPoolOptions> {
  constructor(kernelSize: Size, options: AvgPoolOptions = {}) {
    super(avgPool1d, kernelSize, options);
  }
}
/** Mean of each window of [N, C, H, W]; zeros of the padding count unless told otherwise. */
export class AvgPool2d extends PoolNd<AvgPoolOptions> {
  constructor(kernelSize: Size, options: AvgPoolOptions = {}) {
    super(avgPool2d, kernelSize, options);
  }
}
/** Mean of each window of [N, C, D, H, W]; zeros of the padding count unless told otherwise. */
export class AvgPool3d extends PoolNd<AvgPoolOptions> {
  constructor(kernelSize: Size, options: AvgPoolOptions = {}) {
    super(avgPool3d, kernelSize, options);
  }
}

abstract class LpPoolNd extends PoolNd<LpPoolOptions> {
  readonly normType: number;
  constructor(pool: typeof lpPool1d, normType: number, kernelSize: Size, options: LpPoolOptions) {
    super((x, k, o) => pool(x, normType, k, o), kernelSize, options);
    this.normType = normType;
  }
  protected override extraRepr(): string {
    return describe({ normType: this.normType, kernelSize: this.kernelSize, stride: this.kernelSize, ...this.options });
  }
}
/** (Σ x^p)^(1/p) over each window of [N, C, L]. */
export class LPPool1d extends LpPoolNd {
  constructor(normType: number, kernelSize: Size, options: LpPoolOptions = {}) {
    super(lpPool1d, normType, kernelSize, options);
  }
}
/** (Σ x^p)^(1/p) over each window of [N, C, H, W]. */
export class LPPool2d extends LpPoolNd {
  constructor(normType: number, kernelSize: Size, options: LpPoolOptions = {}) {
    super(lpPool2d, normType, kernelSize, options);
  }
}
/** (Σ x^p)^(1/p) over each window of [N, C, D, H, W]. */
export class LPPool3d extends LpPoolNd {
  constructor(normType: number, kernelSize: Size, options: LpPoolOptions = {}) {
    super(lpPool3d, normType, kernelSize, options);
  }
}

/** A layer whose windows follow from the size of the output. */
abstract class AdaptivePoolNd extends Module {
  readonly outputSize: AdaptiveSize;
  readonly #pool: (x: Tensor, outputSize: AdaptiveSize) => Tensor;
  constructor(pool: (x: Tensor, outputSize: AdaptiveSize) => Tensor, outputSize: AdaptiveSize) {
    super();
    this.#pool = pool;
    this.outputSize = outputSize;
  }
  forward(x: Tensor): Tensor {
    return this.#pool(x, this.outputSize);
  }
  protected override extraRepr(): string {
    return `outputSize=${Array.isArray(this.outputSize) ? `[${this.outputSize.map(String).join(', ')}]` : String(this.outputSize)}`;
  }
}
/** Means over as many windows as the output has elements: [N, C, L]. */
export class AdaptiveAvgPool1d extends AdaptivePoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(adaptiveAvgPool1d, outputSize);
  }
}
/** Means over as many windows as the output has elements: [N, C, H, W]. */
export class AdaptiveAvgPool2d extends AdaptivePoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(adaptiveAvgPool2d, outputSize);
  }
}
/** Means over as many windows as the output has elements: [N, C, D, H, W]. */
export class AdaptiveAvgPool3d extends AdaptivePoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(adaptiveAvgPool3d, outputSize);
  }
}
/** Largest values over as many windows as the output has elements: [N, C, L]. */
export class AdaptiveMaxPool1d extends AdaptivePoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(adaptiveMaxPool1d, outputSize);
  }
  /** Values and positions. */
  withIndices(x: Tensor): ValuesAndIndices {
    return adaptiveMaxPool1dWithIndices(x, this.outputSize);
  }
}
/** Largest values over as many windows as the output has elements: [N, C, H, W]. */
export class AdaptiveMaxPool2d extends AdaptivePoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(adaptiveMaxPool2d, outputSize);
  }
  /** Values and positions. */
  withIndices(x: Tensor): ValuesAndIndices {
    return adaptiveMaxPool2dWithIndices(x, this.outputSize);
  }
}
/** Largest values over as many windows as the output has elements: [N, C, D, H, W]. */
export class AdaptiveMaxPool3d extends AdaptivePoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(adaptiveMaxPool3d, outputSize);
  }
  /** Values and positions. */
  withIndices(x: Tensor): ValuesAndIndices {
    return adaptiveMaxPool3dWithIndices(x, this.outputSize);
  }
}

type Unpool = typeof maxUnpool1d;
/** A layer that puts maxima back where they were. */
abstract class MaxUnpoolNd extends Module<[x: Tensor, indices: Tensor, options?: Pick<UnpoolOptions, 'outputSize'>]> {
  readonly kernelSize: Size;
  readonly options: UnpoolOptions;
  readonly #unpool: Unpool;
  constructor(unpool: Unpool, kernelSize: Size, options: UnpoolOptions) {
    super();
    this.#unpool = unpool;
    this.kernelSize = kernelSize;
    this.options = options;
  }
  forward(x: Tensor, indices: Tensor, more: Pick<UnpoolOptions, 'outputSize'> = {}): Tensor {
    return this.#unpool(x, indices, this.kernelSize, { ...this.options, ...more });
  }
  protected override extraRepr(): string {
    return describe({ kernelSize: this.kernelSize, stride: this.kernelSize, padding: 0, ...this.options });
  }
}
/** Puts values back at the positions that MaxPool1d.withIndices gave. */
export class MaxUnpool1d extends MaxUnpoolNd {
  constructor(kernelSize: Size, options: Omit<UnpoolOptions, 'outputSize'> = {}) {
    super(maxUnpool1d, kernelSize, options);
  }
}
/** Puts values back at the positions that MaxPool2d.withIndices gave. */
export class MaxUnpool2d extends MaxUnpoolNd {
  constructor(kernelSize: Size, options: Omit<UnpoolOptions, 'outputSize'> = {}) {
    super(maxUnpool2d, kernelSize, options);
  }
}
/** Puts values back at the positions that MaxPool3d.withIndices gave. */
export class MaxUnpool3d extends MaxUnpoolNd {
  constructor(kernelSize: Size, options: Omit<UnpoolOptions, 'outputSize'> = {}) {
    super(maxUnpool3d, kernelSize, options);
  }
}

/** Max pooling over pseudo-random windows (Graham, 2014): [N, C, H, W]. */
export class FractionalMaxPool2d extends PoolNd<FractionalPoolOptions & { stride?: never }> {
  constructor(kernelSize: Size, options: FractionalPoolOptions) {
    super(fractionalMaxPool2d, kernelSize, options);
  }
  protected override extraRepr(): string {
    return describe({ kernelSize: this.kernelSize, outputSize: this.options.outputSize, outputRatio: this.options.outputRatio });
  }
}
/** Max pooling over pseudo-random windows (Graham, 2014): [N, C, D, H, W]. */
export class FractionalMaxPool3d extends PoolNd<FractionalPoolOptions & { stride?: never }> {
  constructor(kernelSize: Size, options: FractionalPoolOptions) {
    super(fractionalMaxPool3d, kernelSize, options);
  }
  protected override extraRepr(): string {
    return describe({ kernelSize: this.kernelSize, outputSize: this.options.outputSize, outputRatio: this.options.outputRatio });
  }
}

markTransparent(
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  LPPool1d,
  LPPool2d,
  LPPool3d,
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  MaxUnpool1d,
  MaxUnpool2d,
  MaxUnpool3d,
  FractionalMaxPool2d,
  FractionalMaxPool3d,
);
