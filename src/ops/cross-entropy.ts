// Cross-entropy of logits: fused with class indices, composed with class probabilities; and the negative log-likelihood.

import { isGradEnabled, noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { I, run } from '../runtime/runtime.ts';
import { dtypeCode, isFloating } from '../tensor/dtype.ts';
import { numelOf, sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { arange } from './create.ts';
import { eq as equalTo, ne as notEqual } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { gather, indexSelect } from './gather.ts';
import { cast, dense, empty } from './raw.ts';
import { sum } from './reduce.ts';
import { add, div, eq, input, lt, mul, ne, neg, param, sub, where } from './scalar.ts';
import { logSoftmax, softmax } from './softmax.ts';
import { reshape } from './view.ts';

/** How the losses of single elements become one: their mean, their sum, or not at all. */
export type LossReduction = 'mean' | 'sum' | 'none';

export interface NLLOptions {
  reduction?: LossReduction;
  /** Factor for each class, [C]. */
  weight?: Tensor | null;
  /** Targets of this value count nothing. */
  ignoreIndex?: number;
}

export interface CrossEntropyOptions extends NLLOptions {
  /** Share of the target spread evenly over all classes, 0 to 1. */
  labelSmoothing?: number;
}

const reductionCode = { none: 0, mean: 1, sum: 2 } as const;

/** Throws unless `r` names a reduction. */
export function checkReduction(name: string, r: string): LossReduction {
  if (!(r in reductionCode)) throw new ValueError(`${name}: reduction '${r}' is unknown; use 'mean', 'sum' or 'none'`);
  return r as LossReduction;
}

const negTimes: ElementwiseOp = { name: 'negMul', doc: '-(a · b).', arity: 2, expr: neg(mul(input(0), input(1))), dtype: 'same' };
const times: ElementwiseOp = { name: 'mul', doc: 'a · b.', arity: 2, expr: mul(input(0), input(1)), dtype: 'same' };
const scaled: ElementwiseOp = { name: 'scale', doc: 'a · k.', arity: 1, expr: mul(input(0), param(0)), dtype: 'same' };
const sumOp: ElementwiseOp = { name: 'add', doc: 'a + b.', arity: 2, expr: add(input(0), input(1)), dtype: 'same' };
const quotient: ElementwiseOp = { name: 'div', doc: 'a / b.', arity: 2, expr: div(input(0), input(1)), dtype: 'same' };
// An impossible class (-∞) that counts nothing costs nothing.
const pickedLoss: ElementwiseOp = {
  name: 'nllLoss',
  doc: '-a f, 0 where f is.',
  arity: 2,
  expr: where(eq(input(1), 0), 0, neg(mul(input(0), input(1)))),
  dtype: 'same',
};
const smooth: ElementwiseOp = {
  name: 'smoothTarget',
  doc: 'a (1 - ε) + ε / C.',
  arity: 1,
  expr: add(mul(input(0), param(0)), param(1)),
  dtype: 'same',
};
// dlogits = (p · s - t) · g
const rowGrad: ElementwiseOp = {
  name: 'crossEntropyBackward',
  doc: '(p s - t) g.',
  arity: 4,
  expr: mul(sub(mul(input(0), input(1)), input(2)), input(3)),
  dtype: 'same',
};

function checkWeight(name: string, weight: Tensor | null, classes: number): void {
  if (weight !== null && (weight.ndim !== 1 || weight.shape[0] !== classes))
    throw new ShapeError(`${name}: weight is ${show(weight.shape)}; expected [${classes}], one factor for each class`);
}

/** [N, C, inner] of logits [C] or [N, C, d1, …] with targets [] or [N, d1, …]. */
function classLayout(name: string, x: Tensor, target: Tensor): { N: number; C: number; inner: number } {
  if (x.ndim === 0) throw new ShapeError(`${name}: the input is a scalar; expected [C] or [N, C, ...]`);
  const expected = x.ndim === 1 ? [] : [x.shape[0], ...x.shape.slice(2)];
  if (!sameShape(expected, target.shape))
    throw new ShapeError(
      `${name}: the input is ${show(x.shape)}, so class indices must have shape ${show(expected)}, got ${show(target.shape)}`,
    );
  return x.ndim === 1 ? { N: 1, C: x.shape[0], inner: 1 } : { N: x.shape[0], C: x.shape[1], inner: numelOf(x.shape.slice(2)) };
}

function indexTarget(name: string, target: Tensor): Tensor {
  if (isFloating(target.dtype) || target.dtype === 'bool')
    throw new DTypeError(
      `${name}: the target is ${target.dtype} in the shape of class indices; cast it with .to('int64'), or give probabilities in the shape of the input`,
    );
  return dense(cast(target, 'int64'));
}

const known: ElementwiseOp = {
  name: 'classIndex',
  doc: 'c, 0 where ignored, beyond the last class where negative.',
  arity: 1,
  expr: where(eq(input(0), param(0)), 0, where(lt(input(0), 0), param(1), input(0))),
  dtype: 'same',
};
const knownAll: ElementwiseOp = {
  name: 'classIndex',
  doc: 'c, beyond the last class where negative.',
  arity: 1,
  expr: where(lt(input(0), 0), param(0), input(0)),
  dtype: 'same',
};
const counts: ElementwiseOp = { name: 'counts', doc: '1 unless ignored.', arity: 1, expr: ne(input(0), param(0)), dtype: 'same' };

/**
 * Classes as positions for gather (int64): ignored ones become 0; a negative one, which gather would count from the end, becomes an
 * IndexError there.
 */
export function classIndex(name: string, target: Tensor, C: number, ignoreIndex: number | null): Tensor {
  const classes = indexTarget(name, target);
  return ignoreIndex === null ? apply(knownAll, [classes], [C]) : apply(known, [classes], [ignoreIndex, C]);
}

/** The factor of every target: its class's weight, 0 where ignored; [N, 1, inner] like x. And the positions, [N, 1, inner]. */
function targetFactors(
  name: string,
  x: Tensor,
  { N, C, inner }: { N: number; C: number; inner: number },
  classes: Tensor,
  weight: Tensor | null,
  ignoreIndex: number,
): { at: Tensor; factor: Tensor } {
  const at = reshape(classIndex(name, classes, C, ignoreIndex), [N, 1, inner]);
  const counted = reshape(cast(apply(counts, [classes], [ignoreIndex]), x.dtype), [N, 1, inner]);
  if (weight === null) return { at, factor: counted };
  const w = reshape(indexSelect(cast(weight, x.dtype), 0, reshape(at, [N * inner])), [N, 1, inner]);
  return { at, factor: apply(times, [w, counted]) };
}

/**
 * Cross-entropy between logits x ([C], or [N, C, d1, …]) and class indices (int64, [] or [N, d1, …]) or class probabilities (shape of x).
 * 'mean' divides by the total weight of the targets. IndexError when a target is no class.
 */
export function crossEntropy(x: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { reduction = 'mean', weight = null, ignoreIndex = -100, labelSmoothing = 0 } = options;
  const name = 'crossEntropy';
  checkReduction(name, reduction);
  if (!isFloating(x.dtype)) throw new DTypeError(`${name}: the logits are ${x.dtype}; cast them with .to('float32')`);
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ValueError(`${name}: labelSmoothing ${labelSmoothing} must lie between 0 and 1`);
  if (isFloating(target.dtype) && sameShape(x.shape, target.shape))
    return withProbabilities(name, x, target, reduction, weight, labelSmoothing);
  const layout = classLayout(name, x, target);
  checkWeight(name, weight, layout.C);
  const { N, C, inner } = layout;
  const shape = reduction === 'none' ? target.shape : [];
  const logits = dense(x);
  const classes = indexTarget(name, target);
  const w = weight === null ? null : dense(cast(weight, x.dtype));
  const loss = empty(shape, x.dtype);
  const lse = empty([N * inner], x.dtype);
  const total = empty([1], x.dtype);
  const write = (opcode: number, lse_: Tensor, total_: Tensor, logits_: Tensor, classes_: Tensor): void => {
    I[0] = opcode;
    I[2] = dtypeCode[logits_.dtype];
    I[3] = N;
    I[4] = C;
    I[5] = inner;
    I[6] = logits_.address;
    I[7] = classes_.address;
    I[8] = w === null ? 0 : w.address;
    I[9] = ignoreIndex;
    I[10] = labelSmoothing;
    I[11] = reductionCode[reduction];
    I[12] = 0;
    I[13] = lse_.address;
    I[14] = total_.address;
    I[15] = 0;
    I[16] = 0;
  };
  write(11, lse, total, logits, classes);
  I[12] = loss.address;
  run(name, 17);
  if (mustRecord([x])) {
    const saved = w === null ? [x, classes, lse, total] : [x, classes, lse, total, w];
    record(name, [x], [loss], saved, ([g], [x_, classes_, lse_, total_]) => {
      if (g === null) return [null];
      if (isGradEnabled()) return [composedBackward(name, x_, g, layout, classes_, w, ignoreIndex, labelSmoothing, reduction)];
      const dx = empty(x_.shape, x_.dtype);
      if (dx.numel === 0) return [dx];
      const from = dense(x_);
      const gDense = dense(g);
      write(12, lse_, total_, from, classes_);
      I[15] = gDense.address;
      I[16] = dx.address;
      run(`${name}Backward`, 17);
      return [dx];
    });
  }
  lse.dispose();
  total.dispose();
  if (logits !== x) logits.dispose();
  if (classes !== target) classes.dispose();
  return loss;
}

/** The gradient of the fused loss written in differentiable operations, for higher derivatives. */
function composedBackward(
  name: string,
  x: Tensor,
  g: Tensor,
  layout: { N: number; C: number; inner: number },
  classes: Tensor,
  weight: Tensor | null,
  ignoreIndex: number,
  eps: number,
  reduction: LossReduction,
): Tensor {
  const { N, C, inner } = layout;
  const { at, factor } = noGrad(() => targetFactors(name, x, layout, classes, weight, ignoreIndex));
  const { t, s, total } = noGrad(() => {
    // per class: w_y (1 - ε) at the target, ε w / C everywhere, 0 where ignored
    const hits = cast(equalTo(at, reshape(arange(C), [C, 1])), x.dtype);
    const counted = cast(notEqual(factor, 0), x.dtype);
    const own = apply(times, [hits, apply(scaled, [factor], [1 - eps])]);
    const even =
      weight === null
        ? apply(scaled, [counted], [eps / C])
        : apply(times, [counted, apply(scaled, [reshape(cast(weight, x.dtype), [C, 1])], [eps / C])]);
    const weights = apply(sumOp, [own, even]);
    return { t: weights, s: sum(weights, { dim: 1, keepdim: true }), total: sum(factor) };
  });
  const p = softmax(reshape(x, [N, C, inner]), 1);
  const rows = reduction === 'none' ? reshape(g, [N, 1, inner]) : reduction === 'mean' ? apply(quotient, [g, total]) : g;
  return reshape(apply(rowGrad, [p, s, t, rows]), x.shape);
}

function withProbabilities(name: string, x: Tensor, target: Tensor, reduction: LossReduction, weight: Tensor | null, eps: number): Tensor {
  return composed(() => {
    const dim = x.ndim === 1 ? 0 : 1;
    const C = x.shape[dim];
    checkWeight(name, weight, C);
    const t = eps > 0 ? apply(smooth, [target], [1 - eps, eps / C]) : target;
    const log = logSoftmax(x, dim);
    const w = weight === null ? null : reshape(weight, x.ndim === 1 ? [C] : [C, ...x.shape.slice(2).map(() => 1)]);
    const terms = apply(negTimes, [w === null ? log : apply(times, [log, w]), t]);
    if (reduction === 'none') return sum(terms, { dim });
    const all = sum(terms);
    return reduction === 'sum' ? all : apply(scaled, [all], [1 / Math.max(1, x.numel / C)]);
  });
}

/**
 * Negative log-likelihood: x holds log-probabilities ([C] or [N, C, d1, …]), target class indices ([] or [N, d1, …]). 'mean' divides by the
 * total weight of the targets.
 */
export function nllLoss(x: Tensor, target: Tensor, { reduction = 'mean', weight = null, ignoreIndex = -100 }: NLLOptions = {}): Tensor {
  return composed(() => {
    const name = 'nllLoss';
    checkReduction(name, reduction);
    if (!isFloating(x.dtype)) throw new DTypeError(`${name}: the log-probabilities are ${x.dtype}; cast them with .to('float32')`);
    const layout = classLayout(name, x, target);
    checkWeight(name, weight, layout.C);
    const { N, C, inner } = layout;
    const { at, factor } = targetFactors(name, x, layout, indexTarget(name, target), weight, ignoreIndex);
    const picked = gather(reshape(x, [N, C, inner]), 1, at);
    const terms = reshape(apply(pickedLoss, [picked, factor]), target.shape);
    if (reduction === 'none') return terms;
    const all = sum(terms);
    return reduction === 'sum' ? all : apply(quotient, [all, sum(factor)]);
  });
}
