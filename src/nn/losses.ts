// Losses as modules: options at construction, prediction and target at the call.

import { type CTCOptions, ctcLoss, type Lengths } from '../ops/ctc.ts';
import type { CrossEntropyOptions, LossOptions, LossReduction, NLLOptions } from '../ops/loss.ts';
import * as losses from '../ops/loss.ts';
import { multilabelMarginLoss, multiMarginLoss, type TripletDistanceOptions, tripletMarginWithDistanceLoss } from '../ops/margin-loss.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

type Two = [prediction: Tensor, target: Tensor];
type Three = [a: Tensor, b: Tensor, c: Tensor];

/** Base of the losses: keeps the options and prints the reduction. */
abstract class Loss<O extends { reduction?: string }, In extends unknown[] = Two> extends Module<In, Tensor> {
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
export class MSELoss extends Loss<losses.WeightedOptions> {
  constructor(options: losses.WeightedOptions = {}) {
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

/** Negative log-likelihood of Poisson counts, given log-rates (or rates). */
export class PoissonNLLLoss extends Loss<LossOptions & { logInput?: boolean; full?: boolean; eps?: number }> {
  constructor(options: LossOptions & { logInput?: boolean; full?: boolean; eps?: number } = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.poissonNllLoss(prediction, target, this.options);
  }
}

/** Negative log-likelihood of a normal distribution: mean, target, variance. */
export class GaussianNLLLoss extends Loss<LossOptions & { full?: boolean; eps?: number }, Three> {
  constructor(options: LossOptions & { full?: boolean; eps?: number } = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor, variance: Tensor): Tensor {
    return losses.gaussianNllLoss(prediction, target, variance, this.options);
  }
}

/** A distance where the target is 1, max(0, margin - distance) where it is -1. */
export class HingeEmbeddingLoss extends Loss<LossOptions & { margin?: number }> {
  constructor(options: LossOptions & { margin?: number } = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.hingeEmbeddingLoss(prediction, target, this.options);
  }
}

/** max(0, -y (x1 - x2) + margin). */
export class MarginRankingLoss extends Loss<LossOptions & { margin?: number }, Three> {
  constructor(options: LossOptions & { margin?: number } = {}) {
    super(options);
  }
  forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    return losses.marginRankingLoss(x1, x2, target, this.options);
  }
}

/** log(1 + exp(-t x)) for targets 1 and -1. */
export class SoftMarginLoss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.softMarginLoss(prediction, target, this.options);
  }
}

/** Mean over classes of the binary cross-entropy of logits. */
export class MultiLabelSoftMarginLoss extends Loss<losses.BinaryOptions> {
  constructor(options: losses.BinaryOptions = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return losses.multilabelSoftMarginLoss(prediction, target, this.options);
  }
}

/** Hinge between listed classes and all others: target lists classes up to the first -1. */
export class MultiLabelMarginLoss extends Loss<LossOptions> {
  constructor(options: LossOptions = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return multilabelMarginLoss(prediction, target, this.options);
  }
}

/** Hinge between the class and all others. */
export class MultiMarginLoss extends Loss<LossOptions & { p?: number; margin?: number; weight?: Tensor | null }> {
  constructor(options: LossOptions & { p?: number; margin?: number; weight?: Tensor | null } = {}) {
    super(options);
  }
  forward(prediction: Tensor, target: Tensor): Tensor {
    return multiMarginLoss(prediction, target, this.options);
  }
}

/** 1 - cos where the target is 1, max(0, cos - margin) where it is -1. */
export class CosineEmbeddingLoss extends Loss<LossOptions & { margin?: number }, Three> {
  constructor(options: LossOptions & { margin?: number } = {}) {
    super(options);
  }
  forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    return losses.cosineEmbeddingLoss(x1, x2, target, this.options);
  }
}

/** max(0, d(anchor, positive) - d(anchor, negative) + margin) with a p-norm distance. */
export class TripletMarginLoss extends Loss<LossOptions & { margin?: number; p?: number; eps?: number; swap?: boolean }, Three> {
  constructor(options: LossOptions & { margin?: number; p?: number; eps?: number; swap?: boolean } = {}) {
    super(options);
  }
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return losses.tripletMarginLoss(anchor, positive, negative, this.options);
  }
}

/** As TripletMarginLoss, with a distance of one's own. */
export class TripletMarginWithDistanceLoss extends Loss<TripletDistanceOptions, Three> {
  constructor(options: TripletDistanceOptions = {}) {
    super(options);
  }
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    return tripletMarginWithDistanceLoss(anchor, positive, negative, this.options);
  }
}

/** Connectionist temporal classification (Graves et al., 2006): log-probabilities [T, N, C], targets, and the lengths of both. */
export class CTCLoss extends Loss<CTCOptions, [logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths]> {
  constructor(options: CTCOptions = {}) {
    super(options);
  }
  forward(logProbs: Tensor, targets: Tensor, inputLengths: Lengths, targetLengths: Lengths): Tensor {
    return ctcLoss(logProbs, targets, inputLengths, targetLengths, this.options);
  }
}
