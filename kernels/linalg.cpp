// CHOLESKY, TRIANGULAR_SOLVE and LU over batches of contiguous matrices, in place. Halves are factored after one
// another (see linalg.h): small blocks by plain loops, the rest by the matrix product's tiles.
#include "linalg.h"
#include "ops.h"

namespace fathom {

namespace {

// L of the leading block [n, n], row by row; the number of the first pivot that is not positive (counted from 1), or 0.
template <class T> NOINLINE i64 cholesky_small(i64 n, T* A, i64 lda) {
  for (i64 i = 0; i < n; i++) {
    T* row = A + i * lda;
    for (i64 j = 0; j <= i; j++) {
      const T* other = A + j * lda;
      T sum = row[j];
      for (i64 k = 0; k < j; k++) sum -= row[k] * other[k];
      if (j < i) row[j] = sum / other[j];
      else if (!(sum > 0)) return i + 1;
      else row[i] = vsqrt(sum);
    }
  }
  return 0;
}

// X L' = B in place for rows of B: rows become the lanes of vectors, so that each step of the substitution serves many rows.
template <class T> NOINLINE void solve_rows(i64 n, const T* L, i64 ldl, T* B, i64 ldb, i64 rows) {
  using V = Vec<T>;
  constexpr i64 LN = LANES<T>, W = 2 * LN;
  alignas(64) T x[LINALG_BLOCK * W];
  for (i64 r = 0; r < rows; r += W) {
    const i64 count = min_of(W, rows - r);
    if (count < W)
      for (i64 q = 0; q < n * W; q++) x[q] = 0;
    for (i64 i = 0; i < count; i++)
      for (i64 k = 0; k < n; k++) x[k * W + i] = B[(r + i) * ldb + k];
    for (i64 j = 0; j < n; j++) {
      const T* l = L + j * ldl;
      V u = load<V>(x + j * W), v = load<V>(x + j * W + LN);
      for (i64 k = 0; k < j; k++) {
        const V f = splat<V>(-l[k]);
        u = fma(f, load<V>(x + k * W), u);
        v = fma(f, load<V>(x + k * W + LN), v);
      }
      const V d = splat<V>(T(1) / l[j]);
      store(x + j * W, V(u * d));
      store(x + j * W + LN, V(v * d));
    }
    for (i64 i = 0; i < count; i++)
      for (i64 k = 0; k < n; k++) B[(r + i) * ldb + k] = x[k * W + i];
  }
}

// X L' = B in place, L [n, n] and B [rows, n].
template <class T> NOINLINE void solve_right(i64 n, const T* L, T* B, i64 rows, i64 stride, bool whole_pool) {
  if (n <= LINALG_BLOCK) {
    if (!whole_pool) return solve_rows(n, L, stride, B, stride, rows);
    return parallel_for(ceil_div(rows, i64(16)), ceil_div(i64(50000), 16 * n * n), [=](i64 from, i64 to) {
      solve_rows(n, L, stride, B + from * 16 * stride, stride, min_of(to * 16, rows) - from * 16);
    });
  }
  const i64 k = half_of(n);
  solve_right(k, L, B, rows, stride, whole_pool);
  subtract_product(rows, n - k, k, B, stride, i64(1), L + k * stride, i64(1), stride, B + k, stride, whole_pool);
  solve_right(n - k, L + k * (stride + 1), B + k, rows, stride, whole_pool);
}

// The lower triangle of C [n, n] -= X X', X [n, k]: squares on the diagonal are halved until they are small.
template <class T> NOINLINE void subtract_square(i64 n, i64 k, const T* X, T* C, i64 stride, bool whole_pool) {
  if (n <= 2 * LINALG_BLOCK) return subtract_product(n, n, k, X, stride, i64(1), X, i64(1), stride, C, stride, whole_pool);
  const i64 h = half_of(n);
  subtract_square(h, k, X, C, stride, whole_pool);
  subtract_product(n - h, h, k, X + h * stride, stride, i64(1), X, i64(1), stride, C + h * stride, stride, whole_pool);
  subtract_square(n - h, k, X + h * stride, C + h * (stride + 1), stride, whole_pool);
}

template <class T> NOINLINE i64 cholesky(i64 n, T* A, i64 stride, bool whole_pool) {
  if (n <= LINALG_BLOCK) return cholesky_small(n, A, stride);
  const i64 k = half_of(n);
  i64 bad = cholesky(k, A, stride, whole_pool);
  if (bad != 0) return bad;
  T *below = A + k * stride, *rest = below + k;
  solve_right(k, A, below, n - k, stride, whole_pool);
  subtract_square(n - k, k, below, rest, stride, whole_pool);
  bad = cholesky(n - k, rest, stride, whole_pool);
  return bad == 0 ? 0 : k + bad;
}

template <class T> NOINLINE void swap_rows(T* p, T* q, i64 n) {
  using V = Vec<T>;
  i64 j = 0;
  for (; j + LANES<T> <= n; j += LANES<T>) {
    const V a = load<V>(p + j), b = load<V>(q + j);
    store(p + j, b);
    store(q + j, a);
  }
  for (; j < n; j++) {
    const T t = p[j];
    p[j] = q[j];
    q[j] = t;
  }
}

// LU of a narrow panel [m, n], n <= m, by outer products. pivots[k] counts from the panel's first row. The first zero pivot (counted from 1), or 0.
template <class T> NOINLINE i64 lu_panel(i64 m, i64 n, T* A, i64 stride, i32* pivots) {
  using V = Vec<T>;
  i64 info = 0;
  for (i64 k = 0; k < n; k++) {
    T* top = A + k * stride;
    i64 best = k;
    T largest = vabs(top[k]);
    for (i64 i = k + 1; i < m; i++) {
      const T v = vabs(A[i * stride + k]);
      if (v > largest || (v != v && largest == largest)) best = i, largest = v;
    }
    pivots[k] = i32(best);
    if (largest == 0) {
      if (info == 0) info = k + 1;
      continue;
    }
    if (best != k) swap_rows(top, A + best * stride, n);
    for (i64 i = k + 1; i < m; i++) {
      T* row = A + i * stride;
      const T f = row[k] / top[k];
      row[k] = f;
      const V g = splat<V>(-f);
      i64 j = k + 1;
      for (; j + LANES<T> <= n; j += LANES<T>) store(row + j, fma(g, load<V>(top + j), load<V>(row + j)));
      for (; j < n; j++) row[j] -= f * top[j];
    }
  }
  return info;
}

constexpr i64 LU_PANEL = 16;

// LU of [m, n], n <= m, of rows that are `stride` apart.
template <class T> NOINLINE i64 lu_tall(i64 m, i64 n, T* A, i64 stride, i32* pivots, bool whole_pool) {
  if (n <= LU_PANEL) return lu_panel(m, n, A, stride, pivots);
  const i64 k = half_of(n, LU_PANEL);
  T *right = A + k, *below = A + k * stride;
  i64 info = lu_tall(m, k, A, stride, pivots, whole_pool);
  for (i64 i = 0; i < k; i++)
    if (pivots[i] != i) swap_rows(right + i * stride, right + pivots[i] * stride, n - k);
  solve_triangular(true, true, k, n - k, A, stride, i64(1), right, stride, whole_pool);
  subtract_product(m - k, n - k, k, below, stride, i64(1), right, stride, i64(1), below + k, stride, whole_pool);
  const i64 bad = lu_tall(m - k, n - k, below + k, stride, pivots + k, whole_pool);
  for (i64 i = k; i < n; i++) {
    pivots[i] += i32(k);
    if (pivots[i] != i) swap_rows(A + i * stride, A + pivots[i] * stride, k);
  }
  return info != 0 ? info : bad == 0 ? 0 : k + bad;
}

template <class T> NOINLINE i64 lu(i64 m, i64 n, T* A, i32* pivots, bool whole_pool) {
  const i64 k = min_of(m, n);
  const i64 info = lu_tall(m, k, A, n, pivots, whole_pool);
  for (i64 i = 0; i < k; i++) {
    if (n > k && pivots[i] != i) swap_rows(A + i * n + k, A + pivots[i] * n + k, n - k);
    pivots[i]++;
  }
  if (n > k) solve_triangular(true, true, k, n - k, A, n, i64(1), A + k, n, whole_pool);
  return info;
}

template <class T> NOINLINE void clear_above(i64 n, T* A) {
  for (i64 i = 0; i < n; i++)
    for (i64 j = i + 1; j < n; j++) A[i * n + j] = 0;
}

template <class T> void run_cholesky(const double* w) {
  const i64 batches = integer(w[3]), n = integer(w[4]);
  T* A = ptr<T>(w[5]);
  i32* info = ptr<i32>(w[6]);
  over_batches(batches, n * n * n / 3, [=](i64 b, bool whole_pool) {
    info[b] = i32(cholesky(n, A + b * n * n, n, whole_pool));
    clear_above(n, A + b * n * n);
  });
}

template <class T> void run_solve(const double* w) {
  const i64 nb = integer(w[12]), n = integer(w[3]), m = integer(w[4]), a_row = integer(w[6]), a_col = integer(w[7]), b_row = integer(w[9]);
  const bool lower = w[10] == 0, unit = w[11] != 0;
  const T* A = ptr<const T>(w[5]);
  T* B = ptr<T>(w[8]);
  const double *shape = w + 13, *a_stride = shape + nb;
  i64 batches = 1;
  for (i64 d = 0; d < nb; d++) batches *= integer(shape[d]);
  if (n == 0 || m == 0 || batches == 0) return;
  over_batches(batches, n * n * m, [=](i64 index, bool whole_pool) {
    const T* a = A;
    T* b = B + index * n * b_row;
    for (i64 d = nb - 1, rest = index; d >= 0; d--) {
      a += rest % integer(shape[d]) * integer(a_stride[d]);
      rest /= integer(shape[d]);
    }
    solve_triangular(lower, unit, n, m, a, a_row, a_col, b, b_row, whole_pool);
  });
}

template <class T> void run_lu(const double* w) {
  const i64 batches = integer(w[3]), m = integer(w[4]), n = integer(w[5]), k = min_of(m, n);
  T* A = ptr<T>(w[6]);
  i32 *pivots = ptr<i32>(w[7]), *info = ptr<i32>(w[8]);
  over_batches(batches, m * n * k, [=](i64 b, bool whole_pool) { info[b] = i32(lu(m, n, A + b * m * n, pivots + b * k, whole_pool)); });
}

}  // namespace

NOINLINE void op_cholesky(const double* w) {
  if (i32(w[2]) == F32) return run_cholesky<f32>(w);
  if (i32(w[2]) == F64) return run_cholesky<f64>(w);
  fail(BAD_INSTRUCTION, w[0], w[2]);
}

NOINLINE void op_triangular_solve(const double* w) {
  if (i32(w[2]) == F32) return run_solve<f32>(w);
  if (i32(w[2]) == F64) return run_solve<f64>(w);
  fail(BAD_INSTRUCTION, w[0], w[2]);
}

NOINLINE void op_lu(const double* w) {
  if (i32(w[2]) == F32) return run_lu<f32>(w);
  if (i32(w[2]) == F64) return run_lu<f64>(w);
  fail(BAD_INSTRUCTION, w[0], w[2]);
}

}  // namespace fathom
