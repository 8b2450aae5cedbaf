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
  constexpr i64 half = SHARED_BYTES / 2 / i64(sizeof(T));
  T* memory = reinterpret_cast<T*>(shared_memory());
  return {memory, half, memory + half, half};
}
template <class T> INLINE PackBuffers<T> thread_buffers() {
  constexpr i64 half = SCRATCH_BYTES / 2 / i64(sizeof(T));
  T* memory = static_cast<T*>(thread_scratch());
  return {memory, half, memory + half, half};
}

// Rows cut into strips of nearly equal height, at most TILE_ROWS each.
struct Strips {
  i64 count, low, higher;  // the first `higher` strips have low + 1 rows
  INLINE explicit Strips(i64 rows) : count(ceil_div(rows, i64(TILE_ROWS))), low(rows / count), higher(rows % count) {}
  INLINE i64 start(i64 s) const { return s * low + min_of(s, higher); }
  INLINE i64 height(i64 s) const { return low + (s < higher); }
};

// Where a tile finds its strip of A.
enum class StripAt {
  IN_PLACE,
  SHARED,  // packed before the block is computed
  OWN,     // packed by the task that reads it, into its thread's scratch
};

// How one product runs: the same for all its blocks.
template <class T> struct GemmPlan {
  Strips strips;
  i64 kc, nc, sc;  // depth and columns of a block of B, strips of a block of A
  StripAt a;
  bool b_in_place;  // but for a last panel that is not full
  bool fold_bias;   // the bias is added by the tiles
};

template <class T> INLINE GemmPlan<T> plan_product(const Gemm<T>& g, const PackBuffers<T>& pack) {
  constexpr i64 NR = TILE_COLS<T>, KC_MAX = 1280 / i64(sizeof(T));
  GemmPlan<T> p{Strips(g.M), ceil_div(g.K, ceil_div(g.K, KC_MAX)), 0, 0, StripAt::OWN, false, g.bias != nullptr && !g.bias_over_rows && !g.accumulate};
  p.nc = min_of(round_up(g.N, NR), pack.b_elements / p.kc / NR * NR);
  p.sc = p.strips.count;
  const bool few = p.strips.count <= 2;
  if (g.a_col == 1) {
    if (TILES_READ_ROWS && !g.subtract && (few || g.N <= 8 * NR)) p.a = StripAt::IN_PLACE;
  } else if (g.a_row == 1) {
    // Columns of A that lie near each other; elsewhere lines are packed along their length, for as many strips as there is room.
    if (!g.subtract && (few || g.a_col * i64(sizeof(T)) <= 128)) p.a = StripAt::IN_PLACE;
    else p.a = StripAt::SHARED, p.sc = min_of(p.sc, pack.a_elements / p.kc / TILE_ROWS);
  }
  // Few rows of A use each panel of B once or twice: not worth a copy, unless its rows would meet in few sets of the first-level cache.
  p.b_in_place = g.b_col == 1 && few && g.b_row * i64(sizeof(T)) % 1024 != 0;
  return p;
}

// A's strips [s0, s1) and steps [k0, k0 + depth), one after the other.
template <class T> NOINLINE void pack_strips(T* to, const Gemm<T>& g, const Strips& strips, i64 s0, i64 s1, i64 k0, i64 depth) {
  const i64 first = strips.start(s0);
  const T* A = g.A + k0 * g.a_col;
  for (i64 s = s0; s < s1;) {
    const i64 height = strips.height(s), i = strips.start(s);
    i64 count = 1;
    if (g.a_row == 1) {
      count = (s < strips.higher ? min_of(s1, strips.higher) : s1) - s;
      pack_dense(to + (i - first) * depth, height * depth, A + i, g.a_col, height, count, depth);
    } else {
      pack_lines(to + (i - first) * depth, height, A + i * g.a_row, g.a_row, g.a_col, height, depth);
    }
    s += count;
  }
  if (g.subtract)
    for (i64 q = 0, n = (strips.start(s1) - first) * depth; q < n; q++) to[q] = -to[q];
}

