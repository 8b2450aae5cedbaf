// Two-dimensional convolution (cross-correlation, as in all of deep learning).

import { conv2d, type Size } from '../ops/conv.ts';
import { empty } from '../ops/raw.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { calculateFanInAndFanOut, uniform_ } from './init.ts';
import { checkCount } from './linear.ts';
import { Module } from './module.ts';
import { isLazy, materialize, Parameter, UninitializedParameter } from './parameter.ts';

export interface Conv2dOptions {
  stride?: Size;
  padding?: Size | 'same' | 'valid';
  dilation?: Size;
  groups?: number;
  bias?: boolean;
  dtype?: DType;
}

const both = (s: Size): readonly number[] => (typeof s === 'number' ? [s, s] : s);

/** [N, inChannels, H, W] to [N, outChannels, OH, OW]. weight is [outChannels, inChannels / groups, KH, KW]. */
export class Conv2d extends Module {
  inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: Size;
  readonly padding: Size | 'same' | 'valid';
  readonly dilation: Size;
  readonly groups: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, dtype = 'float32' }: Conv2dOptions = {},
  ) {
    super();
    checkCount('Conv2d', 'outChannels', outChannels);
    checkCount('Conv2d', 'groups', groups);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ValueError(`Conv2d: groups ${groups} must divide inChannels ${inChannels} and outChannels ${outChannels}`);
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = both(kernelSize);
    this.stride = stride;
    this.padding = padding;
    this.dilation = dilation;
    this.groups = groups;
    if (inChannels === 0) {
      this.weight = new UninitializedParameter(dtype);
      this.bias = bias ? new UninitializedParameter(dtype) : null;
      return;
    }
    checkCount('Conv2d', 'inChannels', inChannels);
    this.weight = new Parameter(empty([outChannels, inChannels / groups, ...this.kernelSize], dtype));
    this.bias = bias ? new Parameter(empty([outChannels], dtype)) : null;
    this.resetParameters();
  }

  /** U(-1/√fanIn, 1/√fanIn) for weight and bias, PyTorch's default. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(calculateFanInAndFanOut(this.weight).fanIn);
    uniform_(this.weight, -bound, bound);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }

  forward(x: Tensor): Tensor {
    const { stride, padding, dilation, groups } = this;
    return conv2d(x, this.weight, this.bias, { stride, padding, dilation, groups });
  }

  protected override extraRepr(): string {
    const { stride, padding, dilation, groups } = this;
    const show2 = (s: Size | string): string => (typeof s === 'string' ? s : `[${both(s).join(', ')}]`);
    const parts = [`${this.inChannels}, ${this.outChannels}`, `kernelSize=${show2(this.kernelSize)}`, `stride=${show2(stride)}`];
    if (padding !== 0) parts.push(`padding=${show2(padding)}`);
    if (dilation !== 1) parts.push(`dilation=${show2(dilation)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (this.bias === null) parts.push('bias=false');
    return parts.join(', ');
  }
}

/** Conv2d whose number of input channels is taken from the first input it sees. */
export class LazyConv2d extends Conv2d {
  constructor(outChannels: number, kernelSize: Size, options: Conv2dOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    if (isLazy(this.weight)) {
      if (x.ndim !== 4 && x.ndim !== 3)
        throw new ShapeError(`LazyConv2d: the input has shape ${show(x.shape)}; expected [N, C, H, W] or [C, H, W]`);
      const channels = x.shape[x.ndim - 3];
      if (channels % this.groups !== 0)
        throw new ShapeError(`LazyConv2d: groups ${this.groups} must divide the ${channels} input channels of shape ${show(x.shape)}`);
      materialize(this.weight as UninitializedParameter, [this.outChannels, channels / this.groups, ...this.kernelSize]);
      if (this.bias !== null) materialize(this.bias as UninitializedParameter, [this.outChannels]);
      this.afterLoad();
      this.resetParameters();
    }
    return super.forward(x);
  }

  protected override afterLoad(): void {
    if (!isLazy(this.weight)) this.inChannels = this.weight.shape[1] * this.groups;
  }
}
