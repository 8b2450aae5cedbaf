// Rows of the special functions: expressions over the scalar primitives, from which values and derivatives of any order follow.

import type { ElementwiseOp } from '../ops/elementwise-apply.ts';
import * as s from '../ops/scalar.ts';
import { input } from '../ops/scalar.ts';

const [a, b] = [input(0), input(1)];

const unary = (name: string, doc: string, expr: s.Expr): ElementwiseOp => ({ name, arity: 1, doc, expr, dtype: 'float' });
/** A function whose derivative in its first or second argument (`unknown`) is not known. */
const binary = (name: string, doc: string, expr: s.Expr, unknown: readonly number[] = []): ElementwiseOp => ({
  name,
  arity: 2,
  doc,
  expr,
  dtype: 'float',
  unknown,
});
/** A polynomial in x whose degree is the whole part of n. */
const polynomial = (name: string, doc: string, of: (x: s.Expr, n: s.Expr) => s.Expr): ElementwiseOp =>
  binary(name, doc, of(a, s.trunc(b)), [1]);

const chebyshevT = (x: s.Expr, n: s.Expr): s.Expr => s.call('chebyshevT', x, n);
const chebyshevU = (x: s.Expr, n: s.Expr): s.Expr => s.call('gegenbauer', x, n, 1);
// The third and fourth kind: V_n = U_n - U_{n-1}, W_n = U_n + U_{n-1} (Mason and Handscomb, "Chebyshev Polynomials", section 1.2.3)
const chebyshevV = (x: s.Expr, n: s.Expr): s.Expr => s.sub(chebyshevU(x, n), chebyshevU(x, s.sub(n, 1)));
const chebyshevW = (x: s.Expr, n: s.Expr): s.Expr => s.add(chebyshevU(x, n), chebyshevU(x, s.sub(n, 1)));
/** The same polynomial for the interval from 0 to 1. */
const shifted = (of: (x: s.Expr, n: s.Expr) => s.Expr) => (x: s.Expr, n: s.Expr) => of(s.sub(s.mul(2, x), 1), n);

export const unaryRows = {
  besselJ0: unary('besselJ0', 'Bessel function of the first kind, order 0', s.call('besselJ0', a)),
  besselJ1: unary('besselJ1', 'Bessel function of the first kind, order 1', s.call('besselJ1', a)),
  besselY0: unary('besselY0', 'Bessel function of the second kind, order 0', s.call('besselY0', a)),
  besselY1: unary('besselY1', 'Bessel function of the second kind, order 1', s.call('besselY1', a)),
  entr: unary('entr', '-x ln x, 0 at 0, -∞ below', s.call('entr', a)),
  erfcx: unary('erfcx', 'exp(x²) erfc(x)', s.call('erfcx', a)),
  i0e: unary('i0e', 'exp(-|x|) I₀(x)', s.call('i0e', a)),
  // NaN at infinity, as PyTorch has it; modifiedBesselI1 is infinite there
  i1: unary('i1', 'modified Bessel function of the first kind, order 1', s.where(s.call('isinf', a), Number.NaN, s.call('i1', a))),
  i1e: unary('i1e', 'exp(-|x|) I₁(x)', s.call('i1e', a)),
  logNdtr: unary('logNdtr', 'logarithm of the area under the normal density left of x', s.call('logNdtr', a)),
  modifiedBesselI0: unary('modifiedBesselI0', 'modified Bessel function of the first kind, order 0', s.call('i0', a)),
  modifiedBesselI1: unary('modifiedBesselI1', 'modified Bessel function of the first kind, order 1', s.call('i1', a)),
  modifiedBesselK0: unary('modifiedBesselK0', 'modified Bessel function of the second kind, order 0', s.call('besselK0', a)),
  modifiedBesselK1: unary('modifiedBesselK1', 'modified Bessel function of the second kind, order 1', s.call('besselK1', a)),
  ndtr: unary('ndtr', 'area under the normal density left of x', s.mul(0.5, s.call('erfc', s.mul(a, -Math.SQRT1_2)))),
  ndtri: unary('ndtri', 'the x that has area p under the normal density to its left', s.call('ndtri', a)),
  scaledModifiedBesselK0: unary('scaledModifiedBesselK0', 'exp(x) K₀(x)', s.call('besselK0e', a)),
  scaledModifiedBesselK1: unary('scaledModifiedBesselK1', 'exp(x) K₁(x)', s.call('besselK1e', a)),
  sphericalBesselJ0: unary('sphericalBesselJ0', 'sin(x)/x, 1 at 0', s.sinc(s.mul(a, 1 / Math.PI))),
} as const;

export const binaryRows = {
  // 0 where a = 0, also where ln(1 + b) is infinite or undefined; NaN stays
  xlog1py: binary(
    'xlog1py',
    'a ln(1 + b), 0 where a = 0',
    s.where(s.logicalAnd(s.eq(a, 0), s.logicalOr(s.le(b, -1), s.eq(b, Number.POSITIVE_INFINITY))), 0, s.mul(a, s.log1p(b))),
  ),
  zeta: binary('zeta', 'Hurwitz zeta function Σ (k + b)^-a, k from 0', s.zeta(a, b), [0]),
  chebyshevPolynomialT: polynomial('chebyshevPolynomialT', 'Chebyshev polynomial of the first kind', chebyshevT),
  chebyshevPolynomialU: polynomial('chebyshevPolynomialU', 'Chebyshev polynomial of the second kind', chebyshevU),
  chebyshevPolynomialV: polynomial('chebyshevPolynomialV', 'Chebyshev polynomial of the third kind', chebyshevV),
  chebyshevPolynomialW: polynomial('chebyshevPolynomialW', 'Chebyshev polynomial of the fourth kind', chebyshevW),
  shiftedChebyshevPolynomialT: polynomial('shiftedChebyshevPolynomialT', 'T of 2x - 1', shifted(chebyshevT)),
  shiftedChebyshevPolynomialU: polynomial('shiftedChebyshevPolynomialU', 'U of 2x - 1', shifted(chebyshevU)),
  shiftedChebyshevPolynomialV: polynomial('shiftedChebyshevPolynomialV', 'V of 2x - 1', shifted(chebyshevV)),
  shiftedChebyshevPolynomialW: polynomial('shiftedChebyshevPolynomialW', 'W of 2x - 1', shifted(chebyshevW)),
  hermitePolynomialH: polynomial('hermitePolynomialH', "the physicists' Hermite polynomial", (x, n) => s.call('hermite', x, n)),
  hermitePolynomialHe: polynomial('hermitePolynomialHe', "the probabilists' Hermite polynomial", (x, n) => s.call('hermiteHe', x, n)),
  laguerrePolynomialL: polynomial('laguerrePolynomialL', 'Laguerre polynomial', (x, n) => s.call('laguerre', x, n, 0)),
  // P_n is the Gegenbauer polynomial of index 1/2
  legendrePolynomialP: polynomial('legendrePolynomialP', 'Legendre polynomial', (x, n) => s.call('gegenbauer', x, n, 0.5)),
} as const;
