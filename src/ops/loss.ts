// Elementwise losses: each is one scalar expression over prediction and target, reduced by mean or sum. Cross-entropy is in cross-entropy.ts.

import { noGrad } from '../autograd/mode.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { checkingValues } from '../runtime/recording.ts';
import { isFloating } from '../tensor/dtype.ts';
import { broadcastShapes, sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkReduction, type LossReduction } from './cross-entropy.ts';
import { apply, type ElementwiseOp, type TensorLike } from './elementwise-apply.ts';
import { itemSync, numbersSync } from './read.ts';
import { mean, reduceExpr, sum } from './reduce.ts';
import {
  abs,
  add,
  div,
  type Expr,
  eq,
  exp,
  ge,
  gt,
  input,
  le,
  log,
  log1p,
  logicalAnd,
  lt,
  max,
  mul,
  neg,
  param,
  pow,
  softplus,
  sqrt,
  square,
  sub,
  where,
  xlogy,
} from './scalar.ts';
import { expand, unsqueeze } from './view.ts';

export { type CrossEntropyOptions, checkReduction, crossEntropy, type LossReduction, type NLLOptions, nllLoss } from './cross-entropy.ts';

export interface LossOptions {
  reduction?: LossReduction;
}

export interface WeightedOptions extends LossOptions {
  /** Factor for each element, broadcast. */
  weight?: Tensor | null;
}

const op = (name: string, doc: string, arity: number, expr: Expr): ElementwiseOp => ({ name, doc, arity, expr, dtype: 'same' });
const [x, t, w] = [input(0), input(1), input(2)];

/** Mean or sum over all elements, or the elements themselves. */
export function reduceLoss(name: string, terms: Tensor, reduction: LossReduction): Tensor {
  checkReduction(name, reduction);
  return reduction === 'none' ? terms : reduction === 'mean' ? mean(terms) : sum(terms);
}

/** As reduceLoss, each term times a weight; their mean divides by the total weight. */
function reduceWeighted(name: string, terms: Tensor, weight: Tensor | null, reduction: LossReduction): Tensor {
  if (weight === null) return reduceLoss(name, terms, reduction);
  const weighted = apply(times, [terms, weight]);
  if (reduction !== 'mean') return reduceLoss(name, weighted, reduction);
  return apply(quotient, [sum(weighted), sum(expand(weight, broadcastShapes(name, terms.shape, weight.shape)))]);
}

function checkPair(name: string, a: Tensor, b: Tensor, broadcast = false): void {
  if (!isFloating(a.dtype)) throw new DTypeError(`${name}: the prediction is ${a.dtype}; cast it with .to('float32')`);
  if (sameShape(a.shape, b.shape)) return;
  if (broadcast) broadcastShapes(name, a.shape, b.shape);
  else throw new ShapeError(`${name}: the prediction is ${show(a.shape)} and the target ${show(b.shape)}; they must have one shape`);
}

const squaredError = op('mseLoss', '(x - t)².', 2, square(sub(x, t)));
/** Mean of (x - t)²: prediction and target of one shape (or broadcast together). */
export function mseLoss(prediction: Tensor, target: Tensor, { reduction = 'mean', weight = null }: WeightedOptions = {}): Tensor {
  return composed(() => {
    checkPair('mseLoss', prediction, target, true);
    return reduceWeighted('mseLoss', apply(squaredError, [prediction, target]), weight, reduction);
  });
}
const times = op('mul', 'a · b.', 2, mul(x, t));
const quotient = op('div', 'a / b.', 2, div(x, t));

const absoluteError = op('l1Loss', '|x - t|.', 2, abs(sub(x, t)));
/** Mean of |x - t|. */
export function l1Loss(prediction: Tensor, target: Tensor, { reduction = 'mean', weight = null }: WeightedOptions = {}): Tensor {
  return composed(() => {
    checkPair('l1Loss', prediction, target, true);
    return reduceWeighted('l1Loss', apply(absoluteError, [prediction, target]), weight, reduction);
  });
}

const distance = abs(sub(x, t));
const smoothL1 = op(
  'smoothL1Loss',
  'd² / 2β below β, else d - β / 2.',
  2,
  where(lt(distance, param(0)), div(mul(0.5, square(distance)), param(0)), sub(distance, mul(0.5, param(0)))),
);
/** Quadratic below beta, linear above: d²/(2 beta) or d - beta/2 of d = |x - t|. */
export function smoothL1Loss(
  prediction: Tensor,
  target: Tensor,
  { reduction = 'mean', beta = 1 }: LossOptions & { beta?: number } = {},
): Tensor {
  return composed(() => {
    checkPair('smoothL1Loss', prediction, target, true);
    if (!(beta >= 0)) throw new ValueError(`smoothL1Loss: beta ${beta} must be at least 0`);
    if (beta === 0) return l1Loss(prediction, target, { reduction });
    return reduceLoss('smoothL1Loss', apply(smoothL1, [prediction, target], [beta]), reduction);
  });
}

