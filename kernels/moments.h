// Moments of runs of values in one pass, and the sums and maps that normalisation by them needs. Shared by ROW_NORM and BATCH_NORM.
#pragma once
#include "parallel.h"
#include "rows.h"

namespace fathom {

// Mean and sum of squared deviations, joined part by part (Chan, Golub and LeVeque, 1979).
struct Moments {
  f64 count = 0, mean = 0, m2 = 0;
  // Adds n values given as sums of d and d² where d = x - center.
  INLINE void join(f64 n, f64 center, f64 sum, f64 squares) {
    if (n == 0) return;
    const f64 part_mean = center + sum / n, part_m2 = max_of(squares - sum * sum / n, 0.0), total = count + n, delta = part_mean - mean;
    mean += delta * n / total;
    m2 += part_m2 + delta * delta * count * n / total;
    count = total;
  }
  INLINE f64 variance() const { return count > 0 ? m2 / count : 0; }
};

// Numbers that are summed in T before their sum goes into double precision.
constexpr i64 PART = 2048;

// The sum of four vectors of partial sums.
template <class T> INLINE f64 total_of(const Vec<T>* v) {
  const Vec<T> all = Vec<T>(v[0] + v[1]) + Vec<T>(v[2] + v[3]);
  f64 s = 0;
  for (int i = 0; i < LANES<T>; i++) s += f64(all[i]);
  return s;
}

// f(position, k) for whole groups of four vectors, k = 0 … 3, so that sums run in four independent chains; gives where the groups end.
template <class T, class F> INLINE i64 four_at_once(i64 n, F f) {
  constexpr i64 L = LANES<T>;
  i64 i = 0;
  for (; i + 4 * L <= n; i += 4 * L)
    for (int k = 0; k < 4; k++) f(i + k * L, k);
  return i;
}

// Moments of runs of neighbouring values in one pass. Deviations are taken from the mean so far, so that nothing cancels.
template <class T> struct MomentSum {
  using V = Vec<T>;
  Moments moments;
  T center = 0;
  i64 pending = 0;
  bool centred;
  V sum[4] = {}, squares[4] = {};
  // Root mean squares (centred false) are taken about 0.
  explicit MomentSum(bool c) : centred(c) {}

  INLINE void add(const T* x, i64 n) {
    while (n > 0) {
      const i64 part = min_of(n, PART - pending);
      if (centred && moments.count == 0 && pending == 0) {
        V s[4] = {};
        const i64 body = four_at_once<T>(part, [&](i64 i, int k) { s[k] += load<V>(x + i); });
        row_vectors(x + body, part - body, T(0), [&](i64, V v, i64) { s[0] += v; });
        center = T(total_of<T>(s) / f64(part));
      }
      const V c = splat<V>(center);
      const i64 body = four_at_once<T>(part, [&](i64 i, int k) {
        const V d = load<V>(x + i) - c;
        sum[k] += d;
        squares[k] = fma(d, d, squares[k]);
      });
      row_vectors(x + body, part - body, center, [&](i64, V v, i64) {
        const V d = v - c;
        sum[0] += d;
        squares[0] = fma(d, d, squares[0]);
      });
      pending += part;
      if (pending == PART) flush();
      x += part;
      n -= part;
    }
  }
  INLINE void flush() {
    moments.join(f64(pending), f64(center), total_of<T>(sum), total_of<T>(squares));
    if (centred) center = T(moments.mean);
    for (int k = 0; k < 4; k++) sum[k] = squares[k] = V{};
    pending = 0;
  }
  // Mean of squares about 0, when not centred.
  INLINE f64 mean_square() const { return moments.variance() + moments.mean * moments.mean; }
};

INLINE f64 inverse_root(f64 v) { return 1 / __builtin_sqrt(v); }

// y = (x - mean) scale + shift over a run.
template <class T> INLINE void affine(const T* x, T* y, i64 n, T mean, T scale, T shift) {
  using V = Vec<T>;
  const V m = splat<V>(mean), s = splat<V>(scale), b = splat<V>(shift);
  row_vectors(x, n, T(0), [&](i64 i, V v, i64 lanes) { put(y + i, fma(V(v - m), s, b), lanes); });
}

// Two sums over runs: of g and of g (x - center).
template <class T> struct ProductSum {
  using V = Vec<T>;
  V g_sum[4] = {}, product[4] = {};
  i64 pending = 0;
  f64 of_g = 0, of_product = 0;
  INLINE void add(const T* x, const T* g, i64 n, T center) {
    const V c = splat<V>(center);
    for (i64 at = 0; at < n;) {
      const i64 part = min_of(n - at, PART - pending);
      const T *xs = x + at, *gs = g + at;
      i64 i = four_at_once<T>(part, [&](i64 j, int k) {
        const V v = load<V>(gs + j);
        g_sum[k] += v;
        product[k] = fma(V(load<V>(xs + j) - c), v, product[k]);
      });
      for (; i + LANES<T> <= part; i += LANES<T>) {
        const V v = load<V>(gs + i);
        g_sum[0] += v;
        product[0] = fma(V(load<V>(xs + i) - c), v, product[0]);
      }
      for (; i < part; i++) {
        g_sum[0][0] += gs[i];
        product[0][0] += gs[i] * (xs[i] - center);
      }
      pending += part;
      at += part;
      if (pending == PART) flush();
    }
  }
  INLINE void flush() {
    of_g += total_of<T>(g_sum);
    of_product += total_of<T>(product);
    for (int k = 0; k < 4; k++) g_sum[k] = product[k] = V{};
    pending = 0;
  }
};

// dx = g scale - (x - mean) slope - offset over a run.
template <class T> INLINE void affine_back(const T* x, const T* g, T* dx, i64 n, T mean, T scale, T slope, T offset) {
  using V = Vec<T>;
  const V m = splat<V>(mean), a = splat<V>(scale), b = splat<V>(slope), c = splat<V>(offset);
  i64 i = 0;
  for (; i + LANES<T> <= n; i += LANES<T>) store(dx + i, V(load<V>(g + i) * a - (load<V>(x + i) - m) * b - c));
  for (; i < n; i++) dx[i] = g[i] * scale - (x[i] - mean) * slope - offset;
}

}  // namespace fathom
