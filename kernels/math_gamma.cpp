// The gamma function's logarithm and derivatives, incomplete gamma functions, the Hurwitz zeta function.
#include "math.h"
#include "math_tables.h"

namespace fathom {

constexpr f64 INF = __builtin_inf(), PI = 3.14159265358979323846, EULER = 0.57721566490153286061, HALF_LOG_TAU = 0.91893853320467274178;

// log Gamma(x) - ((x - 1/2) log x - x + log(2 pi)/2) for x >= 8: Stirling's series (Abramowitz and Stegun 6.1.40).
static f64 stirling_rest(f64 x) {
  const f64 r = 1 / x, z = r * r;
  f64 s = -3617.0 / 122400;
  s = s * z + 1.0 / 156;
  s = s * z - 691.0 / 360360;
  s = s * z + 1.0 / 1188;
  s = s * z - 1.0 / 1680;
  s = s * z + 1.0 / 1260;
  s = s * z - 1.0 / 360;
  s = s * z + 1.0 / 12;
  return s * r;
}

// log Gamma(2 + z) = z (1 - gamma) + sum (-1)^k (zeta(k) - 1) z^k / k (Abramowitz and Stegun 6.1.33), |z| <= 1/2.
static f64 lgamma_at_two(f64 z) {
  constexpr int n = sizeof(ZETA_TAIL) / sizeof(f64);
  f64 s = 0;
  for (int k = n - 1; k >= 0; k--) s = ZETA_TAIL[k] - z * s;
  return z * ((1 - EULER) + z * s);
}

f64 m_lgamma(f64 x) {
  if (x != x) return x;
  if (__builtin_fabs(x) == INF) return INF;
  if (x < 0.5) {
    if (x == __builtin_floor(x)) return INF;  // poles at 0, -1, ...
    if (__builtin_fabs(x) < 1e-10) return -m_log(__builtin_fabs(x));
    return m_log(PI / __builtin_fabs(m_sinpi(x))) - m_lgamma(1 - x);
  }
  if (x < 1.5) return lgamma_at_two(x - 1) - m_log1p(x - 1);
  if (x < 2.5) return lgamma_at_two(x - 2);
  if (x < 10) {
    f64 product = 1;
    while (x >= 2.5) {
      x -= 1;
      product *= x;
    }
    return m_log(product) + lgamma_at_two(x - 2);
  }
  return (x - 0.5) * m_log(x) - x + HALF_LOG_TAU + stirling_rest(x);
}

f64 m_digamma(f64 x) {
  if (x == 0) return __builtin_copysign(INF, -x);
  if (x != x || x == INF) return x;
  f64 r = 0;
  if (x < 0) {
    if (x == __builtin_floor(x)) return __builtin_nan("");
    r = -PI * m_cospi(x) / m_sinpi(x);  // reflection
    x = 1 - x;
  }
  while (x < 10) {
    r -= 1 / x;
    x += 1;
  }
  // Abramowitz and Stegun 6.3.18
  const f64 z = 1 / (x * x);
  f64 s = 1.0 / 12;
  s = s * z - 691.0 / 32760;
  s = s * z + 1.0 / 132;
  s = s * z - 1.0 / 240;
  s = s * z + 1.0 / 252;
  s = s * z - 1.0 / 120;
  s = s * z + 1.0 / 12;
  return r + m_log(x) - 0.5 / x - s * z;
}

// Euler-Maclaurin summation: the first terms, the integral of the rest and corrections with Bernoulli numbers (Abramowitz and Stegun 23.1.30).
f64 m_zeta(f64 s, f64 q) {
  // B_2k / (2k)!
  static const f64 bernoulli[] = {1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160, -691.0 / 1307674368000, 1.0 / 74724249600,
                                  -3617.0 / 10670622842880000, 43867.0 / 5109094217170944000};
  if (s != s || q != q) return s + q;
  if (s == 1) return INF;
  if (s < 1) return __builtin_nan("");
  if (q <= 0) {
    if (q == __builtin_floor(q)) return INF;
    if (s != __builtin_floor(s)) return __builtin_nan("");
  }
  if (q == INF || s == INF) return q > 1 ? 0 : s == INF && q == 1 ? 1 : INF;
  f64 sum = 0, a = q;
  // Up to a point far enough out for the corrections to converge.
  for (i64 i = 0; i < 1000000 && (i < 9 || a < 10); i++, a += 1) {
    const f64 term = m_pow(a, -s);
    sum += term;
    if (a > 0 && __builtin_fabs(term) < 1e-17 * __builtin_fabs(sum)) return sum;
  }
  const f64 power = m_pow(a, -s);
  sum += power * a / (s - 1) + 0.5 * power;
  f64 factor = s * power / a;
  for (int k = 0; k < 9; k++) {
    const f64 term = bernoulli[k] * factor;
    sum += term;
    if (__builtin_fabs(term) < 1e-17 * __builtin_fabs(sum)) break;
    factor *= (s + 2 * k + 1) * (s + 2 * k + 2) / (a * a);
  }
  return sum;
}

f64 m_polygamma(f64 n, f64 x) {
  if (n == 0) return m_digamma(x);
  if (n < 0 || n != __builtin_floor(n)) return __builtin_nan("");
  const f64 value = m_exp(m_lgamma(n + 1)) * m_zeta(n + 1, x);
  return (i64(n) & 1) ? value : -value;
}

// x^a e^-x / Gamma(a + 1), without cancellation for large a: with m = (x - a) / a it is e^(a (log(1 + m) - m)) / sqrt(2 pi a) times Stirling's rest.
static f64 power_over_gamma(f64 a, f64 x) {
  if (a < 10) return m_exp(a * m_log(x) - x - m_lgamma(a + 1));
  const f64 m = (x - a) / a;
  f64 deviation;  // log(1 + m) - m
  if (__builtin_fabs(m) < 0.1) {
    // alternating series from -m^2/2 on
    f64 s = 0, sign = (24 & 1) ? 1 : -1;
    for (int k = 24; k >= 2; k--, sign = -sign) s = s * m + sign / k;
    deviation = s * m * m;
  } else {
    deviation = m_log(x / a) - m;
  }
  return m_exp(a * deviation - stirling_rest(a)) / __builtin_sqrt(2 * PI * a);
}

// P by its power series (Abramowitz and Stegun 6.5.29).
static f64 igamma_series(f64 a, f64 x) {
  f64 term = 1, sum = 1, n = a;
  for (i64 i = 0; i < 10000000; i++) {
    n += 1;
    term *= x / n;
    sum += term;
    if (term < 1e-17 * sum) break;
  }
  return sum * power_over_gamma(a, x);
}

// Q by Legendre's continued fraction (Abramowitz and Stegun 6.5.31), evaluated with Lentz's method.
static f64 igammac_fraction(f64 a, f64 x) {
  f64 b = x + 1 - a, c = 1e300, d = 1 / (b == 0 ? 1e-300 : b), h = d;
  for (i64 i = 1; i < 10000000; i++) {
    const f64 an = f64(i) * (a - f64(i));
    b += 2;
    d = an * d + b;
    if (d == 0) d = 1e-300;
    c = b + an / c;
    if (c == 0) c = 1e-300;
    d = 1 / d;
    const f64 delta = d * c;
    h *= delta;
    if (__builtin_fabs(delta - 1) < 1e-16) break;
  }
  return h * power_over_gamma(a, x) * a;
}

// Q for x < 1 and small a, where 1 - P would cancel: with x^a/Gamma(a+1) = 1 + e, Q = -e - (1 + e) a sum (-x)^k / (k! (a + k)).
static f64 igammac_small(f64 a, f64 x) {
  f64 sum = 0, term = 1;
  for (i32 k = 1; k < 200; k++) {
    term *= -x / k;
    const f64 t = term / (a + k);
    sum += t;
    if (__builtin_fabs(t) <= 1e-17 * __builtin_fabs(sum)) break;
  }
  const f64 e = m_expm1(a * m_log(x) - m_lgamma(1 + a));
  return -e - (1 + e) * a * sum;
}

// True where the power series of P is the better choice.
static bool prefers_series(f64 a, f64 x) { return x <= 1 || x <= a; }

f64 m_igamma(f64 a, f64 x) {
  if (x != x || a != a || x < 0 || a < 0) return __builtin_nan("");
  if (a == 0) return x > 0 ? 1 : __builtin_nan("");
  if (x == 0) return 0;
  if (a == INF) return x == INF ? __builtin_nan("") : 0;
  if (x == INF) return 1;
  return prefers_series(a, x) ? igamma_series(a, x) : 1 - igammac_fraction(a, x);
}

f64 m_igammac(f64 a, f64 x) {
  if (x != x || a != a || x < 0 || a < 0) return __builtin_nan("");
  if (a == 0) return x > 0 ? 0 : __builtin_nan("");
  if (x == 0) return 1;
  if (a == INF) return x == INF ? __builtin_nan("") : 1;
  if (x == INF) return 0;
  if (x <= 1.1 && a < 1) return igammac_small(a, x);
  return prefers_series(a, x) ? 1 - igamma_series(a, x) : igammac_fraction(a, x);
}

}  // namespace fathom
