// Rows and columns of contiguous blocks as vectors, the last of them filled up.
#pragma once
#include "simd.h"

namespace fathom {

// Full vectors of a row, then its rest padded with `fill`: f(position, vector, lanes in use).
template <class T, class F> INLINE void row_vectors(const T* x, i64 n, T fill, F f) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  i64 i = 0;
  for (; i + L <= n; i += L) f(i, load<V>(x + i), L);
  if (i == n) return;
  T rest[L];
  for (i64 j = 0; j < L; j++) rest[j] = i + j < n ? x[i + j] : fill;
  f(i, load<V>(rest), n - i);
}
template <class T> INLINE void put(T* to, Vec<T> v, i64 lanes) {
  if (lanes == LANES<T>) return store(to, v);
  T all[LANES<T>];
  store(all, v);
  for (i64 j = 0; j < lanes; j++) to[j] = all[j];
}

// Columns [j, j + L) of a [n, inner] block as vectors: one strided pass each. `lanes` < L reads and writes only so many.
template <class T> struct Columns {
  const T* x;
  i64 inner, lanes;
  INLINE Vec<T> at(i64 i) const {
    const T* from = x + i * inner;
    if (LIKELY(lanes == LANES<T>)) return load<Vec<T>>(from);
    T all[LANES<T>] = {};
    for (i64 j = 0; j < lanes; j++) all[j] = from[j];
    return load<Vec<T>>(all);
  }
};

}  // namespace fathom
