// Elementwise operations of arithmetic, comparison and mathematics as functions over the rows of elementwise-rows.ts.
// Gradients follow from the expressions.

import { DTypeError, ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { apply, type ElementwiseOp, resultTypeOf, type TensorLike } from './elementwise-apply.ts';
import { copy_, fill_, inPlaceMethods, zero_ } from './elementwise-inplace.ts';
import {
  type AlphaOptions,
  binaryRows,
  type ClampOptions,
  checkIntegerPower,
  type DivOptions,
  elementwiseRows,
  formRows,
  logitOf,
  multivariateLgamma,
  type NanToNumOptions,
  nanNumbers,
  roundOf,
  unaryRows,
} from './elementwise-rows.ts';
import { itemSync } from './read.ts';
import { all, amax, amin, sum } from './reduce.ts';

export type { AlphaOptions, ClampOptions, DivOptions, NanToNumOptions };
export { copy_, elementwiseRows, fill_, resultTypeOf as resultType, zero_ };

type UnaryFns = { [K in keyof typeof unaryRows]: (x: Tensor) => Tensor };
type BinaryFns = { [K in keyof typeof binaryRows]: (x: TensorLike, y: TensorLike) => Tensor };
const unaryFns = Object.fromEntries(Object.entries(unaryRows).map(([k, op]) => [k, (x: Tensor) => apply(op, [x])])) as UnaryFns;
const binaryFns = Object.fromEntries(
  Object.entries(binaryRows).map(([k, op]) => [k, (x: TensorLike, y: TensorLike) => apply(op, [x, y])]),
) as BinaryFns;

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

/** a + alpha·b. */
export const add = (x: TensorLike, y: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor =>
  alpha === 1 ? apply(formRows.add, [x, y]) : apply(formRows.addScaled, [x, y], [alpha]);
/** a - alpha·b. */
export const sub = (x: TensorLike, y: TensorLike, { alpha = 1 }: AlphaOptions = {}): Tensor =>
  alpha === 1 ? apply(formRows.sub, [x, y]) : apply(formRows.subScaled, [x, y], [alpha]);
/** b - alpha·a. */
export const rsub = (x: TensorLike, y: TensorLike, options: AlphaOptions = {}): Tensor => sub(y, x, options);
/** a to the power b. ValueError for whole numbers to a negative whole power, whose results are fractions. */
export function pow(x: TensorLike, y: TensorLike): Tensor {
  checkIntegerPower('pow', x, y);
  return apply(binaryRows.pow, [x, y]);
}
/** a·b. */
export const mul = (x: TensorLike, y: TensorLike): Tensor => apply(formRows.mul, [x, y]);

/** a/b. */
export function div(x: TensorLike, y: TensorLike, { roundingMode = null }: DivOptions = {}): Tensor {
  if (roundingMode === null) return apply(formRows.div, [x, y]);
  if (roundingMode === 'floor') return floorDivide(x, y);
  if (roundingMode === 'trunc') return apply(formRows.divTrunc, [x, y]);
  throw new ValueError(`div: roundingMode '${String(roundingMode)}' is unknown; use 'trunc', 'floor' or null`);
}
/** Flipped bits; not, for bool. */
export const bitwiseNot = (x: Tensor): Tensor => (x.dtype === 'bool' ? logicalNot(x) : apply(formRows.bitwiseNot, [x]));
/** `x` where the condition (bool) holds, else `y`; all broadcast. */
export function where(condition: Tensor, x: TensorLike, y: TensorLike): Tensor {
  if (!(condition instanceof Tensor) || (condition.dtype !== 'bool' && condition.dtype !== 'uint8'))
    throw new DTypeError(
      `where: the condition is ${condition instanceof Tensor ? condition.dtype : typeof condition}; it must be a bool tensor, as comparisons give it`,
    );
  return apply(formRows.where, [condition, x, y]);
}
/** x + weight·(end - x). */
export const lerp = (x: Tensor, end: TensorLike, weight: TensorLike): Tensor => apply(formRows.lerp, [x, end, weight]);
/** Nearest whole number, halves to even; `decimals` digits behind the point are kept (before it when negative). */
export const round = (x: Tensor, options: { decimals?: number } = {}): Tensor => {
  const [op, params] = roundOf(x, options);
  return apply(op, [x], params);
};

/** x, but at least `min`. */
export const clampMin = (x: Tensor, min: TensorLike): Tensor =>
  apply(min instanceof Tensor ? binaryRows.maximum : formRows.clampMin, [x, min]);
/** x, but at most `max`. */
export const clampMax = (x: Tensor, max: TensorLike): Tensor =>
  apply(max instanceof Tensor ? binaryRows.minimum : formRows.clampMax, [x, max]);
/** x between `min` and `max`, each a number or a tensor; one may be left out. */
export function clamp(x: Tensor, { min = null, max = null }: ClampOptions = {}): Tensor {
  if (min === null && max === null) throw new ValueError('clamp: give min, max or both');
  if (min === null) return clampMax(x, max as TensorLike);
  if (max === null) return clampMin(x, min);
  return apply(formRows.clamp, [x, min, max]);
}
/** Another name of clamp. */
export const clip = (x: Tensor, options: ClampOptions = {}): Tensor => clamp(x, options);

/** x + value·y·z. */
export const addcmul = (x: Tensor, y: Tensor, z: Tensor, { value = 1 }: { value?: number } = {}): Tensor =>
  apply(formRows.addcmul, [x, y, z], [value]);
/** x + value·y/z. */
export const addcdiv = (x: Tensor, y: Tensor, z: Tensor, { value = 1 }: { value?: number } = {}): Tensor =>
  apply(formRows.addcdiv, [x, y, z], [value]);
/** Another name of div. */
export const trueDivide = (x: TensorLike, y: TensorLike): Tensor => div(x, y);
/** x itself; refused for bool. */
export function positive(x: Tensor): Tensor {
  if (x.dtype === 'bool') throw new DTypeError('positive: is not defined for bool tensors; cast to a number first');
  return x;
}
/** The sign of x, as `sign`. */
export const sgn = (x: Tensor): Tensor => sign(x);

/** Replaces NaN, +∞ and -∞ by numbers. */
export const nanToNum = (x: Tensor, options: NanToNumOptions = {}): Tensor =>
  apply(formRows.nanToNum, [x], isFloating(x.dtype) ? nanNumbers(x, options) : [0, 0, 0]);

export interface CloseOptions {
  /** Tolerance relative to |y|. */
  rtol?: number;
  atol?: number;
  /** NaN equals NaN. */
  equalNan?: boolean;
}
/** True where |x - y| <= atol + rtol·|y|. */
export function isclose(x: Tensor, y: Tensor, { rtol = 1e-5, atol = 1e-8, equalNan = false }: CloseOptions = {}): Tensor {
  if (x.dtype !== y.dtype) throw new DTypeError(`isclose: dtypes ${x.dtype} and ${y.dtype} differ; cast one of them`);
  if (!(rtol >= 0) || !(atol >= 0)) throw new ValueError(`isclose: rtol ${rtol} and atol ${atol} must be at least 0`);
  if (isFloating(x.dtype)) return apply(equalNan ? formRows.iscloseNan : formRows.isclose, [x, y], [rtol, atol]);
  // tolerances are fractions, so whole numbers are compared as float64
  return apply(formRows.isclose, [to(x, 'float64'), to(y, 'float64')], [rtol, atol]);
}
/** True when all elements are close. */
export const allclose = (x: Tensor, y: Tensor, options: CloseOptions = {}): boolean => itemSync(all(isclose(x, y, options))) !== 0;
/** True when shapes and all elements are equal. */
export const equal = (x: Tensor, y: Tensor): boolean => sameShape(x.shape, y.shape) && itemSync(all(eq(x, y))) !== 0;

/** ln(x/(1 - x)); with `eps`, x is first kept between eps and 1 - eps. */
export const logit = (x: Tensor, options: { eps?: number | null } = {}): Tensor => {
  const [op, params] = logitOf(options);
  return apply(op, [x], params);
};

/** The n-th derivative of digamma. */
export function polygamma(n: number, x: Tensor): Tensor {
  if (!Number.isInteger(n) || n < 0) throw new ValueError(`polygamma: the order ${n} must be a whole number of at least 0`);
  return n === 0 ? digamma(x) : apply(formRows.polygamma, [x], [n]);
}
const multivariate = new Map<number, ElementwiseOp>();
/** Logarithm of the multivariate gamma function of dimension `p`, for x > (p - 1)/2. */
export function mvlgamma(x: Tensor, p: number): Tensor {
  if (!Number.isInteger(p) || p < 1) throw new ValueError(`mvlgamma: the dimension ${p} must be a whole number of at least 1`);
  let op = multivariate.get(p);
  if (op === undefined) multivariate.set(p, (op = multivariateLgamma(p)));
  return apply(op, [x]);
}
/** a to the power b, computed in float64. */
export const floatPower = (x: TensorLike, y: TensorLike): Tensor =>
  pow(x instanceof Tensor ? to(x, 'float64') : x, y instanceof Tensor ? to(y, 'float64') : y);

/** The p-norm of x - y over all elements; 0 counts differences, ±∞ takes the extreme. The gradient at 0 is 0. */
export function dist(x: Tensor, y: Tensor, { p = 2 }: { p?: number } = {}): Tensor {
  const d = sub(x, y);
  if (p === Number.POSITIVE_INFINITY) return d.numel === 0 ? sum(d) : amax(abs(d));
  if (p === Number.NEGATIVE_INFINITY) return d.numel === 0 ? sum(d) : amin(abs(d));
  if (Number.isNaN(p)) throw new ValueError('dist: p is NaN; it must be a number');
  if (p === 0) return to(sum(ne(d, 0)), d.dtype);
  if (p === 1) return sum(abs(d));
  return apply(formRows.rootOfSum, [sum(p === 2 ? square(d) : apply(formRows.absPower, [d], [p]))], [1 / p]);
}

/** What becomes a method of tensors. */
export const elementwiseMethods = {
  ...unaryFns,
  ...binaryFns,
  ...inPlaceMethods,
  pow,
  add,
  sub,
  rsub,
  mul,
  div,
  trueDivide,
  bitwiseNot,
  lerp,
  round,
  clamp,
  clip,
  clampMin,
  clampMax,
  addcmul,
  addcdiv,
  positive,
  sgn,
  nanToNum,
  isclose,
  allclose,
  equal,
  logit,
  /** The n-th derivative of digamma. */
  polygamma: (x: Tensor, n: number): Tensor => polygamma(n, x),
  mvlgamma,
  floatPower,
  dist,
  /** `x` where the condition (a bool tensor) holds, else `y`. */
  where: (x: Tensor, condition: Tensor, y: TensorLike): Tensor => where(condition, x, y),
};
