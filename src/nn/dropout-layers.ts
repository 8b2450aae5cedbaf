// Dropout layers: they drop in training mode and pass their input on in evaluation.

import { ValueError } from '../runtime/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { alphaDropout, type DropoutOptions, dropout, dropout1d, dropout2d, dropout3d, featureAlphaDropout } from './dropout.ts';
import { Module } from './module.ts';
import { markTransparent } from './transparent.ts';

abstract class DropoutBase extends Module {
  readonly p: number;
  constructor(p = 0.5) {
    super();
    if (!(p >= 0 && p <= 1)) throw new ValueError(`${new.target.name}: p ${p} must be a probability from 0 to 1`);
    this.p = p;
  }
  /** What drops. */
  protected abstract drop(x: Tensor, options: DropoutOptions): Tensor;
  forward(x: Tensor): Tensor {
    return this.drop(x, { p: this.p, training: this.training });
  }
  protected override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** In training, zeroes each element with probability p and divides the rest by 1 - p (Srivastava et al., 2014). */
export class Dropout extends DropoutBase {
  protected drop(x: Tensor, options: DropoutOptions): Tensor {
    return dropout(x, options);
  }
}
/** Zeroes whole channels in training: x [N, C, L] or [C, L]. */
export class Dropout1d extends DropoutBase {
  protected drop(x: Tensor, options: DropoutOptions): Tensor {
    return dropout1d(x, options);
  }
}
/** Zeroes whole channels in training: x [N, C, H, W] or [C, H, W]. */
export class Dropout2d extends DropoutBase {
  protected drop(x: Tensor, options: DropoutOptions): Tensor {
    return dropout2d(x, options);
  }
}
/** Zeroes whole channels in training: x [N, C, D, H, W] or [C, D, H, W]. */
export class Dropout3d extends DropoutBase {
  protected drop(x: Tensor, options: DropoutOptions): Tensor {
    return dropout3d(x, options);
  }
}
/** Dropout that keeps mean and variance of selu activations (Klambauer et al., 2017). */
export class AlphaDropout extends DropoutBase {
  protected drop(x: Tensor, options: DropoutOptions): Tensor {
    return alphaDropout(x, options);
  }
}
/** AlphaDropout of whole channels: x [N, C, ...]. */
export class FeatureAlphaDropout extends DropoutBase {
  protected drop(x: Tensor, options: DropoutOptions): Tensor {
    return featureAlphaDropout(x, options);
  }
}

markTransparent(Dropout, Dropout1d, Dropout2d, Dropout3d, AlphaDropout, FeatureAlphaDropout);
