// Reductions of one dense block, and of one block into a row of accumulators.
#pragma once
#include "program.h"

namespace fathom {

enum Reduction : i32 { R_SUM = 0, R_PROD = 1, R_MAX = 2, R_MIN = 3, R_ANY = 4, R_ALL = 5, R_ARGMAX = 6, R_ARGMIN = 7 };

// What totals are held in: float sums and products in double precision.
template <class T> struct Total { using type = f64; };
template <> struct Total<i64> { using type = i64; };

template <class T> INLINE bool is_nan_value(T x) {
  if constexpr (is_float<T>) return x != x;
  else return false;
}
// Whether a takes the place of b in a maximum (or minimum): strictly better, or the first NaN.
template <class T> INLINE bool beats(T a, T b, bool largest) {
  if (is_nan_value(b)) return false;
  return is_nan_value(a) || (largest ? a > b : a < b);
}

// Partial result over a range of the reduced elements.
template <class A> struct State {
  A value;
  i64 index;  // of the extreme, counted over the reduced shape; -1: nothing seen yet
};

template <class A> INLINE State<A> start_state(i32 kind) { return {A(kind == R_PROD || kind == R_ALL ? 1 : 0), -1}; }

// Joins a later range's result to an earlier one's.
template <class A> NOINLINE void join(State<A>& s, const State<A>& t, i32 kind) {
  switch (kind) {
    case R_SUM: if constexpr (is_float<A>) s.value += t.value; else s.value = A(u64(s.value) + u64(t.value)); break;
    case R_PROD: if constexpr (is_float<A>) s.value *= t.value; else s.value = A(u64(s.value) * u64(t.value)); break;
    case R_ANY: s.value = A(s.value != 0 || t.value != 0); break;
    case R_ALL: s.value = A(s.value != 0 && t.value != 0); break;
    default:
      if (t.index >= 0 && (s.index < 0 || beats(t.value, s.value, kind == R_MAX || kind == R_ARGMAX))) s = t;
  }
}

// --- one block to one value

template <class T> NOINLINE typename Total<T>::type block_sum(const T* x, i64 n) {
  using A = typename Total<T>::type;
  if constexpr (!is_float<T>) {
    u64 s = 0;
    for (i64 i = 0; i < n; i++) s += u64(x[i]);
    return A(s);
  } else {
    using V = Vec<T>;
    constexpr i64 L = LANES<T>;
    V a = {}, b = {}, c = {}, d = {};
    i64 i = 0;
    for (; i + 4 * L <= n; i += 4 * L) {
      a += load<V>(x + i);
      b += load<V>(x + i + L);
      c += load<V>(x + i + 2 * L);
      d += load<V>(x + i + 3 * L);
    }
    A s = 0;
    if (i > 0) {
      T lanes[4 * L];
      store(lanes, a);
      store(lanes + L, b);
      store(lanes + 2 * L, c);
      store(lanes + 3 * L, d);
      for (i64 k = 0; k < 4 * L; k++) s += A(lanes[k]);
    }
    A tail = 0;
    for (; i < n; i++) tail += A(x[i]);
    return s + tail;
  }
}

template <class T> NOINLINE typename Total<T>::type block_prod(const T* x, i64 n) {
  if constexpr (!is_float<T>) {
    u64 p = 1;
    for (i64 i = 0; i < n; i++) p *= u64(x[i]);
    return i64(p);
  } else {
    f64 p[4] = {1, 1, 1, 1};
    i64 i = 0;
    for (; i + 4 <= n; i += 4)
      for (i64 k = 0; k < 4; k++) p[k] *= f64(x[i + k]);
    f64 r = (p[0] * p[1]) * (p[2] * p[3]);
    for (; i < n; i++) r *= f64(x[i]);
    return r;
  }
}

// The extreme of a block, n > 0.
template <class T> NOINLINE T block_extreme(const T* x, i64 n, bool largest) {
  if constexpr (!is_float<T>) {
    T m = x[0];
    for (i64 i = 1; i < n; i++) m = (largest ? x[i] > m : x[i] < m) ? x[i] : m;
    return m;
  } else {
    using V = Vec<T>;
    constexpr i64 L = LANES<T>;
    if (n < 2 * L) {
      T m = x[0];
      for (i64 i = 1; i < n; i++) m = largest ? vmax(m, x[i]) : vmin(m, x[i]);
      return m;
    }
    V a = load<V>(x), b = load<V>(x + n - L);  // the last vector overlaps, so that there is no tail
    i64 i = L;
    if (largest) {
      for (; i + 2 * L <= n; i += 2 * L) {
        a = vmax(a, load<V>(x + i));
        b = vmax(b, load<V>(x + i + L));
      }
      for (; i + L <= n; i += L) a = vmax(a, load<V>(x + i));
      return hmax(vmax(a, b));
    }
    for (; i + 2 * L <= n; i += 2 * L) {
      a = vmin(a, load<V>(x + i));
      b = vmin(b, load<V>(x + i + L));
    }
    for (; i + L <= n; i += L) a = vmin(a, load<V>(x + i));
    return hmin(vmin(a, b));
  }
}

template <class T> NOINLINE i64 first_equal(const T* x, i64 n, T value) {
  if (is_nan_value(value)) {
    for (i64 i = 0; i < n; i++)
      if (is_nan_value(x[i])) return i;
  } else {
    for (i64 i = 0; i < n; i++)
      if (x[i] == value) return i;
  }
  return 0;
}

template <class T> NOINLINE bool has_nonzero(const T* x, i64 n) {
  for (i64 i = 0; i < n; i++)
    if (x[i] != 0) return true;
  return false;
}
template <class T> NOINLINE bool has_zero(const T* x, i64 n) {
  for (i64 i = 0; i < n; i++)
    if (x[i] == 0) return true;
  return false;
}

// Adds the n > 0 elements x, the first of which is number `first` of the reduced shape.
template <class T> NOINLINE void absorb(State<typename Total<T>::type>& s, const T* x, i64 n, i64 first, i32 kind, bool positions) {
  using A = typename Total<T>::type;
  switch (kind) {
    case R_SUM: return join(s, State<A>{block_sum(x, n), 0}, kind);
    case R_PROD: return join(s, State<A>{block_prod(x, n), 0}, kind);
    case R_ANY: if (s.value == 0 && has_nonzero(x, n)) s.value = 1; return;
    case R_ALL: if (s.value != 0 && has_zero(x, n)) s.value = 0; return;
    default: {
      const bool largest = kind == R_MAX || kind == R_ARGMAX;
      const T m = block_extreme(x, n, largest);
      if (s.index >= 0 && !beats(A(m), s.value, largest)) return;
      s.value = A(m);
      s.index = positions ? first + first_equal(x, n, m) : 0;
    }
  }
}

// --- one block into a row of accumulators

template <class T> NOINLINE void add_row(T* acc, const T* x, i64 n) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  i64 i = 0;
  for (; i + 4 * L <= n; i += 4 * L) {
    const V a = load<V>(acc + i) + load<V>(x + i), b = load<V>(acc + i + L) + load<V>(x + i + L);
    const V c = load<V>(acc + i + 2 * L) + load<V>(x + i + 2 * L), d = load<V>(acc + i + 3 * L) + load<V>(x + i + 3 * L);
    store(acc + i, a);
    store(acc + i + L, b);
    store(acc + i + 2 * L, c);
    store(acc + i + 3 * L, d);
  }
  for (; i < n; i++) acc[i] = T(acc[i] + x[i]);
}
template <class T> NOINLINE void extreme_row(T* acc, const T* x, i64 n, bool largest) {
  if constexpr (is_float<T>) {
    using V = Vec<T>;
    constexpr i64 L = LANES<T>;
    i64 i = 0;
    if (largest) {
      for (; i + L <= n; i += L) store(acc + i, vmax(load<V>(acc + i), load<V>(x + i)));
      for (; i < n; i++) acc[i] = vmax(acc[i], x[i]);
    } else {
      for (; i + L <= n; i += L) store(acc + i, vmin(load<V>(acc + i), load<V>(x + i)));
      for (; i < n; i++) acc[i] = vmin(acc[i], x[i]);
    }
  } else {
    for (i64 i = 0; i < n; i++) acc[i] = beats(x[i], acc[i], largest) ? x[i] : acc[i];
  }
}

}  // namespace fathom
