// Classical orthogonal polynomials by their three-term recurrences (Abramowitz and Stegun 22.7).
#include "math.h"

namespace fathom {

// p_0 = 1, p_1 = first, p_k = step(k, p_{k-1}, p_{k-2}).
template <class F> static inline f64 recurrence(f64 degree, f64 first, F step) {
  if (degree != degree) return degree;
  if (degree < 0) return 0;
  if (degree >= 1000001) return __builtin_nan("");
  const i64 n = i64(degree);
  if (n == 0) return 1;
  f64 before = 1, p = first;
  for (i64 k = 2; k <= n; k++) {
    const f64 next = step(f64(k), p, before);
    before = p;
    p = next;
  }
  return p;
}

f64 m_chebyshev_t(f64 x, f64 n) {
  return recurrence(n, x, [x](f64, f64 p, f64 q) { return 2 * x * p - q; });
}
f64 m_hermite(f64 x, f64 n) {
  return recurrence(n, 2 * x, [x](f64 k, f64 p, f64 q) { return 2 * (x * p - (k - 1) * q); });
}
f64 m_hermite_he(f64 x, f64 n) {
  return recurrence(n, x, [x](f64 k, f64 p, f64 q) { return x * p - (k - 1) * q; });
}
f64 m_gegenbauer(f64 x, f64 n, f64 lambda) {
  return recurrence(n, 2 * lambda * x, [x, lambda](f64 k, f64 p, f64 q) { return (2 * (k + lambda - 1) * x * p - (k + 2 * lambda - 2) * q) / k; });
}
f64 m_laguerre(f64 x, f64 n, f64 alpha) {
  return recurrence(n, 1 + alpha - x, [x, alpha](f64 k, f64 p, f64 q) { return ((2 * k - 1 + alpha - x) * p - (k - 1 + alpha) * q) / k; });
}

}  // namespace fathom