// Panels [p0, p1) of B's block at (k0, col), `cols` wide; the last one may have fewer vectors.
template <class T> NOINLINE void pack_panels(T* to, const Gemm<T>& g, i64 p0, i64 p1, i64 k0, i64 depth, i64 col, i64 cols) {
  constexpr i64 NR = TILE_COLS<T>;
  const T* B = g.B + k0 * g.b_row + col * g.b_col;
  for (i64 p = p0; p < p1;) {
    const i64 width = min_of(NR, cols - p * NR);
    i64 count = 1;
    if (g.b_col == 1 && width == NR) {
      count = min_of(p1, cols / NR) - p;
      pack_dense(to + p * NR * depth, NR * depth, B + p * NR, g.b_row, NR, count, depth);
    } else {
      pack_lines(to + p * NR * depth, round_up(width, LANES<T>), B + p * NR * g.b_col, g.b_col, g.b_row, width, depth);
    }
    p += count;
  }
}

// A block of the operands: strips from `strip`, columns from `col`, steps [k0, k0 + depth).
struct GemmBlock {
  i64 strip, strips, col, cols, k0, depth;
};

// C's strips [s0, s1) and panels [p0, p1) of a block.
template <class T>
NOINLINE void multiply_block(const Gemm<T>& g, const GemmPlan<T>& plan, const PackBuffers<T>& pack, const GemmBlock& block, i64 s0, i64 s1, i64 p0, i64 p1) {
  constexpr i64 NR = TILE_COLS<T>, L = LANES<T>;
  const Strips& strips = plan.strips;
  const i64 depth = block.depth;
  T* a = plan.a == StripAt::OWN ? static_cast<T*>(thread_scratch()) : pack.a;
  const i64 first = strips.start(plan.a == StripAt::OWN ? s0 : block.strip);
  if (plan.a == StripAt::OWN) pack_strips(a, g, strips, s0, s1, block.k0, depth);
  Tile<T> t;
  t.K = static_cast<i32>(depth);
  t.ldc = g.c_row;
  const bool rows = plan.a == StripAt::IN_PLACE && g.a_col == 1, more = block.k0 > 0 || g.accumulate;
  t.ld_add = more ? g.c_row : 0;
  for (i64 p = p0; p < p1; p++) {
    const i64 width = min_of(NR, block.cols - p * NR), vectors = ceil_div(width, L), j = block.col + p * NR;
    const bool in_place = plan.b_in_place && width == NR;
    t.b = in_place ? g.B + block.k0 * g.b_row + j : pack.b + p * NR * depth;
    t.ldb = in_place ? g.b_row : vectors * L;
    t.lanes = width - (vectors - 1) * L;
    const auto kernel = [&](i64 height) {
      if constexpr (TILES_READ_ROWS)
        if (rows) return tile_kernel<T, true>(height, vectors);
      return tile_kernel<T, false>(height, vectors);
    };
    const TileKernel<T> low = kernel(strips.low), high = strips.higher > s0 ? kernel(strips.low + 1) : low;
    for (i64 s = s0; s < s1; s++) {
      const i64 i = strips.start(s);
      if (plan.a == StripAt::IN_PLACE) t.a = g.A + i * g.a_row + block.k0 * g.a_col, t.lda = rows ? g.a_row : g.a_col;
      else t.a = a + (i - first) * depth, t.lda = strips.height(s);
      t.c = g.C + i * g.c_row + j;
      t.add = more ? t.c : plan.fold_bias ? g.bias + j : nullptr;
      (s < strips.higher ? high : low)(t);
    }
  }
}

