// Convolution layers (cross-correlation, as in all of deep learning) and their transposes in one, two and three dimensions.

import { conv1d, conv2d, convTranspose1d, convTranspose2d, type Size, sizes } from '../ops/conv.ts';
import { conv3d, convTranspose3d } from '../ops/conv3d.ts';
import { type PadMode, pad } from '../ops/pad.ts';
import { empty } from '../ops/raw.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { calculateFanInAndFanOut, uniform_ } from './init.ts';
import { checkCount } from './linear.ts';
import { Module } from './module.ts';
import { isLazy, materialize, Parameter, UninitializedParameter } from './parameter.ts';
import { markTransparent } from './transparent.ts';

/** What stands around the input: zeros, the mirrored, the outermost, or the opposite elements. */
export type PaddingMode = 'zeros' | Exclude<PadMode, 'constant'>;

export interface ConvLayerOptions {
  stride?: Size;
  padding?: Size | 'same' | 'valid';
  dilation?: Size;
  groups?: number;
  bias?: boolean;
  paddingMode?: PaddingMode;
  dtype?: DType;
}
/** Options of Conv2d. */
export type Conv2dOptions = ConvLayerOptions;

export interface ConvTransposeLayerOptions {
  stride?: Size;
  padding?: Size;
  /** Extra size at the end of each spatial dimension. */
  outputPadding?: Size;
  groups?: number;
  bias?: boolean;
  dilation?: Size;
  dtype?: DType;
}

const paddingModes: readonly string[] = ['zeros', 'reflect', 'replicate', 'circular'];

/** What all convolutions share: sizes, weight and bias, and becoming real at the first input when inChannels is 0. */
abstract class ConvBase extends Module {
  inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    spatial: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Size,
    { stride = 1, dilation = 1, groups = 1, bias = true, dtype = 'float32' }: Omit<ConvLayerOptions, 'padding' | 'paddingMode'>,
    transposed: boolean,
  ) {
    super();
    const name = new.target.name;
    checkCount(name, 'outChannels', outChannels);
    checkCount(name, 'groups', groups);
    if (inChannels % groups !== 0 || outChannels % groups !== 0)
      throw new ValueError(`${name}: groups ${groups} must divide inChannels ${inChannels} and outChannels ${outChannels}`);
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = sizes(name, 'kernelSize', kernelSize, 1, spatial);
    this.stride = sizes(name, 'stride', stride, 1, spatial);
    this.dilation = sizes(name, 'dilation', dilation, 1, spatial);
    this.groups = groups;
    if (inChannels === 0) {
      // the lazy layers: shapes follow at the first forward pass
      this.weight = new UninitializedParameter(dtype);
      this.bias = bias ? new UninitializedParameter(dtype) : null;
      return;
    }
    checkCount(name, 'inChannels', inChannels);
    this.weight = new Parameter(empty(this.weightShape(inChannels, transposed), dtype));
    this.bias = bias ? new Parameter(empty([outChannels], dtype)) : null;
    this.resetParameters();
  }

  private weightShape(inChannels: number, transposed: boolean): number[] {
    const { outChannels, groups, kernelSize } = this;
    return transposed ? [inChannels, outChannels / groups, ...kernelSize] : [outChannels, inChannels / groups, ...kernelSize];
  }

  /** U(-1/√fanIn, 1/√fanIn) for weight and bias, PyTorch's default. */
  resetParameters(): void {
    if (isLazy(this.weight)) return;
    const { fanIn } = calculateFanInAndFanOut(this.weight);
    if (fanIn === 0) return;
    const bound = 1 / Math.sqrt(fanIn);
    uniform_(this.weight, -bound, bound);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }

  /** Gives lazy parameters their shapes after the channels of `x`. */
  protected grow(x: Tensor, transposed: boolean): void {
    if (!isLazy(this.weight)) return;
    const spatial = this.kernelSize.length;
    if (x.ndim !== spatial + 2 && x.ndim !== spatial + 1)
      throw new ShapeError(
        `${this.kind}: the input has shape ${show(x.shape)}; expected [N, C] or [C] and ${spatial} spatial dimension(s)`,
      );
    const channels = x.shape[x.ndim - 1 - spatial];
    if (channels < 1 || channels % this.groups !== 0)
      throw new ShapeError(`${this.kind}: groups ${this.groups} must divide the ${channels} input channels of shape ${show(x.shape)}`);
    materialize(this.weight as UninitializedParameter, this.weightShape(channels, transposed));
    if (this.bias !== null) materialize(this.bias as UninitializedParameter, [this.outChannels]);
    this.afterLoad();
    this.resetParameters();
  }

  protected describe(padding: string, more: readonly string[]): string {
    const parts = [`${this.inChannels}, ${this.outChannels}`, `kernelSize=${show(this.kernelSize)}`, `stride=${show(this.stride)}`];
    if (padding !== '') parts.push(`padding=${padding}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${show(this.dilation)}`);
    parts.push(...more);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (this.bias === null) parts.push('bias=false');
    return parts.join(', ');
  }
}

