// SOFTMAX and CROSS_ENTROPY, forward and backward: rows along n, shifted by their maximum. Neighbouring columns (inner > 1) go lane by lane.
#include "ops.h"
#include "parallel.h"
#include "rows.h"
#include "vmath.h"

namespace fathom {

template <class T> constexpr T MINUS_INF = T(-__builtin_inf());

template <class T> static INLINE T row_max(const T* x, i64 n) {
  using V = Vec<T>;
  V best = splat<V>(MINUS_INF<T>);
  row_vectors(x, n, MINUS_INF<T>, [&](i64, V v, i64) { best = vmax(best, v); });
  return hmax(best);
}

// Rows worth a chunk; a short row costs more than its elements do.
static i64 row_grain(i64 n) { return ceil_div(i64(1) << 12, max_of(n, i64(0)) + 64); }

template <class T> static NOINLINE void softmax_row(const T* x, T* y, i64 n, bool log) {
  using V = Vec<T>;
  const T top = row_max(x, n);
  const V shift = splat<V>(top);
  V sums{};
  row_vectors(x, n, MINUS_INF<T>, [&](i64 i, V v, i64 lanes) {
    const V e = vexp(V(v - shift));
    if (lanes == LANES<T>) sums += e;
    else
      for (i64 j = 0; j < lanes; j++) sums[j] += e[j];  // the padding counts nothing, not even where the maximum is -inf
    if (!log) put(y + i, e, lanes);
  });
  const T sum = hsum(sums);
  if (log) {
    const V less = splat<V>(vlog(sum));
    row_vectors(x, n, T(0), [&](i64 i, V v, i64 lanes) { put(y + i, V(v - shift - less), lanes); });
  } else {
    const V scale = splat<V>(T(1) / sum);
    row_vectors(static_cast<const T*>(y), n, T(0), [&](i64 i, V v, i64 lanes) { put(y + i, V(v * scale), lanes); });
  }
}

template <class T> static NOINLINE void softmax_columns(const Columns<T>& c, T* y, i64 n, bool log) {
  using V = Vec<T>;
  V top = splat<V>(MINUS_INF<T>), sum{};
  for (i64 i = 0; i < n; i++) top = vmax(top, c.at(i));
  for (i64 i = 0; i < n; i++) {
    const V e = vexp(V(c.at(i) - top));
    sum += e;
    if (!log) put(y + i * c.inner, e, c.lanes);
  }
  const V last = log ? vlog(sum) : V(splat<V>(T(1)) / sum);
  for (i64 i = 0; i < n; i++) {
    T* to = y + i * c.inner;
    put(to, log ? V(c.at(i) - top - last) : V((Columns<T>{y, c.inner, c.lanes}.at(i)) * last), c.lanes);
  }
}

// Calls row(outer index) for inner = 1, else columns(outer index, first column, lanes); shared among the threads.
template <class T, class Row, class Cols> static INLINE void each_row(i64 outer, i64 n, i64 inner, const Row& row, const Cols& columns) {
  constexpr i64 L = LANES<T>;
  if (inner == 1) {
    parallel_for(outer, row_grain(n), [&](i64 begin, i64 end) {
      for (i64 o = begin; o < end; o++) row(o);
    });
    return;
  }
  const i64 groups = ceil_div(inner, L);
  parallel_for(outer * groups, row_grain(n * L), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) columns(i / groups, i % groups * L, min_of(L, inner - i % groups * L));
  });
}

template <class T> static NOINLINE void softmax_forward(const double* w) {
  const bool log = w[3] != 0;
  const i64 outer = integer(w[4]), n = integer(w[5]), inner = integer(w[6]);
  const T* x = ptr<const T>(w[7]);
  T* y = ptr<T>(w[8]);
  if (outer * n * inner == 0) return;
  each_row<T>(outer, n, inner, [&](i64 o) { softmax_row(x + o * n, y + o * n, n, log); },
              [&](i64 o, i64 j, i64 lanes) { softmax_columns(Columns<T>{x + o * n * inner + j, inner, lanes}, y + o * n * inner + j, n, log); });
}

// softmax: dx = y (dy - sum y dy); log-softmax: dx = dy - e^y sum dy.
template <class T> static NOINLINE void softmax_backward(const double* w) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  const bool log = w[3] != 0;
  const i64 outer = integer(w[4]), n = integer(w[5]), inner = integer(w[6]);
  const T *y = ptr<const T>(w[8]), *dy = ptr<const T>(w[9]);
  T* dx = ptr<T>(w[10]);
  if (outer * n * inner == 0) return;
  each_row<T>(
      outer, n, inner,
      [&](i64 o) {
        const T *yr = y + o * n, *gr = dy + o * n;
        T* to = dx + o * n;
        V sums{};
        i64 i = 0;
        for (; i + L <= n; i += L) sums += log ? load<V>(gr + i) : V(load<V>(gr + i) * load<V>(yr + i));
        T sum = hsum(sums);
        for (; i < n; i++) sum += log ? gr[i] : gr[i] * yr[i];
        const V s = splat<V>(sum);
        row_vectors(yr, n, T(0), [&](i64 at, V v, i64 lanes) {
          T g[L] = {};
          for (i64 j = 0; j < lanes; j++) g[j] = gr[at + j];
          const V gv = lanes == L ? load<V>(gr + at) : load<V>(g);
          put(to + at, log ? V(gv - vexp(v) * s) : V(v * (gv - s)), lanes);
        });
      },
      [&](i64 o, i64 j, i64 lanes) {
        const i64 at = o * n * inner + j;
        const Columns<T> yc{y + at, inner, lanes}, gc{dy + at, inner, lanes};
        V s{};
        for (i64 i = 0; i < n; i++) s += log ? gc.at(i) : V(gc.at(i) * yc.at(i));
        for (i64 i = 0; i < n; i++) put(dx + at + i * inner, log ? V(gc.at(i) - vexp(yc.at(i)) * s) : V(yc.at(i) * (gc.at(i) - s)), lanes);
      });
}

