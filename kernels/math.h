// Scalar functions in double precision that the cold scalar operations use (kernels/math*.cpp name the source of each formula).
#pragma once
#include "core.h"

namespace fathom {

// Elementary functions. (math_elementary.cpp)
f64 m_exp(f64 x);
f64 m_exp2(f64 x);
f64 m_expm1(f64 x);
f64 m_log(f64 x);
f64 m_log2(f64 x);
f64 m_log10(f64 x);
f64 m_log1p(f64 x);
f64 m_sin(f64 x);
f64 m_cos(f64 x);
f64 m_tan(f64 x);
f64 m_asin(f64 x);
f64 m_acos(f64 x);
f64 m_atan(f64 x);
f64 m_atan2(f64 y, f64 x);
f64 m_sinh(f64 x);
f64 m_cosh(f64 x);
f64 m_tanh(f64 x);
f64 m_asinh(f64 x);
f64 m_acosh(f64 x);
f64 m_atanh(f64 x);
f64 m_pow(f64 a, f64 b);
f64 m_hypot(f64 a, f64 b);
f64 m_logaddexp(f64 a, f64 b);
f64 m_fmod(f64 a, f64 b);
// sin(pi x) and cos(pi x), exact at integers and halves.
f64 m_sinpi(f64 x);
f64 m_cospi(f64 x);

// The error function and its kin. (math_erf.cpp)
f64 m_erf(f64 x);
f64 m_erfc(f64 x);
f64 m_erfcx(f64 x);
f64 m_erfinv(f64 x);
f64 m_ndtri(f64 p);
f64 m_log_ndtr(f64 x);

// Gamma and zeta functions. (math_gamma.cpp)
f64 m_lgamma(f64 x);
f64 m_digamma(f64 x);
f64 m_zeta(f64 s, f64 q);
f64 m_polygamma(f64 n, f64 x);
f64 m_igamma(f64 a, f64 x);
f64 m_igammac(f64 a, f64 x);

// Bessel functions. (math_bessel.cpp)
f64 m_i0(f64 x);
f64 m_i0e(f64 x);
f64 m_i1(f64 x);
f64 m_i1e(f64 x);
f64 m_j0(f64 x);
f64 m_j1(f64 x);
f64 m_y0(f64 x);
f64 m_y1(f64 x);
f64 m_k0(f64 x);
f64 m_k1(f64 x);
// exp(x) K(x), which neither overflows nor vanishes for large x.
f64 m_k0e(f64 x);
f64 m_k1e(f64 x);

// Orthogonal polynomials of degree n (its fraction is cut off; 0 for n < 0, NaN beyond a million). (math_polynomials.cpp)
f64 m_chebyshev_t(f64 x, f64 n);
f64 m_hermite(f64 x, f64 n);     // the physicists' H
f64 m_hermite_he(f64 x, f64 n);  // the probabilists' He
f64 m_gegenbauer(f64 x, f64 n, f64 lambda);
f64 m_laguerre(f64 x, f64 n, f64 alpha);

}  // namespace fathom
