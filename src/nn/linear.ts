// Affine layers.

import { bilinear } from '../ops/bilinear.ts';
import { linear } from '../ops/matmul.ts';
import { empty } from '../ops/raw.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { uniform_ } from './init.ts';
import { Module } from './module.ts';
import { isLazy, materialize, Parameter, UninitializedParameter } from './parameter.ts';
import { markTransparent } from './transparent.ts';

export interface LinearOptions {
  bias?: boolean;
  dtype?: DType;
}

export function checkCount(layer: string, name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw new ValueError(`${layer}: ${name} ${value} must be a whole number of at least 1`);
}

/** y = x·Wᵀ + b over the last dimension: [..., inFeatures] to [..., outFeatures]. weight is [outFeatures, inFeatures]. */
export class Linear extends Module {
  inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, { bias = true, dtype = 'float32' }: LinearOptions = {}) {
    super();
    checkCount('Linear', 'outFeatures', outFeatures);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    if (inFeatures === 0) {
      // LazyLinear: shapes follow at the first forward pass
      this.weight = new UninitializedParameter(dtype);
      this.bias = bias ? new UninitializedParameter(dtype) : null;
      return;
    }
    checkCount('Linear', 'inFeatures', inFeatures);
    this.weight = new Parameter(empty([outFeatures, inFeatures], dtype));
    this.bias = bias ? new Parameter(empty([outFeatures], dtype)) : null;
    this.resetParameters();
  }

  /** U(-1/√in, 1/√in) for weight and bias, PyTorch's default. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.inFeatures);
    uniform_(this.weight, -bound, bound);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }

  protected override extraRepr(): string {
    return `inFeatures=${this.inFeatures}, outFeatures=${this.outFeatures}, bias=${this.bias !== null}`;
  }
}

/** Linear whose input size is taken from the first input it sees. */
export class LazyLinear extends Linear {
  static readonly lazy = true;
  constructor(outFeatures: number, options: LinearOptions = {}) {
    super(0, outFeatures, options);
  }

  override forward(x: Tensor): Tensor {
    if (isLazy(this.weight)) {
      if (x.ndim === 0)
        throw new ShapeError(`LazyLinear: the input is a 0-d tensor; it needs at least one dimension, got ${show(x.shape)}`);
      materialize(this.weight as UninitializedParameter, [this.outFeatures, x.shape[x.ndim - 1]]);
      if (this.bias !== null) materialize(this.bias as UninitializedParameter, [this.outFeatures]);
      this.afterLoad();
      this.resetParameters();
    }
    return super.forward(x);
  }

  protected override afterLoad(): void {
    if (isLazy(this.weight)) return;
    this.inFeatures = this.weight.shape[1];
    this.settle();
  }
}

/** y[k] = x1ᵀ W[k] x2 + b[k]: [..., in1Features] and [..., in2Features] to [..., outFeatures]. weight is [outFeatures, in1Features, in2Features]. */
export class Bilinear extends Module<[x1: Tensor, x2: Tensor]> {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, { bias = true, dtype = 'float32' }: LinearOptions = {}) {
    super();
    checkCount('Bilinear', 'in1Features', in1Features);
    checkCount('Bilinear', 'in2Features', in2Features);
    checkCount('Bilinear', 'outFeatures', outFeatures);
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty([outFeatures, in1Features, in2Features], dtype));
    this.bias = bias ? new Parameter(empty([outFeatures], dtype)) : null;
    this.resetParameters();
  }

  /** U(-1/√in1, 1/√in1) for weight and bias, PyTorch's default. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform_(this.weight, -bound, bound);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return bilinear(x1, x2, this.weight, this.bias);
  }

  protected override extraRepr(): string {
    const { in1Features, in2Features, outFeatures, bias } = this;
    return `in1Features=${in1Features}, in2Features=${in2Features}, outFeatures=${outFeatures}, bias=${bias !== null}`;
  }
}

markTransparent(Linear, LazyLinear, Bilinear);