// The operands of a cross-entropy instruction.
template <class T> struct Loss {
  i64 N, C, inner;
  const T* logits;
  const i64* target;
  const T* weight;
  i64 ignore;
  T smoothing;
  i32 reduction;
  T *loss, *lse, *total;
  const T* grad;
  T* dlogits;
  T weight_sum;
  explicit Loss(const double* w)
      : N(integer(w[3])), C(integer(w[4])), inner(integer(w[5])), logits(ptr<const T>(w[6])), target(ptr<const i64>(w[7])),
        weight(ptr<const T>(w[8])), ignore(integer(w[9])), smoothing(T(w[10])), reduction(static_cast<i32>(w[11])), loss(ptr<T>(w[12])),
        lse(ptr<T>(w[13])), total(ptr<T>(w[14])), grad(ptr<const T>(w[15])), dlogits(ptr<T>(w[16])) {
    weight_sum = T(C);
    if (weight) {
      weight_sum = 0;
      for (i64 c = 0; c < C; c++) weight_sum += weight[c];
    }
  }
};

// log of the sum of e^x over one row.
template <class T> static INLINE T row_lse(const T* x, i64 n) {
  using V = Vec<T>;
  const T top = row_max(x, n);
  if (top == MINUS_INF<T> || top == -MINUS_INF<T>) return top;  // all impossible, or one certain: no difference of infinities
  const V shift = splat<V>(top);
  V sums{};
  row_vectors(x, n, MINUS_INF<T>, [&](i64, V v, i64) { sums += vexp(V(v - shift)); });
  return top + vlog(hsum(sums));
}
template <class T> static INLINE Vec<T> column_lse(const Columns<T>& c, i64 n) {
  using V = Vec<T>;
  V top = splat<V>(MINUS_INF<T>), sum{};
  for (i64 i = 0; i < n; i++) top = vmax(top, c.at(i));
  const V safe = select(vabs(top) == splat<V>(-MINUS_INF<T>), V{}, top);
  for (i64 i = 0; i < n; i++) sum += vexp(V(c.at(i) - safe));
  return select(vabs(top) == splat<V>(-MINUS_INF<T>), top, V(safe + vlog(sum)));
}

// Loss of one position from its log-sum-exp, and the weight it counts with; x: the logit of class 0, `inner` apart.
template <class T> static INLINE T position_loss(const Loss<T>& s, const T* x, i64 t, T lse, T& counted) {
  const T w = s.weight ? s.weight[t] : T(1);
  counted = w;
  T value = w * (lse - x[t * s.inner]);
  if (s.smoothing != 0) {
    T smooth = 0;
    for (i64 c = 0; c < s.C; c++) {
      const T term = lse - x[c * s.inner];
      smooth += s.weight ? s.weight[c] * term : term;
    }
    value = (T(1) - s.smoothing) * value + s.smoothing / T(s.C) * smooth;
  }
  return value;
}

template <class T> static NOINLINE void cross_entropy_forward(const double* w) {
  constexpr i64 L = LANES<T>;
  const Loss<T> s(w);
  const i64 positions = s.N * s.inner, groups = ceil_div(s.inner, L), units = s.N * groups;
  const i64 grain = row_grain(s.C * min_of(s.inner, L)), size = chunk_size(units, grain);
  double losses[MAX_CHUNKS], weights[MAX_CHUNKS];
  for (i64 i = 0; i < MAX_CHUNKS; i++) losses[i] = weights[i] = 0;
  if (s.C == 0 && positions > 0) {
    for (i64 i = 0; i < positions; i++)
      if (s.target[i] != s.ignore) return fail(INDEX_OUT_OF_RANGE, double(s.target[i]), 0, 0);
  }
  // One unit is a row (inner = 1) or up to L neighbouring columns.
  parallel_for(units, grain, [&](i64 begin, i64 end) {
    double loss_sum = 0, weight_sum = 0;
    for (i64 u = begin; u < end; u++) {
      const i64 n = u / groups, j = u % groups * L, lanes = min_of(L, s.inner - j);
      const T* x = s.logits + n * s.C * s.inner + j;
      T lse[L];
      if (s.inner == 1) lse[0] = row_lse(x, s.C);
      else store(lse, column_lse(Columns<T>{x, s.inner, lanes}, s.C));
      for (i64 l = 0; l < lanes; l++) {
        const i64 at = n * s.inner + j + l, t = s.target[at];
        s.lse[at] = lse[l];
        T counted = 0, value = 0;
        if (t != s.ignore) {
          if (UNLIKELY(t < 0 || t >= s.C)) return fail(INDEX_OUT_OF_RANGE, double(t), double(s.C), 0);
          value = position_loss(s, x + l, t, lse[l], counted);
        }
        if (s.reduction == 0) s.loss[at] = value;
        loss_sum += double(value);
        weight_sum += double(counted);
      }
    }
    losses[begin / size] = loss_sum;
    weights[begin / size] = weight_sum;
  });
  double loss = 0, weight = 0;
  for (i64 i = 0; i < MAX_CHUNKS; i++) loss += losses[i], weight += weights[i];
  *s.total = T(weight);
  if (s.reduction != 0) *s.loss = T(s.reduction == 1 ? loss / weight : loss);
}