const huber = op(
  'huberLoss',
  'd² / 2 up to δ, else δ (d - δ / 2).',
  2,
  where(le(distance, param(0)), mul(0.5, square(distance)), mul(param(0), sub(distance, mul(0.5, param(0))))),
);
/** d²/2 up to delta, delta (d - delta/2) beyond, of d = |x - t|. */
export function huberLoss(
  prediction: Tensor,
  target: Tensor,
  { reduction = 'mean', delta = 1, weight = null }: WeightedOptions & { delta?: number } = {},
): Tensor {
  return composed(() => {
    checkPair('huberLoss', prediction, target, true);
    if (!(delta > 0)) throw new ValueError(`huberLoss: delta ${delta} must be greater than 0`);
    return reduceWeighted('huberLoss', apply(huber, [prediction, target], [delta]), weight, reduction);
  });
}

export type BinaryOptions = WeightedOptions;

const noProbability = where(logicalAnd(ge(x, 0), le(x, 1)), 0, 1);
const negative = lt(x, 0);
/** Whether a condition holds for any element; one number is read back. */
const anyOf = (name: string, condition: Expr, t: Tensor): boolean =>
  t.numel > 0 &&
  checkingValues(() =>
    itemSync(
      reduceExpr(
        name,
        'any',
        condition,
        [t],
        t.shape.map((_, i) => i),
        false,
        'bool',
      ),
    ),
  ) !== 0;

// Logarithms are kept above -100, as PyTorch does, so that a certain wrong answer costs a finite loss.
const bce = op(
  'binaryCrossEntropy',
  '-(t log x + (1 - t) log(1 - x)).',
  2,
  neg(add(mul(t, max(log(x), -100)), mul(sub(1, t), max(log1p(neg(x)), -100)))),
);
/** Binary cross-entropy of probabilities x in [0, 1] and targets t of the same shape. */
export function binaryCrossEntropy(prediction: Tensor, target: Tensor, { reduction = 'mean', weight = null }: BinaryOptions = {}): Tensor {
  return composed(() => {
    const name = 'binaryCrossEntropy';
    checkPair(name, prediction, target);
    if (anyOf(name, noProbability, prediction))
      throw new ValueError(
        `${name}: the prediction holds ${checkingValues(() => numbersSync(prediction)).find((v) => !(v >= 0 && v <= 1))}; probabilities lie between 0 and 1, use binaryCrossEntropyWithLogits for logits`,
      );
    const terms = apply(bce, [prediction, target]);
    return reduceLoss(name, weight === null ? terms : apply(times, [terms, weight]), reduction);
  });
}

const bceLogits = op('binaryCrossEntropyWithLogits', '(1 - t) x + softplus(-x).', 2, add(mul(sub(1, t), x), softplus(neg(x))));
const bceLogitsPos = op(
  'binaryCrossEntropyWithLogits',
  '(1 - t) x + (1 + (p - 1) t) softplus(-x).',
  3,
  add(mul(sub(1, t), x), mul(add(1, mul(sub(w, 1), t)), softplus(neg(x)))),
);
/** Binary cross-entropy of logits x and targets t of the same shape, without overflow; posWeight scales the positive class. */
export function binaryCrossEntropyWithLogits(
  prediction: Tensor,
  target: Tensor,
  { reduction = 'mean', weight = null, posWeight = null }: BinaryOptions & { posWeight?: Tensor | null } = {},
): Tensor {
  return composed(() => {
    const name = 'binaryCrossEntropyWithLogits';
    checkPair(name, prediction, target);
    const terms = posWeight === null ? apply(bceLogits, [prediction, target]) : apply(bceLogitsPos, [prediction, target, posWeight]);
    return reduceLoss(name, weight === null ? terms : apply(times, [terms, weight]), reduction);
  });
}

