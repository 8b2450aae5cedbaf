// Rows become columns: blocks of four by four within the quarters of vectors, and packing with them.
#pragma once
#include "simd.h"

namespace fathom {

using Quad = Vec<f32, 4>;

// In each quarter of four lanes (float32): rows become columns.
template <class V> INLINE void transpose_quads(V& a, V& b, V& c, V& d) {
  constexpr int L = lanes_of<V>;
  static_assert(sizeof(V) == 4 * L, "four-byte lanes");
  V ab, cd, AB, CD;
  if constexpr (L == 4) {
    ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    a = __builtin_shufflevector(ab, cd, 0, 1, 4, 5), b = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    c = __builtin_shufflevector(AB, CD, 0, 1, 4, 5), d = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
  } else if constexpr (L == 8) {
    ab = __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13), AB = __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
    cd = __builtin_shufflevector(c, d, 0, 8, 1, 9, 4, 12, 5, 13), CD = __builtin_shufflevector(c, d, 2, 10, 3, 11, 6, 14, 7, 15);
    a = __builtin_shufflevector(ab, cd, 0, 1, 8, 9, 4, 5, 12, 13), b = __builtin_shufflevector(ab, cd, 2, 3, 10, 11, 6, 7, 14, 15);
    c = __builtin_shufflevector(AB, CD, 0, 1, 8, 9, 4, 5, 12, 13), d = __builtin_shufflevector(AB, CD, 2, 3, 10, 11, 6, 7, 14, 15);
  } else {
    ab = __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    AB = __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    cd = __builtin_shufflevector(c, d, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
    CD = __builtin_shufflevector(c, d, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
    a = __builtin_shufflevector(ab, cd, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    b = __builtin_shufflevector(ab, cd, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    c = __builtin_shufflevector(AB, CD, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    d = __builtin_shufflevector(AB, CD, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
}

// One vector of quarters from p[0], p[1], … (as many as it has).
template <class V> INLINE V join_quads(const f32* const* p, i64 at) {
  constexpr int L = lanes_of<V>;
  const Quad a = load<Quad>(p[0] + at);
  if constexpr (L == 4) return bit_cast<V>(a);
  else {
    const auto low = __builtin_shufflevector(a, load<Quad>(p[4] + at), 0, 1, 2, 3, 4, 5, 6, 7);
    if constexpr (L == 8) return bit_cast<V>(low);
    else {
      const auto high = __builtin_shufflevector(load<Quad>(p[8] + at), load<Quad>(p[12] + at), 0, 1, 2, 3, 4, 5, 6, 7);
      return bit_cast<V>(__builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    }
  }
}

// to[i * ld + r] = row[r][i] for i < n and as many rows as a vector has lanes. The stores of one i go over the first of the next where ld is smaller,
// so i rises. With `beyond`, up to three values after each row may be read and up to three lines after the last be written.
template <bool beyond, class T> INLINE void transpose_rows(T* to, i64 ld, const T* const* row, i64 n) {
  constexpr int L = LANES<T>;
  i64 i = 0;
  if constexpr (sizeof(T) == 4) {
    using V = Vec<T>;
    for (; beyond ? i < n : i + 4 <= n; i += 4, to += 4 * ld) {
      V a = join_quads<V>(row, i), b = join_quads<V>(row + 1, i), c = join_quads<V>(row + 2, i), d = join_quads<V>(row + 3, i);
      transpose_quads(a, b, c, d);
      store(to, a), store(to + ld, b), store(to + 2 * ld, c), store(to + 3 * ld, d);
    }
  }
  for (; i < n; i++, to += ld)
    for (int r = 0; r < L; r++) to[r] = row[r][i];
}

}  // namespace fathom
