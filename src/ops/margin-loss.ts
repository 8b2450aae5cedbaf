// Losses with a margin over classes: multi-class and multi-label hinges, and triplets with a distance of one's own.

import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { isFloating } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { arange, zeros } from './create.ts';
import { classIndex, type LossReduction } from './cross-entropy.ts';
import { pairwiseDistance } from './distance.ts';
import { eq, ge, minimum, mul, ne, pow } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { gather, indexSelect, scatterAdd } from './gather.ts';
import { type LossOptions, reduceLoss } from './loss.ts';
import { sum } from './reduce.ts';
import { input, max, sub as minus, param, add as plus, mul as times } from './scalar.ts';
import { cumprod } from './scan.ts';
import { reshape, unsqueeze } from './view.ts';

/** x as [N, C] and the target as [N] or [N, C]; without a batch (also for a scalar, one class) N is 1. */
function rowsOf(name: string, x: Tensor, target: Tensor, perClass: boolean): { rows: Tensor; labels: Tensor; N: number; C: number } {
  if (!isFloating(x.dtype)) throw new DTypeError(`${name}: the input is ${x.dtype}; cast it with .to('float32')`);
  if (x.ndim > 2) throw new ShapeError(`${name}: the input is ${show(x.shape)}; expected [N, C] or [C]`);
  const [N, C] = x.ndim === 2 ? x.shape : [1, x.numel];
  const want = perClass ? [N, C] : [N];
  const fits = x.ndim === 2 ? sameShape(target.shape, want) : target.ndim < 2 && target.numel === (perClass ? C : 1);
  if (!fits)
    throw new ShapeError(
      `${name}: the input is ${show(x.shape)}, so the target must be ${show(x.ndim === 2 ? want : want.slice(1))}, got ${show(target.shape)}`,
    );
  return { rows: reshape(x, [N, C]), labels: reshape(target, want), N, C };
}

const hinge: ElementwiseOp = {
  name: 'multiMarginLoss',
  doc: 'max(0, m - a + b).',
  arity: 2,
  expr: max(plus(minus(param(0), input(0)), input(1)), 0),
  dtype: 'same',
};

/**
 * Mean over classes of max(0, margin - x[y] + x[c])^p for c ≠ y: x [N, C] (or [C]), target [N] (or []) of classes. `weight` [C] scales a
 * sample by its class.
 */
export function multiMarginLoss(
  x: Tensor,
  target: Tensor,
  { p = 1, margin = 1, weight = null, reduction = 'mean' }: LossOptions & { p?: number; margin?: number; weight?: Tensor | null } = {},
): Tensor {
  return composed(() => {
    const name = 'multiMarginLoss';
    if (p !== 1 && p !== 2) throw new ValueError(`${name}: p is ${p}; use 1 or 2`);
    const { rows, labels, N, C } = rowsOf(name, x, target, false);
    if (weight !== null && !sameShape(weight.shape, [C])) throw new ShapeError(`${name}: weight is ${show(weight.shape)}; expected [${C}]`);
    const y = reshape(classIndex(name, labels, C, null), [N, 1]);
    let terms = apply(hinge, [gather(rows, 1, y), rows], [margin]);
    if (p === 2) terms = pow(terms, 2);
    // the class itself costs nothing
    terms = mul(terms, to(ne(y, arange(C)), x.dtype));
    let losses = mul(sum(terms, { dim: 1 }), 1 / C);
    if (weight !== null) losses = mul(losses, indexSelect(weight, 0, reshape(y, [N])));
    return reduceLoss(name, x.ndim < 2 ? reshape(losses, []) : losses, reduction);
  });
}

const pairHinge: ElementwiseOp = {
  name: 'multilabelMarginLoss',
  doc: 'max(0, 1 - (a - b)) u v.',
  arity: 4,
  expr: times(max(plus(minus(1, input(0)), input(1)), 0), times(input(2), input(3))),
  dtype: 'same',
};

/**
 * Σ max(0, 1 - (x[y] - x[c])) / C over the target classes y and all other classes c: x [N, C] (or [C]), target of the same shape lists classes up
 * to the first -1.
 */
export function multilabelMarginLoss(x: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  return composed(() => {
    const name = 'multilabelMarginLoss';
    const { rows, labels, N, C } = rowsOf(name, x, target, true);
    const listed = cumprod(to(ge(labels, 0), 'int64'), 1); // 1 before the first -1
    const y = classIndex(name, mul(labels, listed), C, null);
    const counts = scatterAdd(zeros([N, C], { dtype: 'int64' }), 1, y, listed);
    const other = to(eq(counts, 0), x.dtype);
    const terms = apply(pairHinge, [
      unsqueeze(gather(rows, 1, y), 2),
      unsqueeze(rows, 1),
      unsqueeze(to(listed, x.dtype), 2),
      unsqueeze(other, 1),
    ]);
    const losses = mul(sum(terms, { dim: [1, 2] }), 1 / C);
    return reduceLoss(name, x.ndim < 2 ? reshape(losses, []) : losses, reduction);
  });
}

export interface TripletDistanceOptions {
  /** Distance of two batches, [N, ...] and [N, ...] to [N]; the Euclidean one by default. */
  distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null;
  margin?: number;
  /** Also try the distance of positive and negative. */
  swap?: boolean;
  reduction?: LossReduction;
}

const tripletHinge: ElementwiseOp = {
  name: 'tripletMarginWithDistanceLoss',
  doc: 'max(0, a - b + m).',
  arity: 2,
  expr: max(plus(minus(input(0), input(1)), param(0)), 0),
  dtype: 'same',
};

/** max(0, d(anchor, positive) - d(anchor, negative) + margin) with a distance of one's own. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positive: Tensor,
  negative: Tensor,
  { distanceFunction = null, margin = 1, swap = false, reduction = 'mean' }: TripletDistanceOptions = {},
): Tensor {
  return composed(() => {
    const d = distanceFunction ?? ((a: Tensor, b: Tensor) => pairwiseDistance(a, b));
    const near = d(anchor, positive);
    let far = d(anchor, negative);
    if (swap) far = minimum(far, d(positive, negative));
    return reduceLoss('tripletMarginWithDistanceLoss', apply(tripletHinge, [near, far], [margin]), reduction);
  });
}
