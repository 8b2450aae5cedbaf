// MATMUL: batched matrix product with any strides, bias and activation; packed blocks for large sizes, plain loops for small ones.
#include "matmul_gemm.h"
#include "ops.h"
#include "vmath.h"

namespace fathom {

template <class V> static INLINE V activate(V v, i32 activation) {
  switch (activation) {
    case ACT_RELU: return at_least(v, V{});
    case ACT_SIGMOID: return vsigmoid(v);
    case ACT_TANH: return vtanh(v);
    default: return v;
  }
}

template <class T, int ACT> static NOINLINE void finish_row_as(T* c, i64 n, const T* bias_vector, T bias) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  i64 j = 0;
  for (; j + L <= n; j += L) {
    const V b = bias_vector ? load<V>(bias_vector + j) : splat<V>(bias);
    store(c + j, activate<V>(V(load<V>(c + j) + b), ACT));
  }
  if (j == n) return;
  // The rest goes through a full vector, so that an element's value does not depend on its place.
  T rest[L] = {}, b[L] = {};
  for (i64 i = 0; i < n - j; i++) rest[i] = c[j + i], b[i] = bias_vector ? bias_vector[j + i] : bias;
  store(rest, activate<V>(V(load<V>(rest) + load<V>(b)), ACT));
  for (i64 i = 0; i < n - j; i++) c[j + i] = rest[i];
}

template <class T> void finish_row(T* c, i64 n, const T* bias_vector, T bias, i32 activation) {
  switch (activation) {
    case ACT_RELU: return finish_row_as<T, ACT_RELU>(c, n, bias_vector, bias);
    case ACT_SIGMOID: return finish_row_as<T, ACT_SIGMOID>(c, n, bias_vector, bias);
    case ACT_TANH: return finish_row_as<T, ACT_TANH>(c, n, bias_vector, bias);
    default: return finish_row_as<T, ACT_NONE>(c, n, bias_vector, bias);
  }
}
template void finish_row<f32>(f32*, i64, const f32*, f32, i32);
template void finish_row<f64>(f64*, i64, const f64*, f64, i32);

alignas(64) static u8 pack_memory[SHARED_BYTES];
u8* shared_memory() { return pack_memory; }

// y[i * y_stride] (+)= sum over k of A[i, k] x[k], rows [begin, end). A is dense along k or along i, or anything for the last loop.
template <class T>
static NOINLINE void matvec_rows(i64 begin, i64 end, i64 K, const T* A, i64 a_row, i64 a_col, const T* x, i64 x_stride, T* y, i64 y_stride,
                                 bool accumulate) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  i64 i = begin;
  if (a_col == 1 && x_stride == 1 && K >= L) {
    for (; i + 4 <= end; i += 4) {
      const T *p0 = A + i * a_row, *p1 = p0 + a_row, *p2 = p1 + a_row, *p3 = p2 + a_row;
      V s0{}, s1{}, s2{}, s3{};
      i64 k = 0;
      for (; k + L <= K; k += L) {
        const V v = load<V>(x + k);
        s0 = fma(load<V>(p0 + k), v, s0);
        s1 = fma(load<V>(p1 + k), v, s1);
        s2 = fma(load<V>(p2 + k), v, s2);
        s3 = fma(load<V>(p3 + k), v, s3);
      }
      T t0 = hsum(s0), t1 = hsum(s1), t2 = hsum(s2), t3 = hsum(s3);
      for (; k < K; k++) t0 += p0[k] * x[k], t1 += p1[k] * x[k], t2 += p2[k] * x[k], t3 += p3[k] * x[k];
      T* to = y + i * y_stride;
      to[0] = (accumulate ? to[0] : 0) + t0;
      to[y_stride] = (accumulate ? to[y_stride] : 0) + t1;
      to[2 * y_stride] = (accumulate ? to[2 * y_stride] : 0) + t2;
      to[3 * y_stride] = (accumulate ? to[3 * y_stride] : 0) + t3;
    }
    for (; i < end; i++) {
      const T* p = A + i * a_row;
      V s{};
      i64 k = 0;
      for (; k + L <= K; k += L) s = fma(load<V>(p + k), load<V>(x + k), s);
      T t = hsum(s);
      for (; k < K; k++) t += p[k] * x[k];
      y[i * y_stride] = (accumulate ? y[i * y_stride] : 0) + t;
    }
    return;
  }
  if (a_row == 1 && end - begin >= 4) {
    // Four columns of A at a time stream past a block of sums that stays in the first-level cache.
    constexpr i64 BLOCK = 4096;
    T* sum = static_cast<T*>(thread_scratch());
    for (; i < end; i += BLOCK) {
      const i64 n = min_of(BLOCK, end - i);
      for (i64 j = 0; j < n; j++) sum[j] = 0;
      i64 k = 0;
      for (; k + 4 <= K; k += 4) {
        const T *p0 = A + i + k * a_col, *p1 = p0 + a_col, *p2 = p1 + a_col, *p3 = p2 + a_col;
        const T x0 = x[k * x_stride], x1 = x[(k + 1) * x_stride], x2 = x[(k + 2) * x_stride], x3 = x[(k + 3) * x_stride];
        const V v0 = splat<V>(x0), v1 = splat<V>(x1), v2 = splat<V>(x2), v3 = splat<V>(x3);
        i64 j = 0;
        for (; j + L <= n; j += L) {
          V s = load<V>(sum + j);
          s = fma(load<V>(p0 + j), v0, s);
          s = fma(load<V>(p1 + j), v1, s);
          s = fma(load<V>(p2 + j), v2, s);
          store(sum + j, fma(load<V>(p3 + j), v3, s));
        }
        for (; j < n; j++) sum[j] += p0[j] * x0 + p1[j] * x1 + p2[j] * x2 + p3[j] * x3;
      }
      for (; k < K; k++) {
        const T* p = A + i + k * a_col;
        const T v = x[k * x_stride];
        for (i64 j = 0; j < n; j++) sum[j] += p[j] * v;
      }
      for (i64 j = 0; j < n; j++) y[(i + j) * y_stride] = (accumulate ? y[(i + j) * y_stride] : 0) + sum[j];
    }
    return;
  }
  for (; i < end; i++) {
    T t = 0;
    for (i64 k = 0; k < K; k++) t += A[i * a_row + k * a_col] * x[k * x_stride];
    y[i * y_stride] = (accumulate ? y[i * y_stride] : 0) + t;
  }
}

