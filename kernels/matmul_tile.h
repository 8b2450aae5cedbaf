// The innermost loop of matrix product and convolution, the tiles' sizes per target, and packing into the order the tiles read.
//
// A tile is R rows of A times one panel of B, C[R][TILE_COLS] = sum over k of A[k][R] * B[k][TILE_COLS], held in registers for the whole of K
// (the arrangement of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008).
#pragma once
#include "parallel.h"
#include "simd.h"

namespace fathom {

// Rows and vectors of a full tile: as many accumulators as the register file holds beside one panel row and one broadcast value.
#if defined(__wasm_relaxed_simd__)
constexpr int TILE_ROWS = 6, TILE_VECS = 2;
#elif defined(__wasm__)
constexpr int TILE_ROWS = 5, TILE_VECS = 2;  // without fused multiply-add the product needs a register too
#elif defined(__AVX512F__)
constexpr int TILE_ROWS = 8, TILE_VECS = 3;
#elif defined(__aarch64__)
constexpr int TILE_ROWS = 8, TILE_VECS = 2;
#else
constexpr int TILE_ROWS = 6, TILE_VECS = 2;
#endif
template <class T> constexpr int TILE_COLS = TILE_VECS * LANES<T>;

// WebAssembly engines do not schedule: the order written is the order run. The fence stops clang from hoisting all loads of an iteration to its
// top, which would spill accumulators; it names the sum just made, or clang would move the arithmetic behind the fences.
#if defined(__wasm__)
#define KEEP_ORDER __asm__ volatile("" ::: "memory")
#define KEEP_SUM(v) __asm__ volatile("" : "+r"(v)::"memory")
#else
#define KEEP_ORDER
#define KEEP_SUM(v)
#endif

// g++ keeps an array of sums in registers only if the loops over it are unrolled early.
#if defined(__GNUC__) && !defined(__clang__)
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif

// The epilogue's activations, numbered as in the instruction set.
enum Activation : i32 { ACT_NONE = 0, ACT_RELU = 1, ACT_SIGMOID = 2, ACT_TANH = 3 };

// The first `lanes` lanes, 1 ... LANES; loading fills the others with zeros, storing leaves what is there.
template <class T, int N> INLINE void copy_part(T* to, const T* from, i64 lanes) {
  if (lanes & N) {
    __builtin_memcpy(to, from, N * sizeof(T));
    to += N;
    from += N;
  }
  if constexpr (N > 1) copy_part<T, N / 2>(to, from, lanes);
}
template <class T> INLINE Vec<T> load_lanes(const T* p, i64 lanes) {
  if (LIKELY(lanes == LANES<T>)) return load<Vec<T>>(p);
  T all[LANES<T>];
  store(all, Vec<T>{});
  copy_part<T, LANES<T> / 2>(all, p, lanes);
  return load<Vec<T>>(all);
}
template <class T> INLINE void store_lanes(T* p, Vec<T> v, i64 lanes) {
  if (LIKELY(lanes == LANES<T>)) return store(p, v);
  T all[LANES<T>];
  store(all, v);
  copy_part<T, LANES<T> / 2>(p, all, lanes);
}

// acc += av times NV vectors.
template <class V, int NV> INLINE void add_multiple(V (&acc)[NV], Elem<V> a, const V (&bv)[NV]) {
  const V av = splat<V>(a);
  UNROLL for (int j = 0; j < NV; j++) acc[j] = fma(av, bv[j], acc[j]);
  UNROLL for (int j = 0; j < NV; j++) KEEP_SUM(acc[j]);
}

// acc += the product of R rows of A and NV vectors of B's columns. Row i of A at step k is a[i * lda + k] (ROWS: dense along k) or a[i + k * lda]
// (dense along i, as packed strips are); row k of B is b + k * ldb.
template <class T, int R, int NV, bool ROWS> INLINE void tile_accumulate(Vec<T> (&acc)[R][NV], i32 K, const T* a, i64 lda, const T* b, i64 ldb) {
  using V = Vec<T>;
  using ptrdiff = __PTRDIFF_TYPE__;
  const ptrdiff a_step = static_cast<ptrdiff>(lda), b_step = static_cast<ptrdiff>(ldb);
  if constexpr (ROWS) {
    const T* p[R];
    UNROLL for (int i = 0; i < R; i++) p[i] = a + i * a_step;
    for (i32 k = 0; k < K; k++, b += b_step) {
      V bv[NV];
      UNROLL for (usize j = 0; j < NV; j++) bv[j] = load<V>(b + j * LANES<T>);
      KEEP_ORDER;
      UNROLL for (int i = 0; i < R; i++) add_multiple(acc[i], p[i][k], bv);
    }
  } else {
    for (i32 k = 0; k < K; k++, a += a_step, b += b_step) {
      V bv[NV];
      UNROLL for (usize j = 0; j < NV; j++) bv[j] = load<V>(b + j * LANES<T>);
      KEEP_ORDER;
      UNROLL for (usize i = 0; i < R; i++) add_multiple(acc[i], a[i], bv);
    }
  }
}

template <class T, int R, int NV> INLINE void clear_sums(Vec<T> (&acc)[R][NV]) {
  UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < NV; j++) acc[i][j] = Vec<T>{};
}

