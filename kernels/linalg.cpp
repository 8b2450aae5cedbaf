// CHOLESKY, TRIANGULAR_SOLVE and LU over batches of contiguous matrices, in place. Blocked right-looking forms (Golub and Van Loan, "Matrix
// Computations", 4th edition, sections 3.2, 3.4 and 4.2): a panel by plain loops, the rest by the matrix product's tiles.
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

template <class T> NOINLINE i64 cholesky(i64 n, T* A, bool whole_pool) {
  i64 bad = 0;
  for (i64 k = 0; k < n && bad == 0; k += LINALG_BLOCK) {
    const i64 size = min_of(LINALG_BLOCK, n - k), end = k + size, rest = n - end;
    T* diagonal = A + k * n + k;
    bad = cholesky_small(size, diagonal, n);
    if (bad != 0) {
      bad += k;
      break;
    }
    T* panel = A + end * n + k;
    if (whole_pool) {
      parallel_for(ceil_div(rest, i64(16)), ceil_div(i64(50000), 16 * size * size),
                   [=](i64 from, i64 to) { solve_rows(size, diagonal, n, panel + from * 16 * n, n, min_of(to * 16, rest) - from * 16); });
    } else {
      solve_rows(size, diagonal, n, panel, n, rest);
    }
    // Only the lower triangle of the rest is needed: strips of rows up to their diagonal.
    constexpr i64 STRIP = 128;
    for (i64 i = 0; i < rest; i += STRIP) {
      const i64 height = min_of(STRIP, rest - i), width = i + height;
      subtract_product(height, width, size, panel + i * n, n, i64(1), panel, i64(1), n, A + (end + i) * n + end, n, whole_pool);
    }
  }
  for (i64 i = 0; i < n; i++)
    for (i64 j = i + 1; j < n; j++) A[i * n + j] = 0;
  return bad;
}

// LU of a panel [m, n] with partial pivoting; rows are swapped within the panel only. info: the first zero pivot (counted from 1) or 0.
template <class T> NOINLINE i64 lu_panel(i64 m, i64 n, T* A, i64 lda, i32* pivots) {
  i64 info = 0;
  for (i64 k = 0; k < min_of(m, n); k++) {
    i64 best = k;
    for (i64 i = k + 1; i < m; i++)
      if (vabs(A[i * lda + k]) > vabs(A[best * lda + k])) best = i;
    pivots[k] = i32(best);
    T* top = A + k * lda;
    if (top[k] == 0 && A[best * lda + k] == 0) {
      if (info == 0) info = k + 1;
      continue;
    }
    if (best != k)
      for (i64 j = 0; j < n; j++) {
        const T t = top[j];
        top[j] = A[best * lda + j];
        A[best * lda + j] = t;
      }
    const T scale = T(1) / top[k];
    const bool tiny = !(vabs(scale) <= T(sizeof(T) == 4 ? 3e38 : 1e308));
    for (i64 i = k + 1; i < m; i++) {
      T* row = A + i * lda;
      const T f = tiny ? row[k] / top[k] : row[k] * scale;
      row[k] = f;
      for (i64 j = k + 1; j < n; j++) row[j] -= f * top[j];
    }
  }
  return info;
}

template <class T> NOINLINE i64 lu(i64 m, i64 n, T* A, i32* pivots, bool whole_pool) {
  const i64 K = min_of(m, n);
  i64 info = 0;
  for (i64 k = 0; k < K; k += LINALG_BLOCK) {
    const i64 size = min_of(LINALG_BLOCK, K - k), end = k + size, rest = n - end;
    const i64 bad = lu_panel(m - k, size, A + k * n + k, n, pivots + k);
    if (bad != 0 && info == 0) info = k + bad;
    for (i64 i = k; i < end; i++) {
      const i64 other = k + pivots[i];
      pivots[i] = i32(other + 1);
      if (other == i) continue;
      T *p = A + i * n, *q = A + other * n;
      for (i64 j = 0; j < n; j++) {
        if (j == k) j = end;
        if (j >= n) break;
        const T t = p[j];
        p[j] = q[j];
        q[j] = t;
      }
    }
    if (rest == 0) continue;
    solve_triangular(true, true, size, rest, A + k * n + k, n, i64(1), A + k * n + end, n, whole_pool);
    subtract_product(m - end, rest, size, A + end * n + k, n, i64(1), A + k * n + end, n, i64(1), A + end * n + end, n, whole_pool);
  }
  return info;
}

template <class T> void run_cholesky(const double* w) {
  const i64 batches = integer(w[3]), n = integer(w[4]);
  T* A = ptr<T>(w[5]);
  i32* info = ptr<i32>(w[6]);
  over_batches(batches, n * n * n / 3, [=](i64 b, bool whole_pool) { info[b] = i32(cholesky(n, A + b * n * n, whole_pool)); });
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