const functions = { 1: conv1d, 2: conv2d, 3: conv3d } as const;

abstract class ConvNd extends ConvBase {
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly paddingMode: PaddingMode;
  #around: readonly number[] | null = null;

  constructor(spatial: 1 | 2 | 3, inChannels: number, outChannels: number, kernelSize: Size, options: ConvLayerOptions) {
    super(spatial, inChannels, outChannels, kernelSize, options, false);
    const { padding = 0, paddingMode = 'zeros' } = options;
    const name = new.target.name;
    if (typeof padding === 'string') {
      if (padding !== 'same' && padding !== 'valid')
        throw new ValueError(`${name}: padding '${String(padding)}' is unknown; use 'same', 'valid' or numbers`);
      if (padding === 'same' && this.stride.some((v) => v !== 1))
        throw new ValueError(`${name}: padding 'same' needs stride 1, got ${show(this.stride)}; give the padding as numbers`);
      this.padding = padding;
    } else this.padding = sizes(name, 'padding', padding, 0, spatial);
    if (!paddingModes.includes(paddingMode))
      throw new ValueError(`${name}: paddingMode '${String(paddingMode)}' is unknown; use ${paddingModes.join(', ')}`);
    this.paddingMode = paddingMode;
    if (paddingMode !== 'zeros') this.#around = this.pads();
  }

  /** (before, after) pairs from the last dimension on, as pad takes them. */
  private pads(): number[] {
    const out: number[] = [];
    for (let d = this.kernelSize.length - 1; d >= 0; d--) {
      if (this.padding === 'valid') out.push(0, 0);
      else if (this.padding === 'same') {
        const total = this.dilation[d] * (this.kernelSize[d] - 1);
        out.push(Math.floor(total / 2), total - Math.floor(total / 2));
      } else out.push(this.padding[d], this.padding[d]);
    }
    return out;
  }

  forward(x: Tensor): Tensor {
    this.grow(x, false);
    const { stride, padding, dilation, groups } = this;
    const convolve = functions[this.kernelSize.length as 1 | 2 | 3];
    if (this.#around === null) return convolve(x, this.weight, this.bias, { stride, padding, dilation, groups });
    const wide = pad(x, this.#around, { mode: this.paddingMode as Exclude<PadMode, 'constant'> });
    const y = convolve(wide, this.weight, this.bias, { stride, dilation, groups });
    wide.dispose(); // the graph holds what it needs
    return y;
  }

  protected override afterLoad(): void {
    if (isLazy(this.weight)) return;
    this.inChannels = this.weight.shape[1] * this.groups;
    this.settle();
  }

  protected override extraRepr(): string {
    const { padding } = this;
    const text = typeof padding === 'string' ? padding : padding.some((p) => p !== 0) ? show(padding) : '';
    return this.describe(text, this.paddingMode === 'zeros' ? [] : [`paddingMode=${this.paddingMode}`]);
  }
}

/** [N, inChannels, L] to [N, outChannels, OL]. weight is [outChannels, inChannels / groups, K]. */
export class Conv1d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvLayerOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** [N, inChannels, H, W] to [N, outChannels, OH, OW]. weight is [outChannels, inChannels / groups, KH, KW]. */
export class Conv2d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvLayerOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/** [N, inChannels, D, H, W] to [N, outChannels, OD, OH, OW]. weight is [outChannels, inChannels / groups, KD, KH, KW]. */
export class Conv3d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvLayerOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}

const transposes = { 1: convTranspose1d, 2: convTranspose2d, 3: convTranspose3d } as const;

abstract class ConvTransposeNd extends ConvBase {
  readonly padding: readonly number[];
  readonly outputPadding: readonly number[];