// The operands of one tile.
template <class T> struct Tile {
  i32 K;
  const T* a;
  i64 lda;
  const T* b;
  i64 ldb;
  T* c;
  i64 ldc;
  const T* add;  // what the sums are added to: C itself, a bias (ld_add 0), or null
  i64 ld_add;
  i64 lanes;  // columns of the last vector, 1 ... LANES
};
// Whether tiles that read rows of A in place are worth having: WebAssembly engines compile their many addresses badly.
#if defined(__wasm__)
constexpr bool TILES_READ_ROWS = false;
#else
constexpr bool TILES_READ_ROWS = true;
#endif

#if defined(__wasm__)
// Straight from the loop to the stores: with branches or more vectors behind the loop the engine would spill every sum at each place that sets it.
template <class T, int R, int NV, bool ROWS> NOINLINE void whole_tile(const Tile<T>& t) {
  using V = Vec<T>;
  const i32 ldc = static_cast<i32>(t.ldc), ld_add = static_cast<i32>(t.ld_add);
  V acc[R][NV];
  if (t.add) {
    const T* add = t.add;
    for (int i = 0; i < R; i++, add += ld_add)
      for (int j = 0; j < NV; j++) acc[i][j] = load<V>(add + j * LANES<T>);
  } else {
    clear_sums<T>(acc);
  }
  tile_accumulate<T, R, NV, ROWS>(acc, t.K, t.a, t.lda, t.b, t.ldb);
  T* c = t.c;
  for (int i = 0; i < R; i++, c += ldc)
    for (int j = 0; j < NV; j++) store(c + j * LANES<T>, acc[i][j]);
}
// A last vector that is not full goes through a whole tile beside C.
template <class T, int R, int NV, bool ROWS> NOINLINE void tile_into_place(const Tile<T>& t) {
  constexpr i64 L = LANES<T>, LD = NV * L;
  if (LIKELY(t.lanes == L)) return whole_tile<T, R, NV, ROWS>(t);
  const i64 width = LD - L + t.lanes;
  T edge[R * LD];
  Tile<T> whole = t;
  whole.c = edge;
  whole.ldc = whole.ld_add = LD;
  if (t.add) {
    whole.add = edge;
    for (i64 i = 0; i < R; i++)
      for (i64 j = 0; j < LD; j++) edge[i * LD + j] = j < width ? t.add[i * t.ld_add + j] : 0;
  }
  whole_tile<T, R, NV, ROWS>(whole);
  for (i64 i = 0; i < R; i++) {
    for (i64 j = 0; j < LD - L; j += L) store(t.c + i * t.ldc + j, load<Vec<T>>(edge + i * LD + j));
    for (i64 j = LD - L; j < width; j++) t.c[i * t.ldc + j] = edge[i * LD + j];
  }
}
#else
template <class T, int R, int NV, bool ROWS> NOINLINE void tile_into_place(const Tile<T>& t) {
  using V = Vec<T>;
  constexpr int L = LANES<T>;
  T* c = t.c;
  UNROLL for (int i = 0; i < R; i++) __builtin_prefetch(c + i * t.ldc, 1);
  V acc[R][NV];
  clear_sums<T>(acc);
  tile_accumulate<T, R, NV, ROWS>(acc, t.K, t.a, t.lda, t.b, t.ldb);
  const T* add = t.add;
  if (LIKELY(t.lanes == L)) {
    if (add) {
      UNROLL for (int i = 0; i < R; i++, c += t.ldc, add += t.ld_add)
        UNROLL for (int j = 0; j < NV; j++) store(c + j * L, V(load<V>(add + j * L) + acc[i][j]));
    } else {
      UNROLL for (int i = 0; i < R; i++, c += t.ldc) UNROLL for (int j = 0; j < NV; j++) store(c + j * L, acc[i][j]);
    }
    return;
  }
  UNROLL for (int i = 0; i < R; i++, c += t.ldc) {
    UNROLL for (int j = 0; j < NV; j++) {
      V v = acc[i][j];
      if (j < NV - 1) {
        if (add) v += load<V>(add + j * L);
        store(c + j * L, v);
      } else {
        if (add) v += load_lanes<T>(add + j * L, t.lanes);
        store_lanes<T>(c + j * L, v, t.lanes);
      }
    }
    if (add) add += t.ld_add;
  }
}
#endif

