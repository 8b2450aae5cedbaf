// The face of the special functions: ft.special, with the names of torch.special. Integers become float32; derivatives of any order exist, except in the arguments that say otherwise.

import { sigmoid } from '../ops/activations.ts';
import { digamma, igamma, igammac, lgamma, mvlgamma } from '../ops/elementwise.ts';
import { apply, type TensorLike } from '../ops/elementwise-apply.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { binaryRows, unaryRows } from './rows.ts';

export { erf, erfc, erfinv, exp2, expm1, i0, log1p, logit, polygamma, round, sinc, xlogy } from '../ops/elementwise.ts';
export { logsumexp } from '../ops/reduce-more.ts';
export { logSoftmax, softmax } from '../ops/softmax.ts';

const unary =
  (name: keyof typeof unaryRows) =>
  (x: Tensor): Tensor =>
    apply(unaryRows[name], [x]);
const binary =
  (name: keyof typeof binaryRows) =>
  (x: TensorLike, y: TensorLike): Tensor =>
    apply(binaryRows[name], [x, y]);

/** The logistic function. */
export const expit = (x: Tensor): Tensor => sigmoid(x);
/** Logarithm of |Γ(x)|. */
export const gammaln = (x: Tensor): Tensor => lgamma(x);
/** The derivative of gammaln. */
export const psi = (x: Tensor): Tensor => digamma(x);
export { digamma };
/** Regularised lower incomplete gamma function P(a, x); no derivative in a. */
export const gammainc = (a: TensorLike, x: TensorLike): Tensor => igamma(a, x);
/** Regularised upper incomplete gamma function Q(a, x); no derivative in a. */
export const gammaincc = (a: TensorLike, x: TensorLike): Tensor => igammac(a, x);
/** Logarithm of the multivariate gamma function of dimension `p`, for x > (p - 1)/2. */
export const multigammaln = (x: Tensor, p: number): Tensor => mvlgamma(x, p);

/** Bessel function of the first kind, order 0. As in PyTorch, values beyond |x| = 5 lie up to 4.5e-7 beside the function (1e-10 from 12 on); so do those of the next three. */
export const besselJ0 = unary('besselJ0');
/** Bessel function of the first kind, order 1. */
export const besselJ1 = unary('besselJ1');
/** Bessel function of the second kind, order 0; NaN below 0. */
export const besselY0 = unary('besselY0');
/** Bessel function of the second kind, order 1; NaN below 0. */
export const besselY1 = unary('besselY1');
/** -x ln x: 0 at 0, -Infinity below. */
export const entr = unary('entr');
/** exp(x²) erfc(x), which does not vanish for large x. */
export const erfcx = unary('erfcx');
/** exp(-|x|) I₀(x). */
export const i0e = unary('i0e');
/** Modified Bessel function of the first kind, order 1. */
export const i1 = unary('i1');
/** exp(-|x|) I₁(x). */
export const i1e = unary('i1e');
/** Logarithm of the area under the normal density left of x, exact for very negative x. */
export const logNdtr = unary('logNdtr');
/** Modified Bessel function of the first kind, order 0. */
export const modifiedBesselI0 = unary('modifiedBesselI0');
/** Modified Bessel function of the first kind, order 1. */
export const modifiedBesselI1 = unary('modifiedBesselI1');
/** Modified Bessel function of the second kind, order 0; NaN below 0. */
export const modifiedBesselK0 = unary('modifiedBesselK0');
/** Modified Bessel function of the second kind, order 1; NaN below 0. */
export const modifiedBesselK1 = unary('modifiedBesselK1');
/** exp(x) K₀(x), which does not vanish for large x. */
export const scaledModifiedBesselK0 = unary('scaledModifiedBesselK0');
/** exp(x) K₁(x), which does not vanish for large x. */
export const scaledModifiedBesselK1 = unary('scaledModifiedBesselK1');
/** Area under the normal density left of x. */
export const ndtr = unary('ndtr');
/** The x that has area p under the normal density to its left; ±Infinity at 0 and 1, NaN outside. */
export const ndtri = unary('ndtri');
/** sin(x)/x, 1 at 0. */
export const sphericalBesselJ0 = unary('sphericalBesselJ0');

/** x ln(1 + y), 0 where x = 0. */
export const xlog1py = binary('xlog1py');
/** Hurwitz zeta function Σ (k + y)^-x, k from 0; no derivative in x. */
export const zeta = binary('zeta');
/** Chebyshev polynomial of the first kind T_n(x); the degree n is a number or a tensor, whole, at most a million, and passes no gradient (as for all polynomials here). */
export const chebyshevPolynomialT = binary('chebyshevPolynomialT');
/** Chebyshev polynomial of the second kind U_n(x). */
export const chebyshevPolynomialU = binary('chebyshevPolynomialU');
/** Chebyshev polynomial of the third kind V_n(x). */
export const chebyshevPolynomialV = binary('chebyshevPolynomialV');
/** Chebyshev polynomial of the fourth kind W_n(x). */
export const chebyshevPolynomialW = binary('chebyshevPolynomialW');
/** T_n(2x - 1). */
export const shiftedChebyshevPolynomialT = binary('shiftedChebyshevPolynomialT');
/** U_n(2x - 1). */
export const shiftedChebyshevPolynomialU = binary('shiftedChebyshevPolynomialU');
/** V_n(2x - 1). */
export const shiftedChebyshevPolynomialV = binary('shiftedChebyshevPolynomialV');
/** W_n(2x - 1). */
export const shiftedChebyshevPolynomialW = binary('shiftedChebyshevPolynomialW');
/** The physicists' Hermite polynomial H_n(x). */
export const hermitePolynomialH = binary('hermitePolynomialH');
/** The probabilists' Hermite polynomial He_n(x). */
export const hermitePolynomialHe = binary('hermitePolynomialHe');
/** Laguerre polynomial L_n(x). */
export const laguerrePolynomialL = binary('laguerrePolynomialL');
/** Legendre polynomial P_n(x). */
export const legendrePolynomialP = binary('legendrePolynomialP');