const kl = op('klDiv', 't log t - t x.', 2, sub(xlogy(t, t), mul(t, x)));
const klLog = op('klDiv', 'exp(t) (t - x).', 2, mul(exp(t), sub(t, x)));
const scale = op('scale', 'a · k.', 1, mul(x, param(0)));
/** Kullback-Leibler divergence: x holds log-probabilities, the target probabilities (or their logarithms with logTarget). */
export function klDiv(
  prediction: Tensor,
  target: Tensor,
  { reduction = 'mean', logTarget = false }: { reduction?: LossReduction | 'batchmean'; logTarget?: boolean } = {},
): Tensor {
  return composed(() => {
    checkPair('klDiv', prediction, target, true);
    const terms = apply(logTarget ? klLog : kl, [prediction, target]);
    if (reduction === 'batchmean') return apply(scale, [sum(terms)], [1 / Math.max(1, prediction.shape[0] ?? 1)]);
    return reduceLoss('klDiv', terms, reduction);
  });
}

const poisson = op('poissonNllLoss', 'exp(x) - t x.', 2, sub(exp(x), mul(t, x)));
const poissonRate = op('poissonNllLoss', 'x - t log(x + ε).', 2, sub(x, mul(t, log(add(x, param(0))))));
// Stirling's approximation of log t!, where t > 1
const stirling = op(
  'stirling',
  't log t - t + log(2πt) / 2.',
  1,
  where(gt(x, 1), add(sub(xlogy(x, x), x), mul(0.5, log(mul(2 * Math.PI, max(x, 1))))), 0),
);
/** Negative log-likelihood of Poisson counts: x is the log-rate (or the rate with logInput false); `full` adds Stirling's term. */
export function poissonNllLoss(
  prediction: Tensor,
  target: Tensor,
  {
    reduction = 'mean',
    logInput = true,
    full = false,
    eps = 1e-8,
  }: LossOptions & { logInput?: boolean; full?: boolean; eps?: number } = {},
): Tensor {
  return composed(() => {
    checkPair('poissonNllLoss', prediction, target, true);
    let terms = logInput ? apply(poisson, [prediction, target]) : apply(poissonRate, [prediction, target], [eps]);
    if (full) terms = apply(plus, [terms, apply(stirling, [target])]);
    return reduceLoss('poissonNllLoss', terms, reduction);
  });
}
const plus = op('add', 'a + b.', 2, add(x, t));

const gaussian = op('gaussianNllLoss', '(log v + (x - t)² / v) / 2.', 3, mul(0.5, add(log(w), div(square(sub(x, t)), w))));
const raise = op('raise', 'what lifts v to at least ε.', 1, max(sub(param(0), x), 0));
const shift = op('shift', 'a + k.', 1, add(x, param(0)));
/** Negative log-likelihood of a normal distribution with mean x and variance v (kept above eps without changing its gradient's shape). */
export function gaussianNllLoss(
  prediction: Tensor,
  target: Tensor,
  variance: TensorLike,
  { reduction = 'mean', full = false, eps = 1e-6 }: LossOptions & { full?: boolean; eps?: number } = {},
): Tensor {
  return composed(() => {
    checkPair('gaussianNllLoss', prediction, target, true);
    let v = variance;
    if (typeof v === 'object' && 'shape' in v) {
      if (anyOf('gaussianNllLoss', negative, v))
        throw new ValueError('gaussianNllLoss: the variance has negative entries; variances are at least 0');
      if (v.ndim === prediction.ndim - 1) v = unsqueeze(v, -1);
      // the floor changes the value alone: gradients pass as if it were not there
      const from = v;
      v = apply(plus, [from, noGrad(() => apply(raise, [from], [eps]))]);
    }
    let terms = apply(gaussian, [prediction, target, v]);
    if (full) terms = apply(shift, [terms], [0.5 * Math.log(2 * Math.PI)]);
    return reduceLoss('gaussianNllLoss', terms, reduction);
  });
}

const hinge = op(
  'hingeEmbeddingLoss',
  'x where t = 1, max(0, m - x) where t = -1.',
  2,
  add(where(eq(t, -1), 0, x), where(eq(t, 1), 0, max(sub(param(0), x), 0))),
);
/** x where the target is 1, max(0, margin - x) where it is -1. */
export function hingeEmbeddingLoss(
  prediction: Tensor,
  target: Tensor,
  { reduction = 'mean', margin = 1 }: LossOptions & { margin?: number } = {},
): Tensor {
  return composed(() => {
    checkPair('hingeEmbeddingLoss', prediction, target, true);
    return reduceLoss('hingeEmbeddingLoss', apply(hinge, [prediction, target], [margin]), reduction);
  });
}