template <class T> using TileKernel = void (*)(const Tile<T>&);
// The tile of `rows` rows, 1 ... TILE_ROWS, and `vectors` vectors of columns, 1 ... TILE_VECS.
template <class T, bool ROWS, int NV = TILE_VECS, int R = TILE_ROWS> INLINE TileKernel<T> tile_kernel(i64 rows, i64 vectors) {
  if constexpr (NV > 1)
    if (vectors < NV) return tile_kernel<T, ROWS, NV - 1, R>(rows, vectors);
  if constexpr (R > 1)
    if (rows < R) return tile_kernel<T, ROWS, NV, R - 1>(rows, vectors);
  return tile_into_place<T, R, NV, ROWS>;
}

// C (or C +=) A B for packed A [K][R] and TILE_COLS columns of B, whose rows are ldb apart (TILE_COLS when packed); rows of C are ldc apart and have
// room for TILE_COLS.
template <class T, int R> NOINLINE void tile_packed(i32 K, const T* a, const T* b, i32 ldb, T* c, i32 ldc, i32 accumulate) {
  using V = Vec<T>;
  V acc[R][TILE_VECS];
  clear_sums<T>(acc);
  tile_accumulate<T, R, TILE_VECS, false>(acc, K, a, R, b, ldb);
  UNROLL for (int i = 0; i < R; i++, c += ldc)
    UNROLL for (int j = 0; j < TILE_VECS; j++) {
      T* to = c + j * LANES<T>;
      store(to, accumulate ? V(load<V>(to) + acc[i][j]) : acc[i][j]);
    }
}

