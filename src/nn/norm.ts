// Normalisation layers. Batch and instance normalisation keep running moments as buffers under PyTorch's names.

import { noGrad } from '../autograd/mode.ts';
import { ones, zeros } from '../ops/create.ts';
import { batchNorm, groupNorm, instanceNorm, layerNorm, localResponseNorm, rmsNorm } from '../ops/norm.ts';
import { empty } from '../ops/raw.ts';
import { itemSync } from '../ops/read.ts';
import { squeeze, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { type Shape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ones_, zeros_ } from './init.ts';
import { checkCount } from './linear.ts';
import { Module } from './module.ts';
import { isLazy, Parameter, UninitializedParameter } from './parameter.ts';
import { markTransparent } from './transparent.ts';

export interface BatchNormLayerOptions {
  /** Added to the variance. */
  eps?: number;
  /** Weight of the batch in the running moments; null takes the plain mean over all batches. */
  momentum?: number | null;
  /** Learn a factor and a summand for each channel. */
  affine?: boolean;
  /** Keep running moments for evaluation. */
  trackRunningStats?: boolean;
  dtype?: DType;
}

/** What batch and instance normalisation share: parameters, running moments, and becoming real at the first input. */
abstract class ChannelNorm extends Module {
  numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;
  declare running_mean: Tensor | null;
  declare running_var: Tensor | null;
  declare num_batches_tracked: Tensor | null;

  constructor(
    numFeatures: number,
    { eps, momentum, affine, trackRunningStats, dtype = 'float32' }: Required<Omit<BatchNormLayerOptions, 'dtype'>> & { dtype?: DType },
  ) {
    super();
    if (numFeatures !== 0) checkCount(new.target.name, 'numFeatures', numFeatures);
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine;
    this.trackRunningStats = trackRunningStats;
    const parameter = (): Parameter => (numFeatures === 0 ? new UninitializedParameter(dtype) : new Parameter(empty([numFeatures], dtype)));
    this.weight = affine ? parameter() : null;
    this.bias = affine ? parameter() : null;
    const buffer = (make: typeof zeros): Tensor | null => {
      if (!trackRunningStats) return null;
      if (numFeatures !== 0) return make([numFeatures], { dtype });
      // A lazy buffer is a parameter that is not trained, until its shape is known.
      return new UninitializedParameter(dtype, { requiresGrad: false });
    };
    this.registerBuffer('running_mean', buffer(zeros));
    this.registerBuffer('running_var', buffer(ones));
    // files from before PyTorch 0.4.1 lack it
    this.registerBuffer('num_batches_tracked', trackRunningStats ? zeros([], { dtype: 'int64' }) : null, { optional: true });
    if (numFeatures !== 0) this.resetParameters();
  }

  /** Mean of the batches seen in training, [numFeatures]. */
  get runningMean(): Tensor | null {
    return this.running_mean;
  }
  /** Unbiased variance of the batches seen in training, [numFeatures]. */
  get runningVar(): Tensor | null {
    return this.running_var;
  }
  /** Number of batches seen in training. */
  get numBatchesTracked(): Tensor | null {
    return this.num_batches_tracked;
  }

  /** Weight 1, bias 0, and running moments of a standard distribution. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
    this.resetRunningStats();
  }

  resetRunningStats(): void {
    if (this.running_mean !== null) zeros_(this.running_mean);
    if (this.running_var !== null) ones_(this.running_var);
    if (this.num_batches_tracked !== null) zeros_(this.num_batches_tracked);
  }

  /** Gives lazy parameters and buffers their shape after the channels of `x`. */
  protected grow(channels: number): void {
    const waiting = [this.weight, this.bias, this.running_mean, this.running_var].filter(isLazy);
    if (waiting.length > 0) {
      for (const p of waiting) p.materialize([channels]);
      this.numFeatures = channels;
      this.resetParameters();
    } else if (this.numFeatures === 0) this.numFeatures = channels;
    else return;
    this.settle();
  }

  protected override afterLoad(): void {
    const t = this.weight ?? this.running_mean;
    if (t === null || isLazy(t)) return;
    this.numFeatures = t.shape[0];
    this.settle();
  }

  protected override extraRepr(): string {
    const { numFeatures, eps, momentum, affine, trackRunningStats } = this;
    return `${numFeatures}, eps=${eps}, momentum=${momentum}, affine=${affine}, trackRunningStats=${trackRunningStats}`;
  }
}

abstract class BatchNormNd extends ChannelNorm {
  readonly #ndims: readonly number[];

  constructor(ndims: readonly number[], numFeatures: number, options: BatchNormLayerOptions) {
    super(numFeatures, { eps: 1e-5, momentum: 0.1, affine: true, trackRunningStats: true, ...options });
    this.#ndims = ndims;
  }

  forward(x: Tensor): Tensor {
    if (!this.#ndims.includes(x.ndim))
      throw new ShapeError(
        `${this.kind}: the input has shape ${show(x.shape)}; it needs ${this.#ndims.join(' or ')} dimensions, [N, C, ...]`,
      );
    this.grow(x.shape[1]);
    if (x.shape[1] !== this.numFeatures)
      throw new ShapeError(`${this.kind}: the input ${show(x.shape)} has ${x.shape[1]} channel(s), the layer ${this.numFeatures}`);
    const { running_mean, running_var, num_batches_tracked, weight, bias, eps } = this;
    let momentum = this.momentum ?? 0;
    if (this.training && num_batches_tracked !== null) {
      noGrad(() => num_batches_tracked.add_(1));
      if (this.momentum === null) momentum = 1 / itemSync(num_batches_tracked);
    }
    const training = this.training || running_mean === null;
    return batchNorm(x, running_mean, running_var, { weight, bias, training, momentum, eps });
  }
}

/** Normalises each channel over the batch (Ioffe and Szegedy, 2015): x [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNormNd {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super([2, 3], numFeatures, options);
  }
}
/** Normalises each channel over batch and plane (Ioffe and Szegedy, 2015): x [N, C, H, W]. */
export class BatchNorm2d extends BatchNormNd {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super([4], numFeatures, options);
  }
}
/** Normalises each channel over batch and volume (Ioffe and Szegedy, 2015): x [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNormNd {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super([5], numFeatures, options);
  }
}
/** BatchNorm1d whose number of channels is taken from the first input it sees. */
export class LazyBatchNorm1d extends BatchNorm1d {
  static readonly lazy = true;
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
  }
}
/** BatchNorm2d whose number of channels is taken from the first input it sees. */
export class LazyBatchNorm2d extends BatchNorm2d {
  static readonly lazy = true;
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
  }
}
/** BatchNorm3d whose number of channels is taken from the first input it sees. */
export class LazyBatchNorm3d extends BatchNorm3d {
  static readonly lazy = true;
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
  }
}