  constructor(spatial: 1 | 2 | 3, inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeLayerOptions) {
    super(spatial, inChannels, outChannels, kernelSize, options, true);
    this.padding = sizes(new.target.name, 'padding', options.padding ?? 0, 0, spatial);
    this.outputPadding = sizes(new.target.name, 'outputPadding', options.outputPadding ?? 0, 0, spatial);
  }

  forward(x: Tensor): Tensor {
    this.grow(x, true);
    const { stride, padding, outputPadding, dilation, groups } = this;
    return transposes[this.kernelSize.length as 1 | 2 | 3](x, this.weight, this.bias, { stride, padding, outputPadding, dilation, groups });
  }

  protected override afterLoad(): void {
    if (isLazy(this.weight)) return;
    this.inChannels = this.weight.shape[0];
    this.settle();
  }

  protected override extraRepr(): string {
    const text = this.padding.some((p) => p !== 0) ? show(this.padding) : '';
    return this.describe(text, this.outputPadding.some((p) => p !== 0) ? [`outputPadding=${show(this.outputPadding)}`] : []);
  }
}

/** [N, inChannels, L] to [N, outChannels, OL], the mirror image of Conv1d. weight is [inChannels, outChannels / groups, K]. */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeLayerOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** [N, inChannels, H, W] to [N, outChannels, OH, OW], the mirror image of Conv2d. weight is [inChannels, outChannels / groups, KH, KW]. */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeLayerOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/** The mirror image of Conv3d. weight is [inChannels, outChannels / groups, KD, KH, KW]. */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: Size, options: ConvTransposeLayerOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}

/** Conv1d whose number of input channels is taken from the first input it sees. */
export class LazyConv1d extends Conv1d {
  static readonly lazy = true;
  constructor(outChannels: number, kernelSize: Size, options: ConvLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
/** Conv2d whose number of input channels is taken from the first input it sees. */
export class LazyConv2d extends Conv2d {
  static readonly lazy = true;
  constructor(outChannels: number, kernelSize: Size, options: ConvLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
/** Conv3d whose number of input channels is taken from the first input it sees. */
export class LazyConv3d extends Conv3d {
  static readonly lazy = true;
  constructor(outChannels: number, kernelSize: Size, options: ConvLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
/** ConvTranspose1d whose number of input channels is taken from the first input it sees. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  static readonly lazy = true;
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
/** ConvTranspose2d whose number of input channels is taken from the first input it sees. */
export class LazyConvTranspose2d extends ConvTranspose2d {
  static readonly lazy = true;
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}
/** ConvTranspose3d whose number of input channels is taken from the first input it sees. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  static readonly lazy = true;
  constructor(outChannels: number, kernelSize: Size, options: ConvTransposeLayerOptions = {}) {
    super(0, outChannels, kernelSize, options);
  }
}

markTransparent(
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  LazyConv1d,
  LazyConv2d,
  LazyConv3d,
  LazyConvTranspose1d,
  LazyConvTranspose2d,
  LazyConvTranspose3d,
);
