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

// f(sample of V): V the widest vector, down to one of 16 bytes and to a single number, that a row of n elements fills. Such rows end in a vector
// that overlaps those before it, where `fresh` lanes are new.
template <class T, class F> INLINE void with_width(i64 n, F f) {
  constexpr int NARROW = 16 / int(sizeof(T));
  if (n >= LANES<T>) f(Vec<T>{});
  else if (LANES<T> > NARROW && n >= NARROW) f(Vec<T, NARROW>{});
  else f(T{});
}
// The last `fresh` lanes of v, zeros before them.
template <class V> INLINE V last_lanes(V v, i64 fresh) {
  if constexpr (is_scalar<V>) return fresh > 0 ? v : V(0);
  else {
    using I = IntOf<V>;
    using E = Elem<I>;
    constexpr int L = lanes_of<V>;
    I lane;
    for (int i = 0; i < L; i++) lane[i] = E(i);
    return select(I(lane >= splat<I>(E(L - fresh))), v, V{});
  }
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