// Chunks of a multiple of 64 rows: the path a row takes depends on its place in the chunk, hence on the sizes alone.
template <class T>
static NOINLINE void matvec(i64 M, i64 K, const T* A, i64 a_row, i64 a_col, const T* x, i64 x_stride, T* y, i64 y_stride, bool accumulate) {
  const i64 grain = round_up(max_of(ceil_div(i64(1) << 15, max_of(K, i64(1))), chunk_size(M, 1)), 64);
  parallel_for(M, grain, [=](i64 begin, i64 end) { matvec_rows(begin, end, K, A, a_row, a_col, x, x_stride, y, y_stride, accumulate); });
}

template <class T> static NOINLINE void clear(const Gemm<T>& g) {
  if (g.accumulate) return;
  for (i64 i = 0; i < g.M; i++)
    for (i64 j = 0; j < g.N; j++) g.C[i * g.c_row + j] = 0;
}

// Few outputs, long sums: K is cut into fixed parts whose partial products are added in order.
template <class T> static NOINLINE void gemm_split(const Gemm<T>& g, i64 parts) {
  using V = Vec<T>;
  const i64 size = ceil_div(g.K, parts), area = g.M * g.N;
  T* partial = static_cast<T*>(shared_scratch());
  parallel_for(parts, 1, [&](i64 begin, i64 end) {
    for (i64 p = begin; p < end; p++) {
      Gemm<T> part = g;
      part.K = min_of(size, g.K - p * size);
      part.A += p * size * g.a_col;
      part.B += p * size * g.b_row;
      part.C = partial + p * area;
      part.c_row = g.N;
      part.accumulate = false;
      part.bias = nullptr;
      part.activation = ACT_NONE;
      gemm_blocked(part, thread_buffers<T>());
    }
  });
  parallel_for(g.M, ceil_div(i64(1) << 14, g.N * parts), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      T* c = g.C + i * g.c_row;
      const T* from = partial + i * g.N;
      i64 j = 0;
      for (; j + LANES<T> <= g.N; j += LANES<T>) {
        V sum = load<V>(from + j);
        for (i64 p = 1; p < parts; p++) sum += load<V>(from + p * area + j);
        store(c + j, g.accumulate ? V(load<V>(c + j) + sum) : sum);
      }
      for (; j < g.N; j++) {
        T sum = from[j];
        for (i64 p = 1; p < parts; p++) sum += from[p * area + j];
        c[j] = g.accumulate ? c[j] + sum : sum;
      }
    }
    finish_block(g, begin, end - begin, 0, g.N);
  });
}