// The same with row k of B read in place at b + offset[k], and one or more vectors of it.
template <class T, int R, int NV>
NOINLINE void tile_offsets(i32 K, const T* a, const T* b, const i32* offset, T* c, i32 ldc, i32 accumulate) {
  using V = Vec<T>;
  V acc[R][NV];
  UNROLL for (int i = 0; i < R; i++) UNROLL for (int j = 0; j < NV; j++) acc[i][j] = V{};
  for (i32 k = 0; k < K; k++) {
    const T* row = b + offset[k];
    V bv[NV];
    UNROLL for (usize j = 0; j < NV; j++) bv[j] = load<V>(row + j * LANES<T>);
    KEEP_ORDER;
    UNROLL for (usize i = 0; i < R; i++) add_multiple(acc[i], a[i], bv);
    a += R;
  }
  UNROLL for (int i = 0; i < R; i++, c += ldc)
    UNROLL for (int j = 0; j < NV; j++) {
      T* to = c + j * LANES<T>;
      store(to, accumulate ? V(load<V>(to) + acc[i][j]) : acc[i][j]);
    }
}

template <class T> using PackedTile = void (*)(i32, const T*, const T*, i32, T*, i32, i32);
template <class T> using OffsetTile = void (*)(i32, const T*, const T*, const i32*, T*, i32, i32);

// The tile for `rows` rows, 1 … TILE_ROWS.
template <class T, int R = TILE_ROWS> INLINE PackedTile<T> packed_tile(i64 rows) {
  if constexpr (R == 1) return tile_packed<T, 1>;
  else return rows >= R ? tile_packed<T, R> : packed_tile<T, R - 1>(rows);
}
template <class T, int NV, int R = TILE_ROWS> INLINE OffsetTile<T> offset_tile(i64 rows) {
  if constexpr (R == 1) return tile_offsets<T, 1, NV>;
  else return rows >= R ? tile_offsets<T, R, NV> : offset_tile<T, NV, R - 1>(rows);
}

// to[k * ld + r] = from[r * row_stride + k] for r < N: N <= 4 lines that are dense along k become columns. WIDE: zeros up to column 4.
template <class T, int N, bool WIDE> NOINLINE void pack_few_transposed(T* to, i64 ld, const T* from, i64 row_stride, i64 K) {
  const T *p0 = from, *p1 = from + row_stride, *p2 = from + 2 * row_stride, *p3 = from + 3 * row_stride;
  i64 k = 0;
  if constexpr (sizeof(T) == 4) {
    using V = Vec<T, 4>;
    using H = Vec<T, 2>;
    for (; k + 4 <= K; k += 4, to += 4 * ld) {
      const V a = load<V>(p0 + k), b = N > 1 ? load<V>(p1 + k) : V{}, c = N > 2 ? load<V>(p2 + k) : V{}, d = N > 3 ? load<V>(p3 + k) : V{};
      const V ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const V cd = __builtin_shufflevector(c, d, 0, 4, 1, 5), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const V at[4] = {__builtin_shufflevector(ab, cd, 0, 1, 4, 5), __builtin_shufflevector(ab, cd, 2, 3, 6, 7),
                       __builtin_shufflevector(AB, CD, 0, 1, 4, 5), __builtin_shufflevector(AB, CD, 2, 3, 6, 7)};
      UNROLL for (int i = 0; i < 4; i++) {
        T* q = to + i * ld;
        if constexpr (N == 4 || WIDE) store(q, at[i]);
        else if constexpr (N == 1) *q = at[i][0];
        else store(q, H(__builtin_shufflevector(at[i], at[i], 0, 1)));
        if constexpr (N == 3 && !WIDE) q[2] = at[i][2];
      }
    }
  }
  for (; k < K; k++, to += ld) {
    to[0] = p0[k];
    if constexpr (N > 1) to[1] = p1[k];
    if constexpr (N > 2) to[2] = p2[k];
    if constexpr (N > 3) to[3] = p3[k];
    if constexpr (WIDE) for (int r = N; r < 4; r++) to[r] = 0;
  }
}

