// The error function, its complements and inverses.
#include "math.h"
#include "math_tables.h"

namespace fathom {

constexpr f64 INF = __builtin_inf(), SQRT_HALF = 0.70710678118654752440, TWO_OVER_SQRT_PI = 1.12837916709551257390;

// e^(-x^2) with the rounding error of the square taken along: x = h + l, h short, so that h^2 is exact.
static f64 gauss(f64 x) {
  const f64 h = bit_cast<f64>(bit_cast<u64>(x) & 0xfffffffff8000000ull);
  return m_exp(-h * h) * m_exp(-(x - h) * (x + h));
}

// e^(x^2) erfc(x) for x >= 0: a Chebyshev series in (x - k) / (x + k) (Shepherd and Laframboise, Math. Comp. 36, 1981).
static f64 erfcx_positive(f64 x) {
  if (x > 1e9) return 0.56418958354775628695 / x;
  return chebyshev(ERFCX, (x - 3.75) / (x + 3.75)) / (x + 1);
}

f64 m_erf(f64 x) {
  const f64 a = __builtin_fabs(x);
  if (a <= 1) return x * chebyshev(ERF_SMALL, 2 * x * x - 1);
  if (a > 6) return a != a ? x : __builtin_copysign(1.0, x);
  return __builtin_copysign(1 - gauss(a) * erfcx_positive(a), x);
}

f64 m_erfc(f64 x) {
  if (x != x) return x;
  if (x < 0.5) return x < -6 ? 2 : x < -1 ? 2 - gauss(-x) * erfcx_positive(-x) : 1 - m_erf(x);
  return x > 27.5 ? 0 : gauss(x) * erfcx_positive(x);
}

f64 m_erfcx(f64 x) {
  if (x >= 0) return erfcx_positive(x);
  if (x < -27) return x != x ? x : INF;
  return 2 / gauss(-x) - erfcx_positive(-x);
}

f64 m_log_ndtr(f64 x) {
  const f64 t = x * SQRT_HALF;
  if (x < -1) return m_log(0.5 * erfcx_positive(-t)) - t * t;
  return m_log1p(-0.5 * m_erfc(t));
}

// The x with log ndtr(x) = y for y <= log 1/2: a start from the leading asymptotic terms, then Newton's method on the logarithm,
// whose second derivative is small everywhere, so that it converges from either side.
static f64 inverse_log_ndtr(f64 y) {
  f64 x;
  if (y > -4) {
    x = (y + 0.69314718055994530942) / 0.79788456080286535588;  // slope of log ndtr at 0
    if (x < -2) x = -2;
  } else {
    const f64 s = __builtin_sqrt(-2 * y);
    x = -s + (m_log(s) + 0.91893853320467274178) / s;
  }
  for (i32 i = 0; i < 30; i++) {
    const f64 value = m_log_ndtr(x);
    const f64 density = m_exp(-0.5 * x * x - value) * 0.39894228040143267794;
    const f64 d = (value - y) / density;
    x -= d;
    if (__builtin_fabs(d) <= 4e-16 * __builtin_fabs(x)) break;
  }
  return x;
}

f64 m_ndtri(f64 p) {
  if (!(p >= 0 && p <= 1)) return __builtin_nan("");
  if (p == 0) return -INF;
  if (p == 1) return INF;
  if (p < 0.1) return inverse_log_ndtr(m_log(p));
  if (p > 0.9) return -inverse_log_ndtr(m_log1p(-p));
  return 1.41421356237309504880 * m_erfinv(2 * p - 1);
}

f64 m_erfinv(f64 y) {
  const f64 a = __builtin_fabs(y);
  if (!(a <= 1)) return __builtin_nan("");
  if (a == 1) return __builtin_copysign(INF, y);
  if (a == 0) return y;
  if (a > 0.9) return __builtin_copysign(-SQRT_HALF * inverse_log_ndtr(m_log(0.5 * (1 - a))), y);
  // Start: Winitzki's approximation; then Halley's method on erf(x) = a.
  const f64 l = m_log1p(-a * a), h = 4.33075024 + 0.5 * l;
  f64 x = a < 1e-4 ? a / TWO_OVER_SQRT_PI : __builtin_sqrt(__builtin_sqrt(h * h - l / 0.147) - h);
  for (i32 i = 0; i < 3; i++) {
    const f64 d = (m_erf(x) - a) / (TWO_OVER_SQRT_PI * m_exp(-x * x));
    x -= d / (1 + x * d);
  }
  return __builtin_copysign(x, y);
}

}  // namespace fathom
