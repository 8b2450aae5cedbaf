// Rows of the elementwise operations: name, meaning, expression, dtype rule. Functions, methods and in-place forms are made of them.

import { ValueError } from '../runtime/errors.ts';
import { isFloating } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { DTypeRule, ElementwiseOp, TensorLike } from './elementwise-apply.ts';
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
export const unaryRows = {
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
  // NaN at infinity, as PyTorch has it
  i0: row(
    'i0',
    1,
    'modified Bessel function of the first kind, order 0',
    s.where(s.call('isinf', a), Number.NaN, s.call('i0', a)),
    'float',
  ),
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
export const binaryRows = {
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
  heaviside: row('heaviside', 2, 'step of a (0 for NaN); b where a = 0', s.where(s.isnan(a), 0, s.call('heaviside', a, b))),
  ldexp: row('ldexp', 2, 'a·2ᵇ', s.mul(a, s.exp2(b)), 'float'),
  gcd: row('gcd', 2, 'greatest common divisor', s.call('gcd', a, b), 'integral'),
  lcm: row('lcm', 2, 'least common multiple', s.call('lcm', a, b), 'integral'),
  igamma: { ...row('igamma', 2, 'regularised lower incomplete gamma function P(a, b)', s.call('igamma', a, b), 'float'), unknown: [0] },
  igammac: { ...row('igammac', 2, 'regularised upper incomplete gamma function Q(a, b)', s.call('igammac', a, b), 'float'), unknown: [0] },
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

const close = s.logicalOr(
  s.eq(a, b),
  s.logicalAnd(s.logicalAnd(s.isfinite(a), s.isfinite(b)), s.le(s.abs(s.sub(a, b)), s.add(param(1), s.mul(param(0), s.abs(b))))),
);
const logit = s.log(s.div(a, s.sub(1, a)));

/** Operations that need code of their own around them: numbers, options, several forms. */
export const formRows = {
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
  clampMin: row('clampMin', 2, 'at least b', s.where(s.isnan(a), a, s.where(s.lt(a, b), b, a))),
  clampMax: row('clampMax', 2, 'at most b', s.where(s.isnan(a), a, s.where(s.gt(a, b), b, a))),
  addcmul: row('addcmul', 3, 'a + value·b·c', s.add(a, s.mul(param(0), s.mul(b, c)))),
  addcdiv: row('addcdiv', 3, 'a + value·b/c', s.add(a, s.mul(param(0), s.div(b, c))), 'float'),
  nanToNum: row(
    'nanToNum',
    1,
    'numbers in place of NaN and infinities',
    s.where(s.isnan(a), param(0), s.where(s.eq(a, Infinity), param(1), s.where(s.eq(a, -Infinity), param(2), a))),
  ),
  isclose: row('isclose', 2, '|a - b| <= atol + rtol·|b|', close, 'bool'),
  iscloseNan: row('isclose', 2, 'as isclose, NaN equals NaN', s.logicalOr(s.logicalAnd(s.isnan(a), s.isnan(b)), close), 'bool'),
  logit: row('logit', 1, 'ln(x/(1 - x))', logit, 'float'),
  logitEps: row(
    'logit',
    1,
    'ln(z/(1 - z)), z between eps and 1 - eps',
    s.where(
      s.lt(a, param(0)),
      s.log(s.div(param(0), s.sub(1, param(0)))),
      s.where(s.gt(a, s.sub(1, param(0))), s.log(s.div(s.sub(1, param(0)), param(0))), logit),
    ),
    'float',
  ),
  polygamma: row('polygamma', 1, 'polygamma of a given order', s.polygamma(param(0), a), 'float'),
  roundScaled: row('round', 1, 'nearest multiple of 1/scale', s.div(s.round(s.mul(a, param(0))), param(0))),
  roundToMultiple: row('round', 1, 'nearest multiple of scale', s.mul(s.round(s.div(a, param(0))), param(0))),
  copy: row('copy', 2, 'b', b, 'same', [1]),
  maskedFill: row('maskedFill', 3, 'c where the mask b holds, else a', s.where(b, c, a), 'same', [1]),
  // |d|^p, and its p-th root, with derivative 0 at 0 where the formulas have 0·∞
  absPower: row('absPower', 1, '|x|^p', s.where(s.eq(a, 0), 0, s.pow(s.where(s.eq(a, 0), 1, s.abs(a)), param(0))), 'float'),
  rootOfSum: row('rootOfSum', 1, 'x^(1/p)', s.where(s.eq(a, 0), 0, s.pow(s.where(s.eq(a, 0), 1, a), param(0))), 'float'),
} as const;

/** ln Γ_p of p dimensions: p(p-1)/4 · ln π + Σ lgamma(x + (1-i)/2), i = 1 … p. */
export function multivariateLgamma(p: number): ElementwiseOp {
  let sum: s.Expr = s.lit((p * (p - 1) * Math.log(Math.PI)) / 4);
  for (let i = 1; i <= p; i++) sum = s.add(sum, s.lgamma(s.add(a, (1 - i) / 2)));
  return row('mvlgamma', 1, `logarithm of the multivariate gamma function of dimension ${p}`, sum, 'float');
}

/** Every elementwise row, for documentation and tests. */
export const elementwiseRows: readonly ElementwiseOp[] = [
  ...Object.values(unaryRows),
  ...Object.values(binaryRows),
  ...Object.values(formRows),
];

// Options, and the rows they choose.

export interface AlphaOptions {
  /** Factor of the second operand. */
  alpha?: number;
}

export interface DivOptions {
  /** 'trunc' rounds towards zero, 'floor' down; null (the default) divides exactly and gives floats. */
  roundingMode?: 'trunc' | 'floor' | null;
}
export interface ClampOptions {
  min?: TensorLike | null;
  max?: TensorLike | null;
}
export interface NanToNumOptions {
  nan?: number;
  posinf?: number | null;
  neginf?: number | null;
}
/** The three numbers of nanToNum: the dtype's extremes stand for infinities unless given. */
export function nanNumbers(x: Tensor, { nan = 0, posinf = null, neginf = null }: NanToNumOptions): number[] {
  const most = x.dtype === 'float64' ? Number.MAX_VALUE : 3.4028234663852886e38;
  return [nan, posinf ?? most, neginf ?? -most];
}
/** A row and its run-time numbers. */
export type RowWithParams = readonly [ElementwiseOp, readonly number[]];

/** Row and numbers of `round` for the given decimals. */
export function roundOf(x: Tensor, { decimals = 0 }: { decimals?: number }): RowWithParams {
  if (!Number.isInteger(decimals)) throw new ValueError(`round: decimals ${decimals} must be a whole number`);
  if (decimals === 0 || !isFloating(x.dtype)) return [formRows.round, []];
  return [decimals > 0 ? formRows.roundScaled : formRows.roundToMultiple, [10 ** Math.abs(decimals)]];
}
/** Row and numbers of `logit`. */
export const logitOf = ({ eps = null }: { eps?: number | null }): RowWithParams =>
  eps === null ? [formRows.logit, []] : [formRows.logitEps, [eps]];

/** Refuses integer tensors to a negative whole power given as a number. */
export function checkIntegerPower(name: string, x: TensorLike, y: TensorLike): void {
  if (typeof y === 'number' && y < 0 && x instanceof Tensor && !isFloating(x.dtype) && Number.isInteger(y))
    throw new ValueError(`${name}: the ${x.dtype} tensor to the power ${y} has fractions; cast it with .to('float32') first`);
}