// Four rows of the long operand times two of the short one, both dense along K: out[i * out_long + j * out_short].
template <class T>
static NOINLINE void dot_four_by_two(i64 K, const T* a, i64 a_row, const T* b, i64 b_row, T* out, i64 out_long, i64 out_short, i64 rows, i64 columns) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  // Rows that are not there repeat the first; their sums are thrown away.
  const T *p0 = a, *p1 = rows > 1 ? a + a_row : a, *p2 = rows > 2 ? a + 2 * a_row : a, *p3 = rows > 3 ? a + 3 * a_row : a;
  const T *q0 = b, *q1 = columns > 1 ? b + b_row : b;
  V s[4][2] = {};
  i32 k = 0;
  const i32 depth = static_cast<i32>(K);
  for (; k + i32(L) <= depth; k += L) {
    const V x0 = load<V>(q0 + k), x1 = load<V>(q1 + k);
    V v = load<V>(p0 + k);
    s[0][0] = fma(v, x0, s[0][0]);
    s[0][1] = fma(v, x1, s[0][1]);
    KEEP_ORDER;
    v = load<V>(p1 + k);
    s[1][0] = fma(v, x0, s[1][0]);
    s[1][1] = fma(v, x1, s[1][1]);
    KEEP_ORDER;
    v = load<V>(p2 + k);
    s[2][0] = fma(v, x0, s[2][0]);
    s[2][1] = fma(v, x1, s[2][1]);
    KEEP_ORDER;
    v = load<V>(p3 + k);
    s[3][0] = fma(v, x0, s[3][0]);
    s[3][1] = fma(v, x1, s[3][1]);
    KEEP_ORDER;
  }
  const T *p[4] = {p0, p1, p2, p3}, *q[2] = {q0, q1};
  for (i64 i = 0; i < rows; i++)
    for (i64 j = 0; j < columns; j++) {
      T sum = hsum(s[i][j]);
      for (i32 r = k; r < depth; r++) sum += p[i][r] * q[j][r];
      out[i * out_long + j * out_short] = sum;
    }
}

// Both operands dense along K and one of them short: dot products in place, because packing the long one would cost as much as the product.
template <class T> static NOINLINE void gemm_dots(const Gemm<T>& g) {
  const bool tall = g.M >= g.N;
  const i64 longer = tall ? g.M : g.N, shorter = tall ? g.N : g.M;
  const T *a = tall ? g.A : g.B, *b = tall ? g.B : g.A;
  const i64 a_row = tall ? g.a_row : g.b_col, b_row = tall ? g.b_col : g.a_row, out_long = tall ? g.c_row : 1, out_short = tall ? 1 : g.c_row;
  const i64 grain = round_up(max_of(ceil_div(i64(1) << 15, shorter * g.K), chunk_size(longer, 4)), 4);
  parallel_for(longer, grain, [=, &g](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i += 4)
      for (i64 j = 0; j < shorter; j += 2)
        dot_four_by_two(g.K, a + i * a_row, a_row, b + j * b_row, b_row, g.C + i * out_long + j * out_short, out_long, out_short, min_of(i64(4), end - i),
                        min_of(i64(2), shorter - j));
    if (tall) finish_block(g, begin, end - begin, 0, g.N);
  });
  if (!tall) finish_block(g, 0, g.M, 0, g.N);
}

// One product. `whole_pool` is false inside a parallel loop over batches.
template <class T> static NOINLINE void gemm(const Gemm<T>& g, bool whole_pool) {
  if (g.K == 0) {
    clear(g);
    return finish_block(g, 0, g.M, 0, g.N);
  }
  if (g.N == 1) {
    matvec(g.M, g.K, g.A, g.a_row, g.a_col, g.B, g.b_row, g.C, g.c_row, g.accumulate);
    return finish_block(g, 0, g.M, 0, g.N);
  }
  if (g.M == 1) {
    matvec(g.N, g.K, g.B, g.b_col, g.b_row, g.A, g.a_col, g.C, i64(1), g.accumulate);
    return finish_block(g, 0, g.M, 0, g.N);
  }
  // Where tiles read A in place, packing a short B costs less than the sums across lanes.
  const bool few = TILES_READ_ROWS ? g.M <= 8 && g.N >= 4 * g.M : min_of(g.M, g.N) <= 10 && max_of(g.M, g.N) >= 4;
  if (g.a_col == 1 && g.b_row == 1 && few && g.K >= 16 && !g.accumulate) return gemm_dots(g);
  if (!whole_pool || g.M * g.N * g.K <= 32768) return gemm_blocked(g, thread_buffers<T>());
  const i64 most = SHARED_SCRATCH_BYTES / i64(sizeof(T)) / (g.M * g.N);
  const i64 parts = g.K >= 1024 && g.M * g.N <= 65536 ? min_of(min_of(g.K / 256, i64(16)), most) : 1;
  // The number of parts must leave none empty.
  if (parts > 1) return gemm_split(g, ceil_div(g.K, ceil_div(g.K, parts)));
  gemm_blocked(g, shared_buffers<T>());
}

