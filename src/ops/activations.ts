// Activation functions: one row each. Gradients follow from the expressions.

import { ShapeError, ValueError } from '../runtime/errors.ts';
import type { Generator } from '../runtime/random.ts';
import { isFloating } from '../tensor/dtype.ts';
import { normalizeDim, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { rand } from './create.ts';
import { add, mul } from './elementwise.ts';
import { apply, applyInPlace, type ElementwiseOp } from './elementwise-apply.ts';
import { changeInPlace } from './inplace.ts';
import * as s from './scalar.ts';
import { input, param } from './scalar.ts';
import { narrow, reshape } from './view.ts';

const x = input(0);
const row = (name: string, doc: string, expr: s.Expr, dtype: ElementwiseOp['dtype'] = 'float'): ElementwiseOp => ({
  name,
  doc,
  arity: 1,
  expr,
  dtype,
});
// Φ(x), the normal distribution function
const normalCdf = s.mul(0.5, s.add(1, s.erf(s.mul(x, Math.SQRT1_2))));
const cubic = s.mul(Math.sqrt(2 / Math.PI), s.add(x, s.mul(0.044715, s.mul(x, s.mul(x, x)))));

// min(x, 0) with derivative 1 at 0, where the two halves of the exponential units meet
const negativePart = s.where(s.gt(x, 0), 0, x);

const rows = {
  relu: row('relu', 'max(x, 0)', s.relu(x), 'numeric'),
  relu6: row('relu6', 'x between 0 and 6', s.where(s.le(x, 0), 0, s.where(s.ge(x, 6), 6, x)), 'numeric'),
  sigmoid: row('sigmoid', '1/(1 + e^-x)', s.sigmoid(x)),
  tanh: row('tanh', 'hyperbolic tangent', s.tanh(x)),
  silu: row('silu', 'x·sigmoid(x)', s.mul(x, s.sigmoid(x))),
  mish: row('mish', 'x·tanh(softplus(x))', s.mul(x, s.tanh(s.softplus(x)))),
  logsigmoid: row('logsigmoid', 'ln sigmoid(x)', s.logSigmoid(x)),
  softsign: row('softsign', 'x/(1 + |x|)', s.div(x, s.add(1, s.abs(x)))),
  tanhshrink: row('tanhshrink', 'x - tanh(x)', s.sub(x, s.tanh(x))),
  // NaN at +∞, as PyTorch has it (at -∞ the product is NaN by itself)
  geluExact: row('gelu', 'x·Φ(x)', s.where(s.eq(x, Number.POSITIVE_INFINITY), Number.NaN, s.mul(x, normalCdf))),
  geluTanh: row('gelu', 'x·Φ(x) with tanh', s.mul(s.mul(0.5, x), s.add(1, s.tanh(cubic)))),
  leakyRelu: row('leakyRelu', 'x, or slope·x below 0', s.where(s.gt(x, 0), x, s.mul(x, param(0)))),
  elu: row('elu', 'x, or alpha·(e^x - 1) below 0', s.where(s.gt(x, 0), x, s.mul(param(0), s.expm1(negativePart)))),
  softplus: row(
    'softplus',
    'ln(1 + e^(βx))/β',
    s.where(s.gt(s.mul(x, param(0)), param(1)), x, s.div(s.softplus(s.mul(x, param(0))), param(0))),
  ),
  hardtanh: row(
    'hardtanh',
    'x between two bounds',
    s.where(s.le(x, param(0)), param(0), s.where(s.ge(x, param(1)), param(1), x)),
    'numeric',
  ),
  softshrink: row(
    'softshrink',
    'x moved towards 0 by lambda',
    s.where(s.gt(x, param(0)), s.sub(x, param(0)), s.where(s.lt(x, s.neg(param(0))), s.add(x, param(0)), s.mul(x, 0))),
  ),
  hardshrink: row(
    'hardshrink',
    'x, 0 between -lambda and lambda',
    s.where(s.logicalAnd(s.ge(x, s.neg(param(0))), s.le(x, param(0))), 0, x),
  ),
  hardsigmoid: row('hardsigmoid', 'x/6 + 1/2 between 0 and 1', s.where(s.le(x, -3), 0, s.where(s.ge(x, 3), 1, s.add(s.div(x, 6), 0.5)))),
  hardswish: row(
    'hardswish',
    'x·hardsigmoid(x)',
    s.where(s.le(x, -3), s.mul(x, 0), s.where(s.ge(x, 3), x, s.mul(x, s.add(s.div(x, 6), 0.5)))),
  ),
  celu: row(
    'celu',
    'x, or alpha·(e^(x/alpha) - 1) below 0',
    s.where(s.gt(x, 0), x, s.mul(param(0), s.expm1(s.div(negativePart, param(0))))),
  ),
  selu: row('selu', 'scale·elu(x)', s.mul(1.0507009873554805, s.where(s.gt(x, 0), x, s.mul(1.6732632423543772, s.expm1(negativePart))))),
  threshold: row('threshold', 'x above a bound, else a value', s.where(s.le(x, param(0)), param(1), x), 'same'),
} as const;

const simple =
  (op: ElementwiseOp) =>
  (t: Tensor): Tensor =>
    apply(op, [t]);

/** max(x, 0). */
export const relu = simple(rows.relu);
/** x between 0 and 6. */
export const relu6 = simple(rows.relu6);
/** 1 / (1 + e^-x). */
export const sigmoid = simple(rows.sigmoid);
/** Hyperbolic tangent. */
export const tanh = simple(rows.tanh);
/** x·sigmoid(x) (Elfwing et al., 2018). */
export const silu = simple(rows.silu);
/** x·tanh(softplus(x)) (Misra, 2019). */
export const mish = simple(rows.mish);
/** ln sigmoid(x). */
export const logsigmoid = simple(rows.logsigmoid);
/** x / (1 + |x|). */
export const softsign = simple(rows.softsign);
/** x - tanh(x). */
export const tanhshrink = simple(rows.tanhshrink);
/** x·Φ(x) (Hendrycks and Gimpel, 2016); 'tanh' approximates Φ. */
export function gelu(t: Tensor, { approximate = 'none' }: { approximate?: 'none' | 'tanh' } = {}): Tensor {
  if (approximate !== 'none' && approximate !== 'tanh')
    throw new ValueError(`gelu: approximate '${String(approximate)}' is unknown; use 'none' or 'tanh'`);
  return apply(approximate === 'tanh' ? rows.geluTanh : rows.geluExact, [t]);
}
/** x for x > 0, else negativeSlope·x. */
export const leakyRelu = (t: Tensor, { negativeSlope = 0.01 }: { negativeSlope?: number } = {}): Tensor =>
  apply(rows.leakyRelu, [t], [negativeSlope]);
/** x for x > 0, else alpha·(eˣ - 1) (Clevert et al., 2016). */
export const elu = (t: Tensor, { alpha = 1 }: { alpha?: number } = {}): Tensor => apply(rows.elu, [t], [alpha]);
/** ln(1 + e^(βx))/β; x itself where βx exceeds the threshold. */
export const softplus = (t: Tensor, { beta = 1, threshold = 20 }: { beta?: number; threshold?: number } = {}): Tensor =>
  apply(rows.softplus, [t], [beta, threshold]);
/** x between two bounds. */
export const hardtanh = (t: Tensor, { minVal = -1, maxVal = 1 }: { minVal?: number; maxVal?: number } = {}): Tensor =>
  apply(rows.hardtanh, [t], [minVal, maxVal]);

/** x moved towards 0 by `lambd`, 0 between. */
export const softshrink = (t: Tensor, { lambd = 0.5 }: { lambd?: number } = {}): Tensor => apply(rows.softshrink, [t], [lambd]);
/** x, but 0 between -lambd and lambd. */
export const hardshrink = (t: Tensor, { lambd = 0.5 }: { lambd?: number } = {}): Tensor => apply(rows.hardshrink, [t], [lambd]);
/** x/6 + 1/2, between 0 and 1. */
export const hardsigmoid = simple(rows.hardsigmoid);
/** x·hardsigmoid(x) (Howard et al., 2019). */
export const hardswish = simple(rows.hardswish);
/** x for x > 0, else alpha·(e^(x/alpha) - 1) (Barron, 2017). */
export const celu = (t: Tensor, { alpha = 1 }: { alpha?: number } = {}): Tensor => apply(rows.celu, [t], [alpha]);
/** Self-normalising exponential unit (Klambauer et al., 2017). */
export const selu = simple(rows.selu);
/** x above `threshold`, else `value`. */
export const threshold = (t: Tensor, bound: number, value: number): Tensor => apply(rows.threshold, [t], [bound, value]);
const slope: ElementwiseOp = {
  name: 'prelu',
  doc: 'x, or weight·x below 0',
  arity: 2,
  expr: s.where(s.gt(x, 0), x, s.mul(input(1), x)),
  dtype: 'float',
};
/** x for x > 0, else weight·x with one learned weight, or one per channel (dimension 1) (He et al., 2015). */
export function prelu(t: Tensor, weight: Tensor): Tensor {
  if (weight.numel === 1 || t.ndim < 2) return apply(slope, [t, weight]);
  if (weight.ndim !== 1 || weight.shape[0] !== t.shape[1]) {
    throw new ShapeError(
      `prelu: weight has shape ${show(weight.shape)}; expected one value, or one for each of the ${t.shape[1]} channels of ${show(t.shape)}`,
    );
  }
  return apply(slope, [t, reshape(weight, [-1, ...new Array<number>(t.ndim - 2).fill(1)])]);
}
/** a·sigmoid(b) for the two halves a and b of a dimension (Dauphin et al., 2017). */
export function glu(t: Tensor, { dim = -1 }: { dim?: number } = {}): Tensor {
  const d = normalizeDim('glu', dim, t.ndim);
  const n = t.shape[d] ?? 1;
  if (t.ndim === 0 || n % 2 !== 0) throw new ShapeError(`glu: dimension ${d} of shape ${show(t.shape)} must have an even size`);
  return apply(gate, [narrow(t, d, 0, n / 2), narrow(t, d, n / 2, n / 2)]);
}
const gate: ElementwiseOp = { name: 'glu', doc: 'a·sigmoid(b)', arity: 2, expr: s.mul(x, s.sigmoid(input(1))), dtype: 'float' };

export interface RReluOptions {
  /** Bounds of the slope below 0. */
  lower?: number;
  upper?: number;
  /** Draw a slope for every element; otherwise all have the mean of the bounds. */
  training?: boolean;
  generator?: Generator;
}
/** x for x > 0, else slope·x with a random slope in [lower, upper) when training (Xu et al., 2015). */
export function rrelu(t: Tensor, { lower = 1 / 8, upper = 1 / 3, training = false, generator }: RReluOptions = {}): Tensor {
  if (!(lower <= upper)) throw new ValueError(`rrelu: lower ${lower} must not exceed upper ${upper}`);
  if (!training) return leakyRelu(t, { negativeSlope: (lower + upper) / 2 });
  const slopes = add(mul(rand(t.shape, { dtype: isFloating(t.dtype) ? t.dtype : 'float32', generator }), upper - lower), lower);
  return apply(slope, [t, slopes]);
}

const inPlace =
  (op: ElementwiseOp) =>
  (t: Tensor): Tensor =>
    applyInPlace(op, t, [], [], changeInPlace);
const change = (op: ElementwiseOp, t: Tensor, params: readonly number[]): Tensor => applyInPlace(op, t, [], params, changeInPlace);

export const activationMethods = {
  relu,
  sigmoid,
  tanh,
  silu,
  gelu,
  softplus,
  relu_: inPlace(rows.relu),
  sigmoid_: inPlace(rows.sigmoid),
  tanh_: inPlace(rows.tanh),
  relu6_: inPlace(rows.relu6),
  silu_: inPlace(rows.silu),
  mish_: inPlace(rows.mish),
  selu_: inPlace(rows.selu),
  hardsigmoid_: inPlace(rows.hardsigmoid),
  hardswish_: inPlace(rows.hardswish),
  leakyRelu_: (t: Tensor, { negativeSlope = 0.01 }: { negativeSlope?: number } = {}): Tensor => change(rows.leakyRelu, t, [negativeSlope]),
  elu_: (t: Tensor, { alpha = 1 }: { alpha?: number } = {}): Tensor => change(rows.elu, t, [alpha]),
  celu_: (t: Tensor, { alpha = 1 }: { alpha?: number } = {}): Tensor => change(rows.celu, t, [alpha]),
  hardtanh_: (t: Tensor, { minVal = -1, maxVal = 1 }: { minVal?: number; maxVal?: number } = {}): Tensor =>
    change(rows.hardtanh, t, [minVal, maxVal]),
  threshold_: (t: Tensor, bound: number, value: number): Tensor => change(rows.threshold, t, [bound, value]),
};