// Packs what the block's tasks share, then multiplies.
template <class T> NOINLINE void run_block(const Gemm<T>& g, const GemmPlan<T>& plan, const PackBuffers<T>& pack, const GemmBlock& block) {
  constexpr i64 NR = TILE_COLS<T>;
  const Strips& strips = plan.strips;
  const i64 panels = ceil_div(block.cols, NR), last_strip = block.strip + block.strips;
  // Groups of panels and strips, so that lines are read in long pieces. B's block is packed once for all blocks of strips.
  const i64 skip = block.strip > 0 ? panels : plan.b_in_place ? block.cols / NR : 0, shared = plan.a == StripAt::SHARED ? block.strips : 0;
  const i64 b_group = max_of(ceil_div(i64(1) << 14, block.depth * NR), ceil_div(panels, i64(12))), b_groups = ceil_div(panels - skip, b_group);
  const i64 a_group = max_of(ceil_div(i64(1) << 14, block.depth * TILE_ROWS), ceil_div(shared, i64(12))), a_groups = ceil_div(shared, a_group);
  parallel_for(a_groups + b_groups, 1, [&](i64 begin, i64 end) {
    for (i64 t = begin; t < end; t++) {
      if (t < b_groups) {
        const i64 p = skip + t * b_group;
        pack_panels(pack.b, g, p, min_of(p + b_group, panels), block.k0, block.depth, block.col, block.cols);
      } else {
        const i64 s = block.strip + (t - b_groups) * a_group;
        pack_strips(pack.a + (strips.start(s) - strips.start(block.strip)) * block.depth, g, strips, s, min_of(s + a_group, last_strip), block.k0, block.depth);
      }
    }
  });
  // Tasks of whole rows where there are enough strips: a task may have to pack its strips, and loads each panel into the first-level cache. Many
  // small tasks, because threads that were held up elsewhere leave the others waiting for at most one task.
  const i64 work = (strips.start(last_strip) - strips.start(block.strip)) * block.cols * block.depth;
  const i64 room = SCRATCH_BYTES / 2 / i64(sizeof(T)) / (block.depth * TILE_ROWS), most = max_of(min_of(room, i64(16)), i64(1));
  const i64 tasks = min_of(work >> 17, i64(64));
  const i64 down = min_of(block.strips, max_of(ceil_div(block.strips, most), min_of(tasks, ceil_div(block.strips, i64(2)))));
  const i64 across = min_of(panels, max_of(ceil_div(min_of(tasks, i64(8)), down), i64(1)));
  Gemm<T> finish = g;
  if (plan.fold_bias) finish.bias = nullptr;
  parallel_for(down * across, tasks <= 1 ? down * across : 1, [&](i64 begin, i64 end) {
    for (i64 task = begin; task < end; task++) {
      const i64 d = task % down, c = task / down;
      const i64 s0 = block.strip + block.strips * d / down, s1 = block.strip + block.strips * (d + 1) / down;
      const i64 p0 = panels * c / across, p1 = panels * (c + 1) / across;
      multiply_block(g, plan, pack, block, s0, s1, p0, p1);
      if (block.k0 + block.depth == g.K)
        finish_block(finish, strips.start(s0), strips.start(s1) - strips.start(s0), block.col + p0 * NR, min_of(p1 * NR, block.cols) - p0 * NR);
    }
  });
}

// K >= 1. The sum over K is cut by K alone, so neither threads nor the shape of the blocks change the result.
template <class T> NOINLINE void gemm_blocked(const Gemm<T>& g, const PackBuffers<T>& pack) {
  const GemmPlan<T> plan = plan_product(g, pack);
  for (i64 col = 0; col < g.N; col += plan.nc)
    for (i64 k0 = 0; k0 < g.K; k0 += plan.kc)
      for (i64 strip = 0; strip < plan.strips.count; strip += plan.sc)
        run_block(g, plan, pack, {strip, min_of(plan.sc, plan.strips.count - strip), col, min_of(plan.nc, g.N - col), k0, min_of(plan.kc, g.K - k0)});
}

}  // namespace fathom