// The same for any number of rows; where ld leaves room, zeros up to a multiple of 4.
template <class T> INLINE void pack_transposed(T* to, i64 ld, const T* from, i64 row_stride, i64 rows, i64 K) {
  i64 r = 0;
  for (; r + 4 <= rows; r += 4) pack_few_transposed<T, 4, false>(to + r, ld, from + r * row_stride, row_stride, K);
  const i64 n = rows - r;
  if (n == 0) return;
  const bool wide = r + 4 <= ld;
  const auto pack = wide ? (n == 1 ? pack_few_transposed<T, 1, true> : n == 2 ? pack_few_transposed<T, 2, true> : pack_few_transposed<T, 3, true>)
                         : (n == 1 ? pack_few_transposed<T, 1, false> : n == 2 ? pack_few_transposed<T, 2, false> : pack_few_transposed<T, 3, false>);
  pack(to + r, ld, from + r * row_stride, row_stride, K);
}

// `count` neighbouring strips of R rows from lines that are dense along the rows: to[s * to_stride + k * R + r] = from[s * R + r + k * k_stride].
// Some lines at a time, each along its length, which the processor fetches ahead; and not one line at a time, which would write to too many places at once.
template <class T, int R> NOINLINE void pack_dense_rows(T* to, i64 to_stride, const T* from, i64 k_stride, i64 count, i64 K) {
  for (i64 k0 = 0; k0 < K; k0 += 16) {
    const i64 lines = min_of(i64(16), K - k0);
    for (i64 s = 0; s < count; s++) {
      T* q = to + s * to_stride + k0 * R;
      const T* p = from + s * R + k0 * k_stride;
      for (i64 k = 0; k < lines; k++, q += R, p += k_stride) __builtin_memcpy(q, p, R * sizeof(T));
    }
  }
}
template <class T, int R = TILE_ROWS> INLINE void pack_dense(T* to, i64 to_stride, const T* from, i64 k_stride, i64 rows, i64 count, i64 K) {
  if constexpr (R == TILE_ROWS)
    if (rows == TILE_COLS<T>) return pack_dense_rows<T, TILE_COLS<T>>(to, to_stride, from, k_stride, count, K);
  if constexpr (R == 1) return pack_dense_rows<T, 1>(to, to_stride, from, k_stride, count, K);
  else return rows >= R ? pack_dense_rows<T, R>(to, to_stride, from, k_stride, count, K) : pack_dense<T, R - 1>(to, to_stride, from, k_stride, rows, count, K);
}

// to[k * ld + r] = from[r * row_stride + k * k_stride] for r < rows, zero for rows <= r < ld.
template <class T> NOINLINE void pack_lines(T* to, i64 ld, const T* from, i64 row_stride, i64 k_stride, i64 rows, i64 K) {
  if (row_stride == 1 && rows == ld && (rows <= TILE_ROWS || rows == TILE_COLS<T>)) return pack_dense(to, i64(0), from, k_stride, rows, i64(1), K);
  i64 done = rows;
  if (k_stride == 1 && row_stride != 1) {
    pack_transposed(to, ld, from, row_stride, rows, K);
    if (round_up(rows, 4) <= ld) done = round_up(rows, 4);
  } else {
    for (i64 k = 0; k < K; k++)
      for (i64 r = 0; r < rows; r++) to[k * ld + r] = from[r * row_stride + k * k_stride];
  }
  if (done == ld) return;
  if ((ld - done) % 4 == 0) {
    for (i64 r = done; r < ld; r += 4)
      for (i64 k = 0; k < K; k++) store(to + k * ld + r, Vec<T, 4>{});
    return;
  }
  for (i64 r = done; r < ld; r++)
    for (i64 k = 0; k < K; k++) to[k * ld + r] = 0;
}

// c[j] = activation(c[j] + bias): bias_vector[j] when given, else the number `bias`.
template <class T> void finish_row(T* c, i64 n, const T* bias_vector, T bias, i32 activation);
extern template void finish_row<f32>(f32*, i64, const f32*, f32, i32);
extern template void finish_row<f64>(f64*, i64, const f64*, f64, i32);

}  // namespace fathom
