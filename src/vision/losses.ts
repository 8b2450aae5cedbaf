// Losses of detectors: by overlap of boxes, and the focal loss of Lin et al., 2017.

import { sigmoid } from '../ops/activations.ts';
import { add, div, logaddexp, mul, neg, pow, sub } from '../ops/elementwise.ts';
import { mean, sum } from '../ops/reduce.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { boxLossParts } from './boxes.ts';

export type Reduction = 'none' | 'mean' | 'sum';

/** Options of the losses on boxes. */
export interface BoxLossOptions {
  reduction?: Reduction;
  /** Keeps divisions by empty areas finite. */
  eps?: number;
}

function reduce(name: string, loss: Tensor, reduction: Reduction): Tensor {
  if (reduction === 'none') return loss;
  if (reduction === 'sum') return sum(loss);
  if (reduction === 'mean') return loss.numel > 0 ? mean(loss) : sum(loss);
  throw new ValueError(`${name}: reduction '${String(reduction)}' is unknown; use none, mean or sum`);
}

/** 1 - generalized IoU, box by box: [..., 4] and [..., 4] -> [...]. */
export function generalizedBoxIouLoss(boxes1: Tensor, boxes2: Tensor, { reduction = 'none', eps = 1e-7 }: BoxLossOptions = {}): Tensor {
  const name = 'generalizedBoxIouLoss';
  const { iou, union, outer } = boxLossParts(name, boxes1, boxes2, eps);
  const area = mul(outer.width, outer.height);
  return reduce(name, sub(1, sub(iou, div(sub(area, union), add(area, eps)))), reduction);
}

/** 1 - distance IoU, box by box: [..., 4] and [..., 4] -> [...]. */
export function distanceBoxIouLoss(boxes1: Tensor, boxes2: Tensor, { reduction = 'none', eps = 1e-7 }: BoxLossOptions = {}): Tensor {
  const { iou, distance } = boxLossParts('distanceBoxIouLoss', boxes1, boxes2, eps);
  return reduce('distanceBoxIouLoss', add(sub(1, iou), distance()), reduction);
}

/** 1 - complete IoU, box by box: [..., 4] and [..., 4] -> [...]. */
export function completeBoxIouLoss(boxes1: Tensor, boxes2: Tensor, { reduction = 'none', eps = 1e-7 }: BoxLossOptions = {}): Tensor {
  const { iou, distance, aspect } = boxLossParts('completeBoxIouLoss', boxes1, boxes2, eps);
  return reduce('completeBoxIouLoss', add(add(sub(1, iou), distance()), aspect()), reduction);
}

/** Options of {@link sigmoidFocalLoss}. */
export interface FocalLossOptions {
  /** Weight of the positive class, 1 - alpha being that of the negative; below 0 neither is weighted. */
  alpha?: number;
  /** Exponent that quiets examples already classified well. */
  gamma?: number;
  reduction?: Reduction;
}

/** Focal loss of logits against targets in [0, 1], both of one shape. */
export function sigmoidFocalLoss(
  inputs: Tensor,
  targets: Tensor,
  { alpha = 0.25, gamma = 2, reduction = 'none' }: FocalLossOptions = {},
): Tensor {
  const name = 'sigmoidFocalLoss';
  if (!sameShape(inputs.shape, targets.shape))
    throw new ShapeError(`${name}: inputs is ${show(inputs.shape)} and targets ${show(targets.shape)}; they must have one shape`);
  if (!isFloating(inputs.dtype) || !isFloating(targets.dtype))
    throw new DTypeError(`${name}: inputs is ${inputs.dtype} and targets ${targets.dtype}; cast them with .to('float32')`);
  const p = sigmoid(inputs);
  const rest = sub(1, targets);
  // cross-entropy of logits: (1 - t) x + log(1 + e^-x)
  const entropy = add(mul(rest, inputs), logaddexp(neg(inputs), 0));
  const hit = add(mul(p, targets), mul(sub(1, p), rest));
  let loss = mul(entropy, pow(sub(1, hit), gamma));
  if (alpha >= 0) loss = mul(loss, add(mul(targets, alpha), mul(rest, 1 - alpha)));
  return reduce(name, loss, reduction);
}