abstract class InstanceNormNd extends ChannelNorm {
  readonly #spatial: number;

  constructor(spatial: number, numFeatures: number, options: BatchNormLayerOptions) {
    super(numFeatures, { eps: 1e-5, momentum: 0.1, affine: false, trackRunningStats: false, ...options });
    this.#spatial = spatial;
  }

  forward(x: Tensor): Tensor {
    const single = x.ndim === this.#spatial + 1;
    if (!single && x.ndim !== this.#spatial + 2)
      throw new ShapeError(
        `${this.kind}: the input has shape ${show(x.shape)}; it needs ${this.#spatial} spatial dimension(s) behind [N, C] or [C]`,
      );
    const batch = single ? unsqueeze(x, 0) : x;
    this.grow(batch.shape[1]);
    if (this.affine && batch.shape[1] !== this.numFeatures)
      throw new ShapeError(`${this.kind}: the input ${show(x.shape)} has ${batch.shape[1]} channel(s), the layer ${this.numFeatures}`);
    const y = instanceNorm(batch, {
      runningMean: this.running_mean,
      runningVar: this.running_var,
      weight: this.weight,
      bias: this.bias,
      useInputStats: this.training || !this.trackRunningStats,
      momentum: this.momentum ?? 0,
      eps: this.eps,
    });
    return single ? squeeze(y, 0) : y;
  }
}

/** Normalises each channel of each sample (Ulyanov et al., 2016): x [N, C, L] or [C, L]. */
export class InstanceNorm1d extends InstanceNormNd {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(1, numFeatures, options);
  }
}
/** Normalises each channel of each sample (Ulyanov et al., 2016): x [N, C, H, W] or [C, H, W]. */
export class InstanceNorm2d extends InstanceNormNd {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(2, numFeatures, options);
  }
}
/** Normalises each channel of each sample (Ulyanov et al., 2016): x [N, C, D, H, W] or [C, D, H, W]. */
export class InstanceNorm3d extends InstanceNormNd {
  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super(3, numFeatures, options);
  }
}
/** InstanceNorm1d whose number of channels is taken from the first input it sees. */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  static readonly lazy = true;
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
  }
}
/** InstanceNorm2d whose number of channels is taken from the first input it sees. */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  static readonly lazy = true;
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
  }
}
/** InstanceNorm3d whose number of channels is taken from the first input it sees. */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  static readonly lazy = true;
  constructor(options: BatchNormLayerOptions = {}) {
    super(0, options);
  }
}

