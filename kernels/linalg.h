// Triangular systems and block updates that the factorisations (CHOLESKY, TRIANGULAR_SOLVE, LU) are built from. Matrices are row-major blocks of
// larger ones: a row stride, and column stride 1 unless said otherwise.
#pragma once
#include "matmul_gemm.h"

namespace fathom {

// Orders up to this are done by plain loops; larger ones are halved, so that most of the work is products of large blocks (recursive forms: Gustavson 1997,
// "Recursion leads to automatic variable blocking for dense linear-algebra algorithms"; Toledo 1997 for LU).
constexpr i64 LINALG_BLOCK = 32;
// Where a larger order is cut: about the middle, on a multiple of the block.
INLINE i64 half_of(i64 n, i64 block = LINALG_BLOCK) { return round_up(n / 2, block); }

// C[M, N] -= A[M, K] B[K, N]; any strides of A. `whole_pool` is false inside a parallel loop over batches.
template <class T>
INLINE void subtract_product(i64 M, i64 N, i64 K, const T* A, i64 a_row, i64 a_col, const T* B, i64 b_row, i64 b_col, T* C, i64 c_row,
                             bool whole_pool) {
  if (M <= 0 || N <= 0 || K <= 0) return;
  Gemm<T> g{M, N, K, A, a_row, a_col, B, b_row, b_col, C, c_row, true, nullptr, false, ACT_NONE, true};
  gemm_blocked(g, whole_pool && M * N * K > 32768 ? shared_buffers<T>() : thread_buffers<T>());
}

// Solves U X = B or L X = B in place for a small triangle, `columns` neighbouring right sides: each row loses multiples of the rows solved before.
template <class T>
NOINLINE void solve_small(bool lower, bool unit, i64 n, const T* A, i64 a_row, i64 a_col, T* B, i64 b_row, i64 columns) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  for (i64 step = 0; step < n; step++) {
    const i64 i = lower ? step : n - 1 - step;
    T* row = B + i * b_row;
    const T* a = A + i * a_row;
    const i64 from = lower ? 0 : i + 1, to = lower ? i : n;
    if (columns == 1) {
      T sum = 0;
      for (i64 k = from; k < to; k++) sum += a[k * a_col] * B[k * b_row];
      row[0] -= sum;
      if (!unit) row[0] /= a[i * a_col];
      continue;
    }
    i64 j = 0;
    for (; j + 2 * L <= columns; j += 2 * L) {
      V x = load<V>(row + j), y = load<V>(row + j + L);
      for (i64 k = from; k < to; k++) {
        const V f = splat<V>(-a[k * a_col]);
        x = fma(f, load<V>(B + k * b_row + j), x);
        y = fma(f, load<V>(B + k * b_row + j + L), y);
      }
      if (!unit) {
        const V d = splat<V>(a[i * a_col]);
        x = x / d;
        y = y / d;
      }
      store(row + j, x);
      store(row + j + L, y);
    }
    for (; j < columns; j++) {
      T x = row[j];
      for (i64 k = from; k < to; k++) x -= a[k * a_col] * B[k * b_row + j];
      row[j] = unit ? x : x / a[i * a_col];
    }
  }
}

// One right side: row sums of what is solved already, four rows at a time.
template <class T> NOINLINE void subtract_rows(i64 rows, i64 K, const T* A, i64 a_row, i64 a_col, const T* x, i64 x_step, T* y, i64 y_step) {
  if (a_col == 1) {
    i64 i = 0;
    for (; i + 4 <= rows; i += 4) {
      const T *p0 = A + i * a_row, *p1 = p0 + a_row, *p2 = p1 + a_row, *p3 = p2 + a_row;
      T s0 = 0, s1 = 0, s2 = 0, s3 = 0;
      for (i64 k = 0; k < K; k++) {
        const T v = x[k * x_step];
        s0 += p0[k] * v, s1 += p1[k] * v, s2 += p2[k] * v, s3 += p3[k] * v;
      }
      y[i * y_step] -= s0, y[(i + 1) * y_step] -= s1, y[(i + 2) * y_step] -= s2, y[(i + 3) * y_step] -= s3;
    }
    for (; i < rows; i++) {
      T s = 0;
      for (i64 k = 0; k < K; k++) s += A[i * a_row + k] * x[k * x_step];
      y[i * y_step] -= s;
    }
    return;
  }
  for (i64 k = 0; k < K; k++) {
    const T v = x[k * x_step];
    const T* p = A + k * a_col;
    for (i64 i = 0; i < rows; i++) y[i * y_step] -= p[i * a_row] * v;
  }
}

// A X = B in place, A [n, n] triangular (only its triangle is read), B [n, m].
template <class T>
NOINLINE void solve_triangular(bool lower, bool unit, i64 n, i64 m, const T* A, i64 a_row, i64 a_col, T* B, i64 b_row, bool whole_pool) {
  if (n <= LINALG_BLOCK) {
    // Columns are cut in multiples of 64, so that the path an element takes depends on the sizes alone.
    if (!whole_pool) return solve_small(lower, unit, n, A, a_row, a_col, B, b_row, m);
    return parallel_for(ceil_div(m, i64(64)), ceil_div(i64(50000), 64 * n * n), [=](i64 from, i64 to) {
      solve_small(lower, unit, n, A, a_row, a_col, B + from * 64, b_row, min_of(to * 64, m) - from * 64);
    });
  }
  const i64 k = half_of(n);
  const T *second = A + k * (a_row + a_col), *between = lower ? A + k * a_row : A + k * a_col;
  T* B2 = B + k * b_row;
  if (lower) solve_triangular(lower, unit, k, m, A, a_row, a_col, B, b_row, whole_pool);
  else solve_triangular(lower, unit, n - k, m, second, a_row, a_col, B2, b_row, whole_pool);
  T *solved = lower ? B : B2, *rest = lower ? B2 : B;
  const i64 rows = lower ? n - k : k, depth = lower ? k : n - k;
  if (m == 1) subtract_rows(rows, depth, between, a_row, a_col, solved, b_row, rest, b_row);
  else subtract_product(rows, m, depth, between, a_row, a_col, solved, b_row, i64(1), rest, b_row, whole_pool);
  if (lower) solve_triangular(lower, unit, n - k, m, second, a_row, a_col, B2, b_row, whole_pool);
  else solve_triangular(lower, unit, k, m, A, a_row, a_col, B, b_row, whole_pool);
}

// Runs f(batch index, whole_pool): large matrices one after another with all threads, small ones side by side.
template <class F> INLINE void over_batches(i64 batches, i64 work, F f) {
  if (batches == 1 || work > (batches >= 8 ? i64(1) << 22 : i64(1) << 19)) {
    for (i64 i = 0; i < batches; i++) f(i, true);
    return;
  }
  parallel_for(batches, ceil_div(i64(1) << 15, max_of(work, i64(1))), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) f(i, false);
  });
}

}  // namespace fathom
