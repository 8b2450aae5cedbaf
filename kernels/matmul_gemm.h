// Blocked matrix product over packed panels; the parallel engine behind MATMUL.
#pragma once
#include "matmul_tile.h"

namespace fathom {

// C[M, N] = A[M, K] B[K, N] (or +=), then bias and activation. Strides count elements; C's columns are dense.
template <class T> struct Gemm {
  i64 M, N, K;
  const T* A;
  i64 a_row, a_col;
  const T* B;
  i64 b_row, b_col;
  T* C;
  i64 c_row;
  bool accumulate;
  const T* bias;
  bool bias_over_rows;
  i32 activation;
  bool subtract = false;  // C -= A B (with accumulate): A is negated as it is packed
};

// Memory for the packed blocks of A and B.
template <class T> struct PackBuffers {
  T* a;
  i64 a_elements;
  T* b;
  i64 b_elements;
};

template <class T> INLINE void finish_block(const Gemm<T>& g, i64 row, i64 rows, i64 col, i64 cols) {
  if (g.bias == nullptr && g.activation == ACT_NONE) return;
  for (i64 i = row; i < row + rows; i++)
    finish_row<T>(g.C + i * g.c_row + col, cols, g.bias && !g.bias_over_rows ? g.bias + col : nullptr,
                  g.bias && g.bias_over_rows ? g.bias[i] : T(0), g.activation);
}

// 64-byte aligned memory that matrix product, convolution and factorisations share for what all threads read: packed operands, partial results.
constexpr i64 SHARED_BYTES = 4 << 20;
u8* shared_memory();

// Packed blocks of the products that use the whole pool; smaller ones pack into the thread's scratch.
template <class T> INLINE PackBuffers<T> shared_buffers() {
  constexpr i64 half = SHARED_BYTES / 2;
  return {reinterpret_cast<T*>(shared_memory()), half / i64(sizeof(T)), reinterpret_cast<T*>(shared_memory() + half), half / i64(sizeof(T))};
}
template <class T> INLINE PackBuffers<T> thread_buffers() {
  T* memory = static_cast<T*>(thread_scratch());
  constexpr i64 half = SCRATCH_BYTES / 2 / i64(sizeof(T));
  return {memory, half, memory + half, half};
}

// One block of C from packed operands: rows [i0, i1) and columns [j0, j1) of the packed area, which stands at (row, col) of C. `in_place`: where whole
// panels of B are read instead of the packed ones, or null.
template <class T>
NOINLINE void multiply_block(const Gemm<T>& g, const PackBuffers<T>& pack, const T* in_place, i64 row, i64 col, i64 rows, i64 cols, i64 kc, i64 i0,
                             i64 i1, i64 j0, i64 j1, bool accumulate) {
  constexpr i64 NR = TILE_COLS<T>;
  alignas(64) T edge[TILE_ROWS * NR];
  const PackedTile<T> full = tile_packed<T, TILE_ROWS>;
  i1 = min_of(i1, rows);
  j1 = min_of(j1, cols);
  for (i64 j = j0; j < j1; j += NR) {
    const i64 width = min_of(NR, cols - j);
    const bool packed = in_place == nullptr || width < NR;
    const T* b = packed ? pack.b + j * kc : in_place + j;
    const i32 ldb = static_cast<i32>(packed ? NR : g.b_row);
    for (i64 i = i0; i < i1; i += TILE_ROWS) {
      const T* a = pack.a + i * kc;
      const i64 height = min_of(i64(TILE_ROWS), rows - i);
      T* c = g.C + (row + i) * g.c_row + col + j;
      const PackedTile<T> tile = height == TILE_ROWS ? full : packed_tile<T>(height);
      if (width == NR) {
        tile(static_cast<i32>(kc), a, b, ldb, c, static_cast<i32>(g.c_row), accumulate);
        continue;
      }
      tile(static_cast<i32>(kc), a, b, ldb, edge, NR, 0);
      for (i64 r = 0; r < height; r++)
        for (i64 q = 0; q < width; q++) c[r * g.c_row + q] = accumulate ? c[r * g.c_row + q] + edge[r * NR + q] : edge[r * NR + q];
    }
  }
}

// K >= 1. The sum over K is cut by K alone, so neither threads nor the shape of the blocks change the result.
template <class T> NOINLINE void gemm_blocked(const Gemm<T>& g, const PackBuffers<T>& pack) {
  constexpr i64 NR = TILE_COLS<T>, MR = TILE_ROWS, KC_MAX = 1280 / i64(sizeof(T));
  const i64 kc = ceil_div(g.K, ceil_div(g.K, KC_MAX));
  const i64 mc = min_of(round_up(g.M, MR), max_of(pack.a_elements / kc / MR * MR, MR));
  const i64 nc = min_of(round_up(g.N, NR), max_of(pack.b_elements / kc / NR * NR, NR));
  // Few rows of A use each panel of B once or twice: not worth a copy, unless its rows would meet in few sets of the first-level cache.
  const bool in_place = g.b_col == 1 && g.M <= 2 * MR && g.b_row * i64(sizeof(T)) % 1024 != 0;
  for (i64 col = 0; col < g.N; col += nc)
    for (i64 k0 = 0; k0 < g.K; k0 += kc)
      for (i64 row = 0; row < g.M; row += mc) {
        const i64 rows = min_of(mc, g.M - row), cols = min_of(nc, g.N - col), depth = min_of(kc, g.K - k0);
        const bool last = k0 + kc >= g.K, accumulate = g.accumulate || k0 > 0;
        // B's block is packed once for all blocks of rows.
        const i64 a_panels = ceil_div(rows, MR), b_panels = row > 0 ? 0 : in_place ? (cols % NR != 0) : ceil_div(cols, NR);
        const i64 per_panel = depth * NR;
        parallel_for(a_panels + b_panels, ceil_div(i64(1) << 14, per_panel), [&](i64 begin, i64 end) {
          for (i64 p = begin; p < end; p++) {
            if (p < b_panels) {
              const i64 j = in_place ? cols / NR * NR : p * NR;
              pack_lines(pack.b + j * depth, NR, g.B + k0 * g.b_row + (col + j) * g.b_col, g.b_col, g.b_row, min_of(NR, cols - j), depth);
            } else {
              const i64 i = (p - b_panels) * MR, height = min_of(MR, rows - i);
              pack_lines(pack.a + i * depth, height, g.A + (row + i) * g.a_row + k0 * g.a_col, g.a_row, g.a_col, height, depth);
              if (g.subtract)
                for (i64 q = 0; q < height * depth; q++) pack.a[i * depth + q] = -pack.a[i * depth + q];
            }
          }
        });
        // Blocks of C that fit the second-level cache with their operands, halved until there are enough to share.
        i64 block_rows = min_of(16 * MR, round_up(rows, MR)), block_cols = min_of(i64(2048) / i64(sizeof(T)), round_up(cols, NR));
        while (ceil_div(rows, block_rows) * ceil_div(cols, block_cols) < 16 && block_rows * block_cols * depth > 100000) {
          if (block_cols >= 2 * block_rows && block_cols > NR) block_cols = round_up(block_cols / 2, NR);
          else if (block_rows > MR) block_rows = round_up(block_rows / 2, MR);
          else break;
        }
        const i64 down = ceil_div(rows, block_rows), across = ceil_div(cols, block_cols);
        parallel_for(down * across, ceil_div(i64(50000), block_rows * block_cols * depth), [&](i64 begin, i64 end) {
          for (i64 task = begin; task < end; task++) {
            const i64 i = task % down * block_rows, j = task / down * block_cols;
            multiply_block(g, pack, in_place ? g.B + k0 * g.b_row + col : nullptr, row, col, rows, cols, depth, i, i + block_rows, j, j + block_cols, accumulate);
            if (last) finish_block(g, row + i, min_of(block_rows, rows - i), col + j, min_of(block_cols, cols - j));
          }
        });
      }
}

}  // namespace fathom
