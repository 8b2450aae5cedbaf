// Activation layers. Those that compute `f(x)` without options share one form.

import * as f from '../ops/activations.ts';
import { full } from '../ops/create.ts';
import { logSoftmax, softmax, softmin } from '../ops/softmax.ts';
import { ShapeError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { constant_ } from './init.ts';
import { checkCount } from './linear.ts';
import { Module } from './module.ts';
import { Parameter } from './parameter.ts';
import { markTransparent } from './transparent.ts';

/** max(x, 0). */
export class ReLU extends Module {
  forward(x: Tensor): Tensor {
    return f.relu(x);
  }
}

/** x between 0 and 6. */
export class ReLU6 extends Module {
  forward(x: Tensor): Tensor {
    return f.relu6(x);
  }
}

/** 1 / (1 + e^-x). */
export class Sigmoid extends Module {
  forward(x: Tensor): Tensor {
    return f.sigmoid(x);
  }
}

/** Hyperbolic tangent. */
export class Tanh extends Module {
  forward(x: Tensor): Tensor {
    return f.tanh(x);
  }
}

/** x·sigmoid(x), also called swish (Elfwing et al., 2018). */
export class SiLU extends Module {
  forward(x: Tensor): Tensor {
    return f.silu(x);
  }
}

/** x·tanh(softplus(x)) (Misra, 2019). */
export class Mish extends Module {
  forward(x: Tensor): Tensor {
    return f.mish(x);
  }
}

/** Self-normalising exponential unit (Klambauer et al., 2017). */
export class SELU extends Module {
  forward(x: Tensor): Tensor {
    return f.selu(x);
  }
}

/** x/6 + 1/2, between 0 and 1. */
export class Hardsigmoid extends Module {
  forward(x: Tensor): Tensor {
    return f.hardsigmoid(x);
  }
}

/** x·hardsigmoid(x) (Howard et al., 2019). */
export class Hardswish extends Module {
  forward(x: Tensor): Tensor {
    return f.hardswish(x);
  }
}

/** ln sigmoid(x). */
export class LogSigmoid extends Module {
  forward(x: Tensor): Tensor {
    return f.logsigmoid(x);
  }
}

/** x / (1 + |x|). */
export class Softsign extends Module {
  forward(x: Tensor): Tensor {
    return f.softsign(x);
  }
}

/** x - tanh(x). */
export class Tanhshrink extends Module {
  forward(x: Tensor): Tensor {
    return f.tanhshrink(x);
  }
}

/** x·Φ(x) (Hendrycks and Gimpel, 2016); 'tanh' approximates Φ. */
export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';
  constructor({ approximate = 'none' }: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    this.approximate = approximate;
  }
  forward(x: Tensor): Tensor {
    return f.gelu(x, { approximate: this.approximate });
  }
  protected override extraRepr(): string {
    return `approximate=${this.approximate}`;
  }
}

/** x for x > 0, else negativeSlope·x. */
export class LeakyReLU extends Module {
  readonly negativeSlope: number;
  constructor(negativeSlope = 0.01) {
    super();
    this.negativeSlope = negativeSlope;
  }
  forward(x: Tensor): Tensor {
    return f.leakyRelu(x, { negativeSlope: this.negativeSlope });
  }
  protected override extraRepr(): string {
    return `negativeSlope=${this.negativeSlope}`;
  }
}

/** x for x > 0, else a learned weight times x: one weight, or one per channel (He et al., 2015). */
export class PReLU extends Module {
  readonly numParameters: number;
  readonly init: number;
  readonly weight: Parameter;
  constructor({ numParameters = 1, init = 0.25, dtype = 'float32' }: { numParameters?: number; init?: number; dtype?: DType } = {}) {
    super();
    checkCount('PReLU', 'numParameters', numParameters);
    this.numParameters = numParameters;
    this.init = init;
    this.weight = new Parameter(full([numParameters], init, { dtype }));
  }
  /** All weights at their first value. */
  resetParameters(): void {
    constant_(this.weight, this.init);
  }
  forward(x: Tensor): Tensor {
    return f.prelu(x, this.weight);
  }
  protected override extraRepr(): string {
    return `numParameters=${this.numParameters}`;
  }
}

/** x for x > 0, else a slope times x that is drawn from [lower, upper) in training (Xu et al., 2015). */
export class RReLU extends Module {
  readonly lower: number;
  readonly upper: number;
  constructor({ lower = 1 / 8, upper = 1 / 3 }: { lower?: number; upper?: number } = {}) {
    super();
    this.lower = lower;
    this.upper = upper;
  }
  forward(x: Tensor): Tensor {
    return f.rrelu(x, { lower: this.lower, upper: this.upper, training: this.training });
  }
  protected override extraRepr(): string {
    return `lower=${this.lower}, upper=${this.upper}`;
  }
}

/** x for x > 0, else alpha·(eˣ - 1) (Clevert et al., 2016). */
export class ELU extends Module {
  readonly alpha: number;
  constructor({ alpha = 1 }: { alpha?: number } = {}) {
    super();
    this.alpha = alpha;
  }
  forward(x: Tensor): Tensor {
    return f.elu(x, { alpha: this.alpha });
  }
  protected override extraRepr(): string {
    return `alpha=${this.alpha}`;
  }
}