const ranking = op('marginRankingLoss', 'max(0, -t (a - b) + m).', 3, max(add(mul(neg(w), sub(x, t)), param(0)), 0));
/** max(0, -y (x1 - x2) + margin): y = 1 wants x1 greater, y = -1 wants x2 greater. */
export function marginRankingLoss(
  x1: Tensor,
  x2: Tensor,
  target: Tensor,
  { reduction = 'mean', margin = 0 }: LossOptions & { margin?: number } = {},
): Tensor {
  return composed(() => {
    checkPair('marginRankingLoss', x1, x2, true);
    return reduceLoss('marginRankingLoss', apply(ranking, [x1, x2, target], [margin]), reduction);
  });
}

const softMargin = op('softMarginLoss', 'log(1 + exp(-t x)).', 2, softplus(neg(mul(t, x))));
/** log(1 + exp(-t x)) for targets 1 and -1. */
export function softMarginLoss(prediction: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  return composed(() => {
    checkPair('softMarginLoss', prediction, target, true);
    return reduceLoss('softMarginLoss', apply(softMargin, [prediction, target]), reduction);
  });
}

const multiSoft = op(
  'multilabelSoftMarginLoss',
  't softplus(-x) + (1 - t) softplus(x).',
  2,
  add(mul(t, softplus(neg(x))), mul(sub(1, t), softplus(x))),
);
/** Mean over classes of the binary cross-entropy of logits: x and t [N, C]. */
export function multilabelSoftMarginLoss(
  prediction: Tensor,
  target: Tensor,
  { reduction = 'mean', weight = null }: BinaryOptions = {},
): Tensor {
  return composed(() => {
    checkPair('multilabelSoftMarginLoss', prediction, target);
    const terms = apply(multiSoft, [prediction, target]);
    return reduceLoss('multilabelSoftMarginLoss', mean(weight === null ? terms : apply(times, [terms, weight]), { dim: -1 }), reduction);
  });
}

const cosine = op('cosine', 'a b / √(a² b²).', 3, div(x, sqrt(mul(t, w))));
const cosineTerm = op(
  'cosineEmbeddingLoss',
  '1 - c where t = 1, max(0, c - m) where t = -1.',
  2,
  add(where(eq(t, 1), sub(1, x), 0), where(eq(t, -1), max(sub(x, param(0)), 0), 0)),
);
/** 1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1: x1, x2 [N, D] (or [D]), target [N] (or []). */
export function cosineEmbeddingLoss(
  x1: Tensor,
  x2: Tensor,
  target: Tensor,
  { reduction = 'mean', margin = 0 }: LossOptions & { margin?: number } = {},
): Tensor {
  return composed(() => {
    checkPair('cosineEmbeddingLoss', x1, x2, true);
    if (target.ndim !== x1.ndim - 1)
      throw new ShapeError(
        `cosineEmbeddingLoss: the inputs are ${show(x1.shape)}, so the target needs ${x1.ndim - 1} dimension(s), got ${show(target.shape)}`,
      );
    const eps = 1e-12;
    const dot = (a: Tensor, b: Tensor): Tensor => sum(apply(times, [a, b]), { dim: -1 });
    const c = apply(cosine, [dot(x1, x2), apply(shift, [dot(x1, x1)], [eps]), apply(shift, [dot(x2, x2)], [eps])]);
    return reduceLoss('cosineEmbeddingLoss', apply(cosineTerm, [c, target], [margin]), reduction);
  });
}

const power = op('powerDistance', '|a - b + ε|^p.', 2, pow(abs(add(sub(x, t), param(0))), param(1)));
const root = op('root', 'a^(1/p).', 1, pow(x, param(0)));
const triplet = op('tripletMarginLoss', 'max(0, d⁺ - d⁻ + m).', 2, max(add(sub(x, t), param(0)), 0));
const smaller = op('minimum', 'min(a, b).', 2, where(le(x, t), x, t));
/** max(0, d(anchor, positive) - d(anchor, negative) + margin) with the p-norm distance over the last dimension; `swap` also tries d(positive, negative). */
export function tripletMarginLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  {
    reduction = 'mean',
    margin = 1,
    p = 2,
    eps = 1e-6,
    swap = false,
  }: LossOptions & { margin?: number; p?: number; eps?: number; swap?: boolean } = {},
): Tensor {
  return composed(() => {
    checkPair('tripletMarginLoss', anchor, positive, true);
    const d = (a: Tensor, b: Tensor): Tensor => apply(root, [sum(apply(power, [a, b], [eps, p]), { dim: -1 })], [1 / p]);
    const near = d(anchor, positive);
    let far = d(anchor, negative);
    if (swap) far = apply(smaller, [far, d(positive, negative)]);
    return reduceLoss('tripletMarginLoss', apply(triplet, [near, far], [margin]), reduction);
  });
}
