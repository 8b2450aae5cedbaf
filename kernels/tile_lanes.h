// Ends of rows: partial vectors, and tiles that stick out over the right edge. For kernels that work on packed tiles of any width.
#pragma once
#include "matmul_tile.h"

namespace fathom {

// The first `lanes` lanes; loading fills the others with zeros, storing leaves what is there.
template <class T> INLINE Vec<T> load_lanes(const T* p, i64 lanes) {
  if (LIKELY(lanes == LANES<T>)) return load<Vec<T>>(p);
  T all[LANES<T>] = {};
  for (i64 j = 0; j < lanes; j++) all[j] = p[j];
  return load<Vec<T>>(all);
}
template <class T> INLINE void store_lanes(T* p, Vec<T> v, i64 lanes) {
  if (LIKELY(lanes == LANES<T>)) return store(p, v);
  T all[LANES<T>];
  store(all, v);
  for (i64 j = 0; j < lanes; j++) p[j] = all[j];
}

// C[height][cols] (+)= A B for packed operands, whatever the width.
template <class T> INLINE void tile_into(i64 height, i64 width, i64 K, const T* a, const T* b, T* c, i64 ldc, bool accumulate) {
  constexpr i64 NR = TILE_COLS<T>;
  const PackedTile<T> tile = packed_tile<T>(height);
  if (width == NR) return tile(static_cast<i32>(K), a, b, NR, c, static_cast<i32>(ldc), accumulate);
  alignas(64) T edge[TILE_ROWS * NR];
  tile(static_cast<i32>(K), a, b, NR, edge, NR, 0);
  for (i64 r = 0; r < height; r++)
    for (i64 j = 0; j < width; j++) c[r * ldc + j] = accumulate ? c[r * ldc + j] + edge[r * NR + j] : edge[r * NR + j];
}

}  // namespace fathom