/** x for x > 0, else alpha·(e^(x/alpha) - 1) (Barron, 2017). */
export class CELU extends Module {
  readonly alpha: number;
  constructor({ alpha = 1 }: { alpha?: number } = {}) {
    super();
    this.alpha = alpha;
  }
  forward(x: Tensor): Tensor {
    return f.celu(x, { alpha: this.alpha });
  }
  protected override extraRepr(): string {
    return `alpha=${this.alpha}`;
  }
}

/** ln(1 + e^(βx))/β; x itself where βx exceeds the threshold. */
export class Softplus extends Module {
  readonly beta: number;
  readonly threshold: number;
  constructor({ beta = 1, threshold = 20 }: { beta?: number; threshold?: number } = {}) {
    super();
    this.beta = beta;
    this.threshold = threshold;
  }
  forward(x: Tensor): Tensor {
    return f.softplus(x, { beta: this.beta, threshold: this.threshold });
  }
  protected override extraRepr(): string {
    return `beta=${this.beta}, threshold=${this.threshold}`;
  }
}

/** x between two bounds. */
export class Hardtanh extends Module {
  readonly minVal: number;
  readonly maxVal: number;
  constructor({ minVal = -1, maxVal = 1 }: { minVal?: number; maxVal?: number } = {}) {
    super();
    this.minVal = minVal;
    this.maxVal = maxVal;
  }
  forward(x: Tensor): Tensor {
    return f.hardtanh(x, { minVal: this.minVal, maxVal: this.maxVal });
  }
  protected override extraRepr(): string {
    return `minVal=${this.minVal}, maxVal=${this.maxVal}`;
  }
}

/** x, but 0 between -lambd and lambd. */
export class Hardshrink extends Module {
  readonly lambd: number;
  constructor({ lambd = 0.5 }: { lambd?: number } = {}) {
    super();
    this.lambd = lambd;
  }
  forward(x: Tensor): Tensor {
    return f.hardshrink(x, { lambd: this.lambd });
  }
  protected override extraRepr(): string {
    return `${this.lambd}`;
  }
}

/** x moved towards 0 by `lambd`, 0 between. */
export class Softshrink extends Module {
  readonly lambd: number;
  constructor({ lambd = 0.5 }: { lambd?: number } = {}) {
    super();
    this.lambd = lambd;
  }
  forward(x: Tensor): Tensor {
    return f.softshrink(x, { lambd: this.lambd });
  }
  protected override extraRepr(): string {
    return `${this.lambd}`;
  }
}

/** x above `threshold`, else `value`. */
export class Threshold extends Module {
  readonly threshold: number;
  readonly value: number;
  constructor(threshold: number, value: number) {
    super();
    this.threshold = threshold;
    this.value = value;
  }
  forward(x: Tensor): Tensor {
    return f.threshold(x, this.threshold, this.value);
  }
  protected override extraRepr(): string {
    return `threshold=${this.threshold}, value=${this.value}`;
  }
}

/** a·sigmoid(b) for the two halves a and b of a dimension (Dauphin et al., 2017). */
export class GLU extends Module {
  readonly dim: number;
  constructor({ dim = -1 }: { dim?: number } = {}) {
    super();
    this.dim = dim;
  }
  forward(x: Tensor): Tensor {
    return f.glu(x, { dim: this.dim });
  }
  protected override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Softmax over a dimension. */
export class Softmax extends Module {
  readonly dim: number;
  constructor(dim: number) {
    super();
    this.dim = dim;
  }
  forward(x: Tensor): Tensor {
    return softmax(x, this.dim);
  }
  protected override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Softmax of -x over a dimension. */
export class Softmin extends Module {
  readonly dim: number;
  constructor(dim: number) {
    super();
    this.dim = dim;
  }
  forward(x: Tensor): Tensor {
    return softmin(x, this.dim);
  }
  protected override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

/** Softmax over the channels at every place of an image: x [N, C, H, W] or [C, H, W]. */
export class Softmax2d extends Module {
  forward(x: Tensor): Tensor {
    if (x.ndim !== 3 && x.ndim !== 4)
      throw new ShapeError(`Softmax2d: the input has shape ${show(x.shape)}; expected [N, C, H, W] or [C, H, W]`);
    return softmax(x, -3);
  }
}

/** Logarithm of the softmax over a dimension. */
export class LogSoftmax extends Module {
  readonly dim: number;
  constructor(dim: number) {
    super();
    this.dim = dim;
  }
  forward(x: Tensor): Tensor {
    return logSoftmax(x, this.dim);
  }
  protected override extraRepr(): string {
    return `dim=${this.dim}`;
  }
}

markTransparent(
  ReLU,
  ReLU6,
  Sigmoid,
  Tanh,
  SiLU,
  Mish,
  SELU,
  Hardsigmoid,
  Hardswish,
  LogSigmoid,
  Softsign,
  Tanhshrink,
  GELU,
  LeakyReLU,
  PReLU,
  RReLU,
  ELU,
  CELU,
  Softplus,
  Hardtanh,
  Hardshrink,
  Softshrink,
  Threshold,
  GLU,
  Softmax,
  Softmin,
  Softmax2d,
  LogSoftmax,
);
