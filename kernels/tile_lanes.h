// Tiles of any width, for kernels that work on packed operands.
#pragma once
#include "matmul_tile.h"

namespace fathom {

// C[height][width] (+)= A B for packed operands, whatever the width.
template <class T> INLINE void tile_into(i64 height, i64 width, i64 K, const T* a, const T* b, T* c, i64 ldc, bool accumulate) {
  constexpr i64 L = LANES<T>;
  const i64 vectors = ceil_div(width, L);
  tile_kernel<T, false>(height, vectors)({static_cast<i32>(K), a, height, b, TILE_COLS<T>, c, ldc, accumulate ? c : nullptr, ldc, width - (vectors - 1) * L});
}

}  // namespace fathom