// Integers: row by row, sums in the type itself (they wrap).
template <class T, class U> static NOINLINE void gemm_integer(const Gemm<T>& g) {
  parallel_for(g.M, ceil_div(i64(1) << 15, max_of(g.N * g.K, i64(1))), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      T* c = g.C + i * g.c_row;
      if (!g.accumulate)
        for (i64 j = 0; j < g.N; j++) c[j] = 0;
      if (g.bias)
        for (i64 j = 0; j < g.N; j++) c[j] = T(U(c[j]) + U(g.bias[g.bias_over_rows ? i : j]));
      for (i64 k = 0; k < g.K; k++) {
        const U a = U(g.A[i * g.a_row + k * g.a_col]);
        const T* b = g.B + k * g.b_row;
        if (g.b_col == 1)
          for (i64 j = 0; j < g.N; j++) c[j] = T(U(c[j]) + a * U(b[j]));
        else
          for (i64 j = 0; j < g.N; j++) c[j] = T(U(c[j]) + a * U(b[j * g.b_col]));
      }
      if (g.activation == ACT_RELU)
        for (i64 j = 0; j < g.N; j++) c[j] = c[j] < 0 ? 0 : c[j];
    }
  });
}

template <class T> static NOINLINE void run_one(const Gemm<T>& g, bool whole_pool) {
  if constexpr (is_float<T>) gemm(g, whole_pool);
  else if constexpr (sizeof(T) == 8) gemm_integer<T, u64>(g);
  else gemm_integer<T, u32>(g);
}

template <class T> static NOINLINE void run(const double* w) {
  Gemm<T> g{integer(w[3]), integer(w[4]), integer(w[5]), ptr<const T>(w[6]), integer(w[7]), integer(w[8]), ptr<const T>(w[9]), integer(w[10]),
            integer(w[11]), ptr<T>(w[12]), integer(w[13]), w[15] != 0, ptr<const T>(w[16]), w[18] != 0, static_cast<i32>(w[17])};
  const i64 nb = integer(w[14]);
  const double *shape = w + 19, *a_stride = shape + nb, *b_stride = a_stride + nb, *c_stride = b_stride + nb;
  i64 batches = 1;
  for (i64 d = 0; d < nb; d++) batches *= integer(shape[d]);
  if (g.M <= 0 || g.N <= 0 || batches <= 0) return;
  if (batches == 1) return run_one(g, true);
  // A batch that continues A's rows under one B is one taller product.
  if (nb == 1 && integer(b_stride[0]) == 0 && integer(a_stride[0]) == g.M * g.a_row && integer(c_stride[0]) == g.M * g.c_row &&
      !(g.bias && g.bias_over_rows)) {
    g.M *= batches;
    return run_one(g, true);
  }
  const auto at = [&](i64 index) {
    Gemm<T> one = g;
    for (i64 d = nb - 1; d >= 0; d--) {
      const i64 size = integer(shape[d]), i = index % size;
      index /= size;
      one.A += i * integer(a_stride[d]);
      one.B += i * integer(b_stride[d]);
      one.C += i * integer(c_stride[d]);
    }
    return one;
  };
  const i64 work = g.M * g.N * max_of(g.K, i64(1));
  if (work > (batches >= 8 ? i64(1) << 22 : i64(1) << 19)) {
    for (i64 i = 0; i < batches; i++) run_one(at(i), true);
    return;
  }
  parallel_for(batches, ceil_div(i64(1) << 15, work), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) run_one(at(i), false);
  });
}

void op_matmul(const double* w) {
  switch (static_cast<i32>(w[2])) {
    case F32: return run<f32>(w);
    case F64: return run<f64>(w);
    case I64: return run<i64>(w);
    case I32: return run<i32>(w);
    default: return fail(BAD_INSTRUCTION, w[0], w[2]);
  }
}

}  // namespace fathom
