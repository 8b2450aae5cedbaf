// Bessel functions of orders 0 and 1: Chebyshev series near the origin (with the logarithmic part split off for Y and K), beyond it
// the exponential factor or Hankel's amplitude and phase (Abramowitz and Stegun, chapter 9) times a Chebyshev series in 1/x.
#include "math.h"
#include "math_tables.h"

namespace fathom {

constexpr f64 INF = __builtin_inf(), TWO_OVER_PI_VALUE = 0.63661977236758134308, SQRT_HALF = 0.70710678118654752440;

f64 m_i0e(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a <= 8) return chebyshev(I0E_SMALL, a / 4 - 1);
  return chebyshev(I0E_LARGE, 16 / a - 1) / __builtin_sqrt(a);
}
f64 m_i1e(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a <= 8) return x * chebyshev(I1E_SMALL, a / 4 - 1);
  return __builtin_copysign(chebyshev(I1E_LARGE, 16 / a - 1) / __builtin_sqrt(a), x);
}
// The exponential in two halves: it alone would overflow a little before the product does.
f64 m_i0(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a == INF) return INF;
  const f64 h = m_exp(0.5 * a);
  return h * m_i0e(a) * h;
}
f64 m_i1(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a == INF) return x;
  const f64 h = m_exp(0.5 * a);
  return h * m_i1e(x) * h;
}

// Hankel's form for x > 8: sqrt(2 / (pi x)) (P cos w - Q sin w) for J, (P sin w + Q cos w) for Y, w = x - (2 n + 1) pi / 4.
static f64 hankel(f64 x, f64 p, f64 q, bool order_one, bool second_kind) {
  if (x == INF) return 0;
  const f64 s = m_sin(x), c = m_cos(x);
  // cos w and sin w
  const f64 cw = order_one ? (s - c) * SQRT_HALF : (c + s) * SQRT_HALF;
  const f64 sw = order_one ? -(s + c) * SQRT_HALF : (s - c) * SQRT_HALF;
  const f64 y = second_kind ? p * sw + q * cw : p * cw - q * sw;
  return y * __builtin_sqrt(TWO_OVER_PI_VALUE / x);
}

// How far PyTorch's J and Y lie from the functions themselves. Beyond 5 it takes the second Hankel amplitude Q from a quotient of polynomials in
// z = 25 / x^2 (Moshier's Cephes library) whose denominator lacks its leading term z^7: Q is too large by z^7 over the rest of the denominator. We
// give PyTorch's values: up to 4.5e-7 beside the function just above 5, 2e-9 at 8, 1e-11 at 12. Q itself only needs a few digits here, so
// its asymptotic series does (Abramowitz and Stegun 9.2.10).
static f64 pytorch_excess(f64 x, bool order_one, bool second_kind) {
  if (x <= 5 || x > 100) return 0;
  const f64 z = 25 / (x * x);
  f64 rest = 0;
  for (i32 i = 0; i < 7; i++) rest = rest * z + (order_one ? HANKEL_Q1_REST : HANKEL_Q0_REST)[i];
  f64 power = z * z * z;
  power = power * power * z;
  const f64 mu = order_one ? 4 : 0, e = 1 / (8 * x);
  const f64 q = (mu - 1) * e * (1 - (mu - 9) * (mu - 25) * e * e / 6 * (1 - (mu - 49) * (mu - 81) * e * e / 20));
  const f64 w = x - (order_one ? 3 : 1) * 0.78539816339744830962;
  return q * power / rest * __builtin_sqrt(TWO_OVER_PI_VALUE / x) * (second_kind ? m_cos(w) : -m_sin(w));
}

static f64 exact_j0(f64 a) {
  if (a <= 8) return chebyshev(J0_SMALL, a * a / 32 - 1);
  const f64 t = 128 / (a * a) - 1;
  return hankel(a, chebyshev(P0, t), chebyshev(Q0, t) * 8 / a, false, false);
}
static f64 exact_j1(f64 a) {
  if (a <= 8) return a * chebyshev(J1_SMALL, a * a / 32 - 1);
  const f64 t = 128 / (a * a) - 1;
  return hankel(a, chebyshev(P1, t), chebyshev(Q1, t) * 8 / a, true, false);
}
f64 m_j0(f64 x) {
  const f64 a = __builtin_fabs(x);
  return a != a ? x : exact_j0(a) + pytorch_excess(a, false, false);
}
f64 m_j1(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a != a) return x;
  const f64 y = exact_j1(a) + pytorch_excess(a, true, false);
  return x < 0 ? -y : y;
}
f64 m_y0(f64 x) {
  if (x != x || x < 0) return __builtin_nan("");
  if (x == 0) return -INF;
  if (x <= 8) return chebyshev(Y0_SMALL, x * x / 32 - 1) + TWO_OVER_PI_VALUE * m_log(0.5 * x) * exact_j0(x) + pytorch_excess(x, false, true);
  const f64 t = 128 / (x * x) - 1;
  return hankel(x, chebyshev(P0, t), chebyshev(Q0, t) * 8 / x, false, true) + pytorch_excess(x, false, true);
}
f64 m_y1(f64 x) {
  if (x != x || x < 0) return __builtin_nan("");
  if (x == 0) return -INF;
  if (x <= 8) return x * chebyshev(Y1_SMALL, x * x / 32 - 1) + TWO_OVER_PI_VALUE * (m_log(0.5 * x) * exact_j1(x) - 1 / x) + pytorch_excess(x, true, true);
  const f64 t = 128 / (x * x) - 1;
  return hankel(x, chebyshev(P1, t), chebyshev(Q1, t) * 8 / x, true, true) + pytorch_excess(x, true, true);
}
f64 m_k0(f64 x) {
  if (x != x || x < 0) return __builtin_nan("");
  if (x == 0) return INF;
  if (x <= 2) return chebyshev(K0_SMALL, x * x / 2 - 1) - m_log(0.5 * x) * m_i0(x);
  return m_exp(-x) * chebyshev(K0_LARGE, 4 / x - 1) / __builtin_sqrt(x);
}
f64 m_k1(f64 x) {
  if (x != x || x < 0) return __builtin_nan("");
  if (x == 0) return INF;
  if (x <= 2) return chebyshev(K1_SMALL, x * x / 2 - 1) / x + m_log(0.5 * x) * m_i1(x);
  return m_exp(-x) * chebyshev(K1_LARGE, 4 / x - 1) / __builtin_sqrt(x);
}
f64 m_k0e(f64 x) { return x > 2 ? chebyshev(K0_LARGE, 4 / x - 1) / __builtin_sqrt(x) : m_exp(x) * m_k0(x); }
f64 m_k1e(f64 x) { return x > 2 ? chebyshev(K1_LARGE, 4 / x - 1) / __builtin_sqrt(x) : m_exp(x) * m_k1(x); }

}  // namespace fathom