const shapeOf = (name: string, normalizedShape: number | Shape): Shape => {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : [...normalizedShape];
  if (shape.length === 0) throw new ValueError(`${name}: normalizedShape is empty; name at least one dimension`);
  for (const n of shape) checkCount(name, 'normalizedShape', n);
  return shape;
};

/** Normalises the last dimensions to mean 0 and variance 1 (Ba et al., 2016), then an elementwise affine map. */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  readonly elementwiseAffine: boolean;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  constructor(
    normalizedShape: number | Shape,
    {
      eps = 1e-5,
      elementwiseAffine = true,
      bias = true,
      dtype = 'float32',
    }: { eps?: number; elementwiseAffine?: boolean; bias?: boolean; dtype?: DType } = {},
  ) {
    super();
    this.normalizedShape = shapeOf('LayerNorm', normalizedShape);
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, { dtype })) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape, { dtype })) : null;
  }
  /** Weight 1, bias 0. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }
  forward(x: Tensor): Tensor {
    return layerNorm(x, this.normalizedShape, { weight: this.weight, bias: this.bias, eps: this.eps });
  }
  protected override extraRepr(): string {
    return `${show(this.normalizedShape)}, eps=${this.eps}, elementwiseAffine=${this.elementwiseAffine}`;
  }
}

/** Divides by the root mean square over the last dimensions (Zhang and Sennrich, 2019), then a factor for each element. */
export class RMSNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number | null;
  readonly elementwiseAffine: boolean;
  readonly weight: Parameter | null;

  constructor(
    normalizedShape: number | Shape,
    { eps = null, elementwiseAffine = true, dtype = 'float32' }: { eps?: number | null; elementwiseAffine?: boolean; dtype?: DType } = {},
  ) {
    super();
    this.normalizedShape = shapeOf('RMSNorm', normalizedShape);
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, { dtype })) : null;
  }
  /** Weight 1. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
  }
  forward(x: Tensor): Tensor {
    return rmsNorm(x, this.normalizedShape, { weight: this.weight, eps: this.eps });
  }
  protected override extraRepr(): string {
    return `${show(this.normalizedShape)}, eps=${this.eps}, elementwiseAffine=${this.elementwiseAffine}`;
  }
}

/** Normalises groups of channels of each sample (Wu and He, 2018): x [N, C, ...]. */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly affine: boolean;
  readonly weight: Parameter | null;
  readonly bias: Parameter | null;

  constructor(
    numGroups: number,
    numChannels: number,
    { eps = 1e-5, affine = true, dtype = 'float32' }: { eps?: number; affine?: boolean; dtype?: DType } = {},
  ) {
    super();
    checkCount('GroupNorm', 'numGroups', numGroups);
    checkCount('GroupNorm', 'numChannels', numChannels);
    if (numChannels % numGroups !== 0) throw new ValueError(`GroupNorm: numGroups ${numGroups} must divide numChannels ${numChannels}`);
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.affine = affine;
    this.weight = affine ? new Parameter(ones([numChannels], { dtype })) : null;
    this.bias = affine ? new Parameter(zeros([numChannels], { dtype })) : null;
  }
  /** Weight 1, bias 0. */
  resetParameters(): void {
    if (this.weight !== null) ones_(this.weight);
    if (this.bias !== null) zeros_(this.bias);
  }
  forward(x: Tensor): Tensor {
    return groupNorm(x, this.numGroups, { weight: this.weight, bias: this.bias, eps: this.eps });
  }
  protected override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${this.eps}, affine=${this.affine}`;
  }
}

/** Divides by a power of the mean square over neighbouring channels (Krizhevsky et al., 2012): x [N, C, ...]. */
export class LocalResponseNorm extends Module {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;

  constructor(size: number, { alpha = 1e-4, beta = 0.75, k = 1 }: { alpha?: number; beta?: number; k?: number } = {}) {
    super();
    checkCount('LocalResponseNorm', 'size', size);
    this.size = size;
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }
  forward(x: Tensor): Tensor {
    return localResponseNorm(x, this.size, { alpha: this.alpha, beta: this.beta, k: this.k });
  }
  protected override extraRepr(): string {
    return `${this.size}, alpha=${this.alpha}, beta=${this.beta}, k=${this.k}`;
  }
}

markTransparent(
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  LazyInstanceNorm1d,
  LazyInstanceNorm2d,
  LazyInstanceNorm3d,
  LayerNorm,
  RMSNorm,
  GroupNorm,
  LocalResponseNorm,
);
