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
// top, which would spill accumulators.
#if defined(__wasm__)
#define KEEP_ORDER __asm__ volatile("" ::: "memory")
#else
#define KEEP_ORDER
#endif

// The epilogue's activations, numbered as in the instruction set.
enum Activation : i32 { ACT_NONE = 0, ACT_RELU = 1, ACT_SIGMOID = 2, ACT_TANH = 3 };

// C (or C +=) A B for packed A [K][R] and TILE_COLS columns of B, whose rows are ldb apart (TILE_COLS when packed); rows of C are ldc apart and have
// room for TILE_COLS.
template <class T, int R> NOINLINE void tile_packed(i32 K, const T* a, const T* b, i32 ldb, T* c, i32 ldc, i32 accumulate) {
  using V = Vec<T>;
  V acc[R][TILE_VECS];
  for (int i = 0; i < R; i++)
    for (int j = 0; j < TILE_VECS; j++) acc[i][j] = V{};
  for (i32 k = 0; k < K; k++) {
    V bv[TILE_VECS];
    for (int j = 0; j < TILE_VECS; j++) bv[j] = load<V>(b + j * LANES<T>);
    for (int i = 0; i < R; i++) {
      KEEP_ORDER;
      const V av = splat<V>(a[i]);
      for (int j = 0; j < TILE_VECS; j++) acc[i][j] = fma(av, bv[j], acc[i][j]);
    }
    KEEP_ORDER;
    a += R;
    b += ldb;
  }
  for (int i = 0; i < R; i++, c += ldc)
    for (int j = 0; j < TILE_VECS; j++) {
      T* to = c + j * LANES<T>;
      store(to, accumulate ? V(load<V>(to) + acc[i][j]) : acc[i][j]);
    }
}

// The same with row k of B read in place at b + offset[k], and one or more vectors of it.
template <class T, int R, int NV>
NOINLINE void tile_offsets(i32 K, const T* a, const T* b, const i32* offset, T* c, i32 ldc, i32 accumulate) {
  using V = Vec<T>;
  V acc[R][NV];
  for (int i = 0; i < R; i++)
    for (int j = 0; j < NV; j++) acc[i][j] = V{};
  for (i32 k = 0; k < K; k++) {
    const T* row = b + offset[k];
    V bv[NV];
    for (int j = 0; j < NV; j++) bv[j] = load<V>(row + j * LANES<T>);
    for (int i = 0; i < R; i++) {
      KEEP_ORDER;
      const V av = splat<V>(a[i]);
      for (int j = 0; j < NV; j++) acc[i][j] = fma(av, bv[j], acc[i][j]);
    }
    KEEP_ORDER;
    a += R;
  }
  for (int i = 0; i < R; i++, c += ldc)
    for (int j = 0; j < NV; j++) {
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

// to[k * ld + r] = from[r * row_stride + k]: `rows` lines that are dense along k become columns.
template <class T> NOINLINE void pack_transposed(T* to, i64 ld, const T* from, i64 row_stride, i64 rows, i64 K) {
  i64 r = 0;
  if constexpr (sizeof(T) == 4) {
    using V = Vec<T, 4>;
    for (; r + 4 <= rows; r += 4) {
      const T *p0 = from + r * row_stride, *p1 = p0 + row_stride, *p2 = p1 + row_stride, *p3 = p2 + row_stride;
      T* q = to + r;
      i64 k = 0;
      for (; k + 4 <= K; k += 4, q += 4 * ld) {
        const V a = load<V>(p0 + k), b = load<V>(p1 + k), c = load<V>(p2 + k), d = load<V>(p3 + k);
        const V ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
        const V AB = __builtin_shufflevector(a, b, 2, 6, 3, 7), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        store(q, V(__builtin_shufflevector(ab, cd, 0, 1, 4, 5)));
        store(q + ld, V(__builtin_shufflevector(ab, cd, 2, 3, 6, 7)));
        store(q + 2 * ld, V(__builtin_shufflevector(AB, CD, 0, 1, 4, 5)));
        store(q + 3 * ld, V(__builtin_shufflevector(AB, CD, 2, 3, 6, 7)));
      }
      for (; k < K; k++, q += ld) q[0] = p0[k], q[1] = p1[k], q[2] = p2[k], q[3] = p3[k];
    }
  }
  for (; r < rows; r++) {
    const T* p = from + r * row_stride;
    T* q = to + r;
    for (i64 k = 0; k < K; k++, q += ld) *q = p[k];
  }
}

// to[k * ld + r] = from[r * row_stride + k * k_stride] for r < rows, zero for rows <= r < ld.
template <class T> NOINLINE void pack_lines(T* to, i64 ld, const T* from, i64 row_stride, i64 k_stride, i64 rows, i64 K) {
  if (rows < ld)
    for (i64 k = 0; k < K; k++)
      for (i64 r = rows; r < ld; r++) to[k * ld + r] = 0;
  if (row_stride == 1) {
    using V = Vec<T>;
    if (rows == TILE_COLS<T>) {
      for (i64 k = 0; k < K; k++, to += ld, from += k_stride)
        for (int j = 0; j < TILE_VECS; j++) store(to + j * LANES<T>, load<V>(from + j * LANES<T>));
    } else {
      for (i64 k = 0; k < K; k++, to += ld, from += k_stride)
        for (i64 r = 0; r < rows; r++) to[r] = from[r];
    }
  } else if (k_stride == 1) {
    pack_transposed(to, ld, from, row_stride, rows, K);
  } else {
    for (i64 k = 0; k < K; k++, to += ld, from += k_stride)
      for (i64 r = 0; r < rows; r++) to[r] = from[r * row_stride];
  }
}

// c[j] = activation(c[j] + bias): bias_vector[j] when given, else the number `bias`.
template <class T> void finish_row(T* c, i64 n, const T* bias_vector, T bias, i32 activation);
extern template void finish_row<f32>(f32*, i64, const f32*, f32, i32);
extern template void finish_row<f64>(f64*, i64, const f64*, f64, i32);

}  // namespace fathom
