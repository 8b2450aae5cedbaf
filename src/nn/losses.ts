// Losses as modules: options at construction, prediction and target at the call.

import type { CrossEntropyOptions, LossOptions, LossReduction, NLLOptions } from '../ops/loss.ts';
import * as losses from '../ops/loss.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

type Two = [prediction: Tensor, target: Tensor];

/** Base of the losses: keeps the options and prints the reduction. */
abstract class Loss<O extends { reduction?: string }> extends Module<Two, Tensor> {
  readonly options: O;

  constructor(options: O) {
    super();
    if (options.reduction !== 'batchmean') losses.checkReduction(new.target.name, options.reduction ?? 'mean');
    this.options = options;
  }

  protected override extraRepr(): string {
    return this.options.reduction === undefined || this.options.reduction === 'mean' ? '' : `reduction=${this.options.reduction}`;
  }
}

/** Cross-entropy of logits [N, C, ...] against class indices [N, ...] or probabilities. */
export class CrossEntropyLoss extends Loss<CrossEntropyOptions> {
  constructor(options: CrossEntropyOptions = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.crossEntropy(prediction, target, this.options);
  }
}

/** Negative log-likelihood of log-probabilities [N, C, ...] against class indices [N, ...]. */
export class NLLLoss extends Loss<NLLOptions> {
  constructor(options: NLLOptions = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.nllLoss(prediction, target, this.options);
  }
}

/** Squared error. */
export class MSELoss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.mseLoss(prediction, target, this.options);
  }
}

/** Absolute error. */
export class L1Loss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.l1Loss(prediction, target, this.options);
  }
}

/** Quadratic below beta, linear above. */
export class SmoothL1Loss extends Loss<LossOptions & { beta?: number }> {
  constructor(options: LossOptions & { beta?: number } = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.smoothL1Loss(prediction, target, this.options);
  }
}

/** Quadratic up to delta, linear beyond. */
export class HuberLoss extends Loss<LossOptions & { delta?: number }> {
  constructor(options: LossOptions & { delta?: number } = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.huberLoss(prediction, target, this.options);
  }
}

/** Kullback-Leibler divergence of log-probabilities from probabilities. */
export class KLDivLoss extends Loss<{ reduction?: LossReduction | 'batchmean'; logTarget?: boolean }> {
  constructor(options: { reduction?: LossReduction | 'batchmean'; logTarget?: boolean } = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.klDiv(prediction, target, this.options);
  }
}

/** Binary cross-entropy of probabilities. */
export class BCELoss extends Loss<losses.BinaryOptions> {
  constructor(options: losses.BinaryOptions = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.binaryCrossEntropy(prediction, target, this.options);
  }
}

/** Binary cross-entropy of logits. */
export class BCEWithLogitsLoss extends Loss<losses.BinaryOptions & { posWeight?: Tensor | null }> {
  constructor(options: losses.BinaryOptions & { posWeight?: Tensor | null } = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.binaryCrossEntropyWithLogits(prediction, target, this.options);
  }
}
