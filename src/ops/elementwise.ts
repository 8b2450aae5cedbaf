// Elementwise operations of arithmetic, comparison and mathematics: one row each. Gradients follow from the expressions.

import { DTypeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { apply, applyInPlace, type DTypeRule, type ElementwiseOp, type Scalar, scalarValue, type TensorLike } from './elementwise-apply.ts';
import { changeInPlace } from './inplace.ts';
import { itemSync } from './read.ts';
import { all } from './reduce.ts';
import * as s from './scalar.ts';
import { input, param } from './scalar.ts';

const [a, b, c] = [input(0), input(1), input(2)];

const row = (
  name: string,
  arity: number,
  doc: string,
  expr: s.Expr,
  dtype: DTypeRule = 'same',
  masks?: readonly number[],
): ElementwiseOp => ({ name, arity, doc, expr, dtype, masks });

/** Operations of one tensor. */
const unaryRows = {
  neg: row('neg', 1, '-x', s.neg(a), 'numeric'),
  abs: row('abs', 1, '|x|', s.abs(a), 'numeric'),
  sign: row('sign', 1, '-1, 0 or 1 by the sign of x', s.sign(a)),
  ceil: row('ceil', 1, 'smallest whole number not below x', s.call('ceil', a)),
  floor: row('floor', 1, 'largest whole number not above x', s.floor(a)),
  trunc: row('trunc', 1, 'x without its fraction', s.trunc(a)),
  frac: row('frac', 1, 'fraction of x, with its sign', s.sub(a, s.trunc(a))),
  square: row('square', 1, 'x²', s.square(a)),
  sqrt: row('sqrt', 1, 'square root', s.sqrt(a), 'float'),
  rsqrt: row('rsqrt', 1, '1/√x', s.rsqrt(a), 'float'),
  reciprocal: row('reciprocal', 1, '1/x', s.recip(a), 'float'),
  exp: row('exp', 1, 'eˣ', s.exp(a), 'float'),
  exp2: row('exp2', 1, '2ˣ', s.exp2(a), 'float'),
  expm1: row('expm1', 1, 'eˣ - 1, exact near 0', s.expm1(a), 'float'),
  log: row('log', 1, 'natural logarithm', s.log(a), 'float'),
  log2: row('log2', 1, 'logarithm to base 2', s.call('log2', a), 'float'),
  log10: row('log10', 1, 'logarithm to base 10', s.call('log10', a), 'float'),
  log1p: row('log1p', 1, 'ln(1 + x), exact near 0', s.log1p(a), 'float'),
  sin: row('sin', 1, 'sine (radians)', s.sin(a), 'float'),
  cos: row('cos', 1, 'cosine (radians)', s.cos(a), 'float'),
  tan: row('tan', 1, 'tangent (radians)', s.tan(a), 'float'),
  asin: row('asin', 1, 'inverse sine', s.call('asin', a), 'float'),
  acos: row('acos', 1, 'inverse cosine', s.call('acos', a), 'float'),
  atan: row('atan', 1, 'inverse tangent', s.call('atan', a), 'float'),
  sinh: row('sinh', 1, 'hyperbolic sine', s.sinh(a), 'float'),
  cosh: row('cosh', 1, 'hyperbolic cosine', s.cosh(a), 'float'),
  asinh: row('asinh', 1, 'inverse hyperbolic sine', s.call('asinh', a), 'float'),
  acosh: row('acosh', 1, 'inverse hyperbolic cosine', s.call('acosh', a), 'float'),
  atanh: row('atanh', 1, 'inverse hyperbolic tangent', s.call('atanh', a), 'float'),
  erf: row('erf', 1, 'error function', s.erf(a), 'float'),
  erfc: row('erfc', 1, '1 - erf(x)', s.call('erfc', a), 'float'),
  erfinv: row('erfinv', 1, 'inverse error function', s.call('erfinv', a), 'float'),
  lgamma: row('lgamma', 1, 'logarithm of |Γ(x)|', s.lgamma(a), 'float'),
  digamma: row('digamma', 1, 'derivative of lgamma', s.digamma(a), 'float'),
  i0: row('i0', 1, 'modified Bessel function of the first kind, order 0', s.call('i0', a), 'float'),
  sinc: row('sinc', 1, 'sin(πx)/(πx)', s.sinc(a), 'float'),
  deg2rad: row('deg2rad', 1, 'degrees to radians', s.mul(a, Math.PI / 180), 'float'),
  rad2deg: row('rad2deg', 1, 'radians to degrees', s.mul(a, 180 / Math.PI), 'float'),
  isnan: row('isnan', 1, 'true where x is NaN', s.isnan(a), 'bool'),
  isinf: row('isinf', 1, 'true where x is infinite', s.call('isinf', a), 'bool'),
  isfinite: row('isfinite', 1, 'true where x is neither infinite nor NaN', s.isfinite(a), 'bool'),
  isposinf: row('isposinf', 1, 'true where x is +∞', s.logicalAnd(s.call('isinf', a), s.gt(a, 0)), 'bool'),
  isneginf: row('isneginf', 1, 'true where x is -∞', s.logicalAnd(s.call('isinf', a), s.lt(a, 0)), 'bool'),
  signbit: row('signbit', 1, 'true where the sign bit is set', s.signbit(a), 'bool'),
  logicalNot: row('logicalNot', 1, 'true where x is 0', s.logicalNot(a), 'bool'),
} as const;

/** Operations of two operands, each a tensor or a number. */
const binaryRows = {
  maximum: row('maximum', 2, 'the greater; NaN wins', s.max(a, b)),
  minimum: row('minimum', 2, 'the smaller; NaN wins', s.min(a, b)),
  fmax: row('fmax', 2, 'the greater; NaN loses', s.call('fmax', a, b)),
  fmin: row('fmin', 2, 'the smaller; NaN loses', s.call('fmin', a, b)),
  pow: row('pow', 2, 'a to the power b', s.pow(a, b)),
  atan2: row('atan2', 2, 'angle of the point (b, a)', s.atan2(a, b), 'float'),
  fmod: row('fmod', 2, 'remainder with the sign of a', s.fmod(a, b)),
  remainder: row('remainder', 2, 'remainder with the sign of b', s.remainder(a, b)),
  floorDivide: row('floorDivide', 2, '⌊a/b⌋', s.floorDiv(a, b)),
  copysign: row('copysign', 2, '|a| with the sign of b', s.copysign(a, b), 'float'),
  hypot: row('hypot', 2, '√(a² + b²)', s.hypot(a, b), 'float'),
  nextafter: row('nextafter', 2, 'next float after a towards b', s.call('nextafter', a, b), 'float'),
  logaddexp: row('logaddexp', 2, 'ln(eᵃ + eᵇ)', s.logaddexp(a, b), 'float'),
  logaddexp2: row('logaddexp2', 2, 'log₂(2ᵃ + 2ᵇ)', s.call('logaddexp2', a, b), 'float'),
  xlogy: row('xlogy', 2, 'a·ln b, 0 where a = 0', s.xlogy(a, b), 'float'),
  heaviside: row('heaviside', 2, 'step of a; b where a = 0', s.call('heaviside', a, b)),
  ldexp: row('ldexp', 2, 'a·2ᵇ', s.mul(a, s.exp2(b)), 'float'),
  gcd: row('gcd', 2, 'greatest common divisor', s.call('gcd', a, b), 'integral'),
  lcm: row('lcm', 2, 'least common multiple', s.call('lcm', a, b), 'integral'),
  igamma: row('igamma', 2, 'regularised lower incomplete gamma function P(a, b)', s.call('igamma', a, b), 'float'),
  igammac: row('igammac', 2, 'regularised upper incomplete gamma function Q(a, b)', s.call('igammac', a, b), 'float'),
  eq: row('eq', 2, 'a = b', s.eq(a, b), 'bool'),
  ne: row('ne', 2, 'a ≠ b', s.ne(a, b), 'bool'),
  lt: row('lt', 2, 'a < b', s.lt(a, b), 'bool'),
  le: row('le', 2, 'a ≤ b', s.le(a, b), 'bool'),
  gt: row('gt', 2, 'a > b', s.gt(a, b), 'bool'),
  ge: row('ge', 2, 'a ≥ b', s.ge(a, b), 'bool'),
  logicalAnd: row('logicalAnd', 2, 'both are not 0', s.logicalAnd(a, b), 'bool'),
  logicalOr: row('logicalOr', 2, 'one is not 0', s.logicalOr(a, b), 'bool'),
  logicalXor: row('logicalXor', 2, 'exactly one is not 0', s.call('logicalXor', a, b), 'bool'),
  bitwiseAnd: row('bitwiseAnd', 2, 'bits of both', s.call('bitAnd', a, b), 'integral'),
  bitwiseOr: row('bitwiseOr', 2, 'bits of either', s.call('bitOr', a, b), 'integral'),
  bitwiseXor: row('bitwiseXor', 2, 'bits of exactly one', s.call('bitXor', a, b), 'integral'),
  bitwiseLeftShift: row('bitwiseLeftShift', 2, 'a·2ᵇ by shifting bits', s.call('shl', a, b), 'integral'),
  bitwiseRightShift: row('bitwiseRightShift', 2, '⌊a/2ᵇ⌋ by shifting bits', s.call('shr', a, b), 'integral'),
} as const;

const special = {
  add: row('add', 2, 'a + b', s.add(a, b)),
  addScaled: row('add', 2, 'a + alpha·b', s.add(a, s.mul(param(0), b))),
  sub: row('sub', 2, 'a - b', s.sub(a, b), 'numeric'),
  subScaled: row('sub', 2, 'a - alpha·b', s.sub(a, s.mul(param(0), b)), 'numeric'),
  mul: row('mul', 2, 'a·b', s.mul(a, b)),
  div: row('div', 2, 'a/b', s.div(a, b), 'float'),
  divTrunc: row('div', 2, 'a/b towards zero', s.truncDiv(a, b)),
  round: row('round', 1, 'nearest whole number, halves to even', s.round(a)),
  where: row('where', 3, 'b where the condition holds, else c', s.where(a, b, c), 'same', [0]),
  lerp: row('lerp', 3, 'a + c·(b - a)', s.call('lerp', a, b, c)),
  clamp: row('clamp', 3, 'a between b and c', s.clamp(a, b, c)),
  bitwiseNot: row('bitwiseNot', 1, 'flipped bits', s.call('bitwiseNot', a), 'integral'),
} as const;

type UnaryFns = { [K in keyof typeof unaryRows]: (x: Tensor) => Tensor };
type BinaryFns = { [K in keyof typeof binaryRows]: (x: TensorLike, y: TensorLike) => Tensor };
const unaryFns = Object.fromEntries(Object.entries(unaryRows).map(([k, op]) => [k, (x: Tensor) => apply(op, [x])])) as UnaryFns;
const binaryFns = Object.fromEntries(
  Object.entries(binaryRows).map(([k, op]) => [k, (x: TensorLike, y: TensorLike) => apply(op, [x, y])]),
) as BinaryFns;

/** Every elementwise row, for documentation and tests. */
export const elementwiseRows: readonly ElementwiseOp[] = [
  ...Object.values(unaryRows),
  ...Object.values(binaryRows),
  ...Object.values(special),
];

export const {
  neg,
  abs,
  sign,
  ceil,
  floor,
  trunc,
  frac,
  square,
  sqrt,
  rsqrt,
  reciprocal,
  exp,
  exp2,
  expm1,
  log,
  log2,
  log10,
  log1p,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  asinh,
  acosh,
  atanh,
  erf,
  erfc,
  erfinv,
  lgamma,
  digamma,
  i0,
  sinc,
  deg2rad,
  rad2deg,
  isnan,
  isinf,
  isfinite,
  isposinf,
  isneginf,
  signbit,
  logicalNot,
} = unaryFns;
export const {
  maximum,
  minimum,
  fmax,
  fmin,
  pow,
  atan2,
  fmod,
  remainder,
  floorDivide,
  copysign,
  hypot,
  nextafter,
  logaddexp,
  logaddexp2,
  xlogy,
  heaviside,
  ldexp,
  gcd,
  lcm,
  igamma,
  igammac,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  logicalAnd,
  logicalOr,
  logicalXor,
  bitwiseAnd,
  bitwiseOr,
  bitwiseXor,
  bitwiseLeftShift,
  bitwiseRightShift,
} = binaryFns;

export interface AlphaOptions {
  /** Factor of the second operand. */
  alpha?: number;
}

/** a + alpha·b. */
export const add = (x: TensorLike, y: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor =>
  alpha === 1 ? apply(special.add, [x, y]) : apply(special.addScaled, [x, y], [alpha]);
/** a - alpha·b. */
export const sub = (x: TensorLike, y: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor =>
  alpha === 1 ? apply(special.sub, [x, y]) : apply(special.subScaled, [x, y], [alpha]);
/** b - alpha·a. */
export const rsub = (x: TensorLike, y: TensorLike, options: AlphaOptions = {}): Tensor => sub(y, x, options);
/** a·b. */
export const mul = (x: TensorLike, y: TensorLike): Tensor => apply(special.mul, [x, y]);

export interface DivOptions {
  /** 'trunc' rounds towards zero, 'floor' down; null (the default) divides exactly and gives floats. */
  roundingMode?: 'trunc' | 'floor' | null;
}
/** a/b. */
export function div(x: TensorLike, y: TensorLike, { roundingMode = null }: DivOptions = {}): Tensor {
  if (roundingMode === null) return apply(special.div, [x, y]);
  if (roundingMode === 'floor') return floorDivide(x, y);
  if (roundingMode === 'trunc') return apply(special.divTrunc, [x, y]);
  throw new ValueError(`div: roundingMode '${String(roundingMode)}' is unknown; use 'trunc', 'floor' or null`);
}
/** Flipped bits; not, for bool. */
export const bitwiseNot = (x: Tensor): Tensor => (x.dtype === 'bool' ? logicalNot(x) : apply(special.bitwiseNot, [x]));
/** `x` where the condition holds, else `y`; all broadcast. */
export const where = (condition: Tensor, x: TensorLike, y: TensorLike): Tensor => apply(special.where, [condition, x, y]);
/** x + weight·(end - x). */
export const lerp = (x: Tensor, end: TensorLike, weight: TensorLike): Tensor => apply(special.lerp, [x, end, weight]);
/** Nearest whole number, halves to even; `decimals` digits behind the point are kept. */
export function round(x: Tensor, { decimals = 0 }: { decimals?: number } = {}): Tensor {
  if (decimals === 0 || !isFloating(x.dtype)) return apply(special.round, [x]);
  const scale = 10 ** Math.abs(decimals);
  return decimals > 0 ? div(apply(special.round, [mul(x, scale)]), scale) : mul(apply(special.round, [div(x, scale)]), scale);
}

export interface ClampOptions {
  min?: TensorLike | null;
  max?: TensorLike | null;
}
const atLeast = row('clampMin', 2, 'at least b', s.where(s.isnan(a), a, s.where(s.lt(a, b), b, a)));
const atMost = row('clampMax', 2, 'at most b', s.where(s.isnan(a), a, s.where(s.gt(a, b), b, a)));
/** x, but at least `min`. */
export const clampMin = (x: Tensor, min: TensorLike): Tensor => apply(min instanceof Tensor ? binaryRows.maximum : atLeast, [x, min]);
/** x, but at most `max`. */
export const clampMax = (x: Tensor, max: TensorLike): Tensor => apply(max instanceof Tensor ? binaryRows.minimum : atMost, [x, max]);
/** x between `min` and `max`, each a number or a tensor; one may be left out. */
export function clamp(x: Tensor, { min = null, max = null }: ClampOptions = {}): Tensor {
  if (min === null && max === null) throw new ValueError('clamp: give min, max or both');
  if (min === null) return clampMax(x, max as TensorLike);
  if (max === null) return clampMin(x, min);
  return apply(special.clamp, [x, min, max]);
}

const addProductRow = row('addcmul', 3, 'a + value·b·c', s.add(a, s.mul(param(0), s.mul(b, c))));
const addQuotientRow = row('addcdiv', 3, 'a + value·b/c', s.add(a, s.mul(param(0), s.div(b, c))), 'float');
/** x + value·a·b. */
export const addcmul = (x: Tensor, y: Tensor, z: Tensor, { value = 1 }: { value?: number } = {}): Tensor =>
  apply(addProductRow, [x, y, z], [value]);
/** x + value·a/b. */
export const addcdiv = (x: Tensor, y: Tensor, z: Tensor, { value = 1 }: { value?: number } = {}): Tensor =>
  apply(addQuotientRow, [x, y, z], [value]);
/** Another name of div. */
export const trueDivide = (x: TensorLike, y: TensorLike): Tensor => div(x, y);
/** x itself; refused for bool. */
export function positive(x: Tensor): Tensor {
  if (x.dtype === 'bool') throw new DTypeError('positive: is not defined for bool tensors; cast to a number first');
  return x;
}
/** The sign of x, as `sign`. */
export const sgn = (x: Tensor): Tensor => sign(x);
const replaceRow = row(
  'nanToNum',
  1,
  'numbers in place of NaN and infinities',
  s.where(s.isnan(a), param(0), s.where(s.eq(a, Infinity), param(1), s.where(s.eq(a, -Infinity), param(2), a))),
);
/** Replaces NaN, +∞ and -∞ by numbers (the dtype's extremes for infinities unless given). */
export function nanToNum(
  x: Tensor,
  { nan = 0, posinf = null, neginf = null }: { nan?: number; posinf?: number | null; neginf?: number | null } = {},
): Tensor {
  if (!isFloating(x.dtype)) return apply(replaceRow, [x], [0, 0, 0]);
  const most = x.dtype === 'float64' ? Number.MAX_VALUE : 3.4028234663852886e38;
  return apply(replaceRow, [x], [nan, posinf ?? most, neginf ?? -most]);
}
const closeRow = row(
  'isclose',
  2,
  '|a - b| <= atol + rtol·|b|',
  s.logicalOr(
    s.eq(a, b),
    s.logicalAnd(s.logicalAnd(s.isfinite(a), s.isfinite(b)), s.le(s.abs(s.sub(a, b)), s.add(param(1), s.mul(param(0), s.abs(b))))),
  ),
  'bool',
);
const closeNanRow = row(
  'isclose',
  2,
  'as isclose, NaN equals NaN',
  s.logicalOr(s.logicalAnd(s.isnan(a), s.isnan(b)), closeRow.expr),
  'bool',
);
export interface CloseOptions {
  rtol?: number;
  atol?: number;
  /** NaN equals NaN. */
  equalNan?: boolean;
}
/** True where |a - b| <= atol + rtol·|b|. */
export const isclose = (x: Tensor, y: Tensor, { rtol = 1e-5, atol = 1e-8, equalNan = false }: CloseOptions = {}): Tensor => {
  if (x.dtype !== y.dtype) throw new DTypeError(`isclose: dtypes ${x.dtype} and ${y.dtype} differ; cast one of them`);
  return apply(equalNan ? closeNanRow : closeRow, [x, y], [rtol, atol]);
};
/** True when all elements are close. */
export const allclose = (x: Tensor, y: Tensor, options: CloseOptions = {}): boolean => itemSync(all(isclose(x, y, options))) !== 0;
/** True when shapes and all elements are equal. */
export const equal = (x: Tensor, y: Tensor): boolean => sameShape(x.shape, y.shape) && itemSync(all(eq(x, y))) !== 0;
const logitRow = row('logit', 1, 'ln(x/(1 - x))', s.log(s.div(a, s.sub(1, a))), 'float');
const logitEpsRow = row(
  'logit',
  1,
  'ln(z/(1 - z)), z between eps and 1 - eps',
  s.where(
    s.lt(a, param(0)),
    s.log(s.div(param(0), s.sub(1, param(0)))),
    s.where(s.gt(a, s.sub(1, param(0))), s.log(s.div(s.sub(1, param(0)), param(0))), logitRow.expr),
  ),
  'float',
);
/** ln(x/(1 - x)); with `eps`, x is first kept between eps and 1 - eps. */
export const logit = (x: Tensor, { eps = null }: { eps?: number | null } = {}): Tensor =>
  eps === null ? apply(logitRow, [x]) : apply(logitEpsRow, [x], [eps]);
const orderRow = row('polygamma', 1, 'polygamma of a given order', s.polygamma(param(0), a), 'float');
/** The n-th derivative of digamma. */
export const polygamma = (n: number, x: Tensor): Tensor => (n === 0 ? digamma(x) : apply(orderRow, [x], [n]));
/** Another name of clamp. */
export const clip = (x: Tensor, options: ClampOptions = {}): Tensor => clamp(x, options);
/** a to the power b, computed in float64. */
export const floatPower = (x: TensorLike, y: TensorLike): Tensor =>
  pow(x instanceof Tensor ? to(x, 'float64') : x, y instanceof Tensor ? to(y, 'float64') : y);

/** In-place forms of binary operations. */
const inPlace =
  (op: ElementwiseOp) =>
  (x: Tensor, y: TensorLike): Tensor =>
    applyInPlace(op, x, [y], [], changeInPlace);
const inPlaceUnary =
  (op: ElementwiseOp) =>
  (x: Tensor): Tensor =>
    applyInPlace(op, x, [], [], changeInPlace);

const assignRow = row('copy', 2, 'b', b, 'same', [1]);

/** Writes `src` (broadcast, cast) into `x`. */
export function copy_(x: Tensor, src: TensorLike): Tensor {
  return applyInPlace(assignRow, x, [src], [], changeInPlace);
}
/** Writes one value everywhere. */
export const fill_ = (x: Tensor, value: Scalar | Tensor): Tensor => copy_(x, value instanceof Tensor ? value : scalarValue(value));
/** Writes zeros. */
export const zero_ = (x: Tensor): Tensor => copy_(x, 0);

/** What becomes a method of tensors. */
export const elementwiseMethods = {
  ...unaryFns,
  ...binaryFns,
  add,
  sub,
  rsub,
  mul,
  div,
  bitwiseNot,
  lerp,
  round,
  clamp,
  clampMin,
  clampMax,
  /** `x` where the condition (a bool tensor) holds, else `y`. */
  where: (x: Tensor, condition: Tensor, y: TensorLike): Tensor => where(condition, x, y),
  add_: (x: Tensor, y: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor =>
    applyInPlace(special.addScaled, x, [y], [alpha], changeInPlace),
  sub_: (x: Tensor, y: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor =>
    applyInPlace(special.subScaled, x, [y], [alpha], changeInPlace),
  mul_: inPlace(special.mul),
  div_: inPlace(special.div),
  pow_: inPlace(binaryRows.pow),
  neg_: inPlaceUnary(unaryRows.neg),
  abs_: inPlaceUnary(unaryRows.abs),
  exp_: inPlaceUnary(unaryRows.exp),
  sqrt_: inPlaceUnary(unaryRows.sqrt),
  copy_,
  fill_,
  zero_,
};