// d loss / d x_c = (1 - ε) w_t (p_c - [c = t]) + ε / C (p_c Σ w - w_c), times the gradient of this position's loss.
template <class T> static NOINLINE void cross_entropy_backward(const double* w) {
  using V = Vec<T>;
  const Loss<T> s(w);
  if (s.N * s.C * s.inner == 0) return;
  const T one = s.reduction == 1 ? s.grad[0] / *s.total : s.reduction == 2 ? s.grad[0] : T(0);
  const T even = s.smoothing / T(s.C);
  // Factors of p_c and of [c = t] for one position; false where its gradient is zero.
  const auto factors = [&](i64 at, T& of_p, T& of_hit, T& scale) {
    const i64 t = s.target[at];
    of_p = of_hit = scale = 0;
    if (t == s.ignore) return false;
    if (UNLIKELY(t < 0 || t >= s.C)) {
      fail(INDEX_OUT_OF_RANGE, double(t), double(s.C), 0);
      return false;
    }
    scale = s.reduction == 0 ? s.grad[at] : one;
    of_hit = (T(1) - s.smoothing) * (s.weight ? s.weight[t] : T(1)) * scale;
    of_p = of_hit + even * s.weight_sum * scale;
    return true;
  };
  each_row<T>(
      s.N, s.C, s.inner,
      [&](i64 n) {
        T of_p, of_hit, scale;
        T* to = s.dlogits + n * s.C;
        if (!factors(n, of_p, of_hit, scale)) {
          for (i64 c = 0; c < s.C; c++) to[c] = 0;
          return;
        }
        const V lse = splat<V>(s.lse[n]), factor = splat<V>(of_p);
        row_vectors(s.logits + n * s.C, s.C, T(0), [&](i64 i, V v, i64 lanes) { put(to + i, V(vexp(V(v - lse)) * factor), lanes); });
        if (s.smoothing != 0)
          for (i64 c = 0; c < s.C; c++) to[c] -= even * scale * (s.weight ? s.weight[c] : T(1));
        to[s.target[n]] -= of_hit;
      },
      [&](i64 n, i64 j, i64 lanes) {
        T of_p[LANES<T>] = {}, of_hit[LANES<T>] = {}, scale[LANES<T>] = {}, lse[LANES<T>] = {};
        bool used[LANES<T>] = {};
        const i64 first = n * s.C * s.inner + j;
        for (i64 l = 0; l < lanes; l++) {
          used[l] = factors(n * s.inner + j + l, of_p[l], of_hit[l], scale[l]);
          lse[l] = s.lse[n * s.inner + j + l];
        }
        const Columns<T> x{s.logits + first, s.inner, lanes};
        const V shift = load<V>(lse), factor = load<V>(of_p), share = load<V>(scale) * splat<V>(even);
        for (i64 c = 0; c < s.C; c++)
          put(s.dlogits + first + c * s.inner, V(vexp(V(x.at(c) - shift)) * factor - share * splat<V>(s.weight ? s.weight[c] : T(1))), lanes);
        for (i64 l = 0; l < lanes; l++) {
          T* to = s.dlogits + first + l;
          if (used[l]) to[s.target[n * s.inner + j + l] * s.inner] -= of_hit[l];
          else
            for (i64 c = 0; c < s.C; c++) to[c * s.inner] = 0;  // 0 times an infinity would be NaN
        }
      });
}

void op_softmax_forward(const double* w) { return w[2] == F64 ? softmax_forward<f64>(w) : softmax_forward<f32>(w); }
void op_softmax_backward(const double* w) { return w[2] == F64 ? softmax_backward<f64>(w) : softmax_backward<f32>(w); }
void op_cross_entropy_forward(const double* w) { return w[2] == F64 ? cross_entropy_forward<f64>(w) : cross_entropy_forward<f32>(w); }
void op_cross_entropy_backward(const double* w) { return w[2] == F64 ? cross_entropy_backward<f64>(w) : cross_entropy_backward<f32>(w); }

}  // namespace fathom
