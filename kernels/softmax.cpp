// SOFTMAX and CROSS_ENTROPY, forward and backward: rows along n, shifted by their maximum. Neighbouring columns (inner > 1) go lane by lane.
#include "ops.h"
#include "parallel.h"
#include "rows.h"
#include "vmath.h"

namespace fathom {

template <class T> constexpr T MINUS_INF = T(-__builtin_inf());

// The largest of a row that fills a V; a NaN wins.
template <class V> static INLINE Elem<V> row_max(const Elem<V>* x, i64 n) {
  constexpr i64 L = lanes_of<V>;
  V best = load<V>(x + n - L);
  i64 i = 0;
  if (n >= 8 * L) {
    V a = best, b = best, c = best;
    for (; i + 4 * L <= n; i += 4 * L) {
      best = vmax(best, load<V>(x + i));
      a = vmax(a, load<V>(x + i + L));
      b = vmax(b, load<V>(x + i + 2 * L));
      c = vmax(c, load<V>(x + i + 3 * L));
    }
    best = vmax(vmax(best, a), vmax(b, c));
  }
  for (; i + L <= n; i += L) best = vmax(best, load<V>(x + i));
  return hmax(best);
}

// The sum of e^(x - top) over a row that fills a V, top its maximum; the terms go to y (which may be x) unless it is null.
template <class V> static INLINE Elem<V> exp_sum(const Elem<V>* x, Elem<V>* y, i64 n, Elem<V> top) {
  constexpr i64 L = lanes_of<V>;
  const V shift = splat<V>(top), end = vexp_nonpositive(V(load<V>(x + n - L) - shift));
  V sums{}, more{};
  i64 i = 0;
  for (; i + 2 * L <= n; i += 2 * L) {
    const V a = vexp_nonpositive(V(load<V>(x + i) - shift)), b = vexp_nonpositive(V(load<V>(x + i + L) - shift));
    sums += a;
    more += b;
    if (y) store(y + i, a), store(y + i + L, b);
  }
  for (; i + L <= n; i += L) {
    const V a = vexp_nonpositive(V(load<V>(x + i) - shift));
    sums += a;
    if (y) store(y + i, a);
  }
  if (i < n) {
    sums += last_lanes(end, n - i);
    if (y) store(y + n - L, end);
  }
  return hsum(V(sums + more));
}

// y = f(x) over a row that fills a V; y may be x.
template <class V, class F> static INLINE void map_row(const Elem<V>* x, Elem<V>* y, i64 n, F f) {
  constexpr i64 L = lanes_of<V>;
  const V end = f(load<V>(x + n - L));
  i64 i = 0;
  for (; i + L <= n; i += L) store(y + i, f(load<V>(x + i)));
  if (i < n) store(y + n - L, end);
}

// Rows worth a chunk; a short row costs more than its elements do.
static i64 row_grain(i64 n) { return ceil_div(i64(1) << 12, max_of(n, i64(0)) + 64); }

template <class V> static INLINE void softmax_row(const Elem<V>* x, Elem<V>* y, i64 n, bool log) {
  using T = Elem<V>;
  const T top = row_max<V>(x, n);
  if (log) {
    const V shift = splat<V>(top), less = splat<V>(vlog(exp_sum<V>(x, nullptr, n, top)));
    map_row<V>(x, y, n, [=](V v) { return V(v - shift - less); });
  } else {
    const V scale = splat<V>(T(1) / exp_sum<V>(x, y, n, top));
    map_row<V>(y, y, n, [=](V v) { return V(v * scale); });
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

// Calls row(outer index, sample of the vector that a row fills) for inner = 1, else columns(outer index, first column, lanes); shared among the threads.
template <class T, class Row, class Cols> static INLINE void each_row(i64 outer, i64 n, i64 inner, const Row& row, const Cols& columns) {
  constexpr i64 L = LANES<T>;
  if (inner == 1) {
    parallel_for(outer, row_grain(n), [&](i64 begin, i64 end) {
      with_width<T>(n, [&](auto sample) {
        for (i64 o = begin; o < end; o++) row(o, sample);
      });
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
  each_row<T>(outer, n, inner, [&](i64 o, auto sample) { softmax_row<decltype(sample)>(x + o * n, y + o * n, n, log); },
              [&](i64 o, i64 j, i64 lanes) { softmax_columns(Columns<T>{x + o * n * inner + j, inner, lanes}, y + o * n * inner + j, n, log); });
}

// softmax: dx = y (dy - sum y dy); log-softmax: dx = dy - e^y sum dy.
template <class T> static NOINLINE void softmax_backward(const double* w) {
  using V = Vec<T>;
  const bool log = w[3] != 0;
  const i64 outer = integer(w[4]), n = integer(w[5]), inner = integer(w[6]);
  const T *y = ptr<const T>(w[8]), *dy = ptr<const T>(w[9]);
  T* dx = ptr<T>(w[10]);
  if (outer * n * inner == 0) return;
  each_row<T>(
      outer, n, inner,
      [&](i64 o, auto sample) {
        using V = decltype(sample);
        constexpr i64 L = lanes_of<V>;
        const T *yr = y + o * n, *gr = dy + o * n;
        T* to = dx + o * n;
        V sums{};
        const V y_end = load<V>(yr + n - L), g_end = load<V>(gr + n - L);
        i64 i = 0;
        for (; i + L <= n; i += L) sums += log ? load<V>(gr + i) : V(load<V>(gr + i) * load<V>(yr + i));
        if (i < n) sums += last_lanes(log ? g_end : V(g_end * y_end), n - i);
        const V s = splat<V>(hsum(sums));
        const auto slope = [&](V v, V g) { return log ? V(g - vexp_nonpositive(v) * s) : V(v * (g - s)); };
        for (i = 0; i + L <= n; i += L) store(to + i, slope(load<V>(yr + i), load<V>(gr + i)));
        if (i < n) store(to + n - L, slope(y_end, g_end));
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

// Logs of the sums of e^x over LANES rows that fill a V, or over fewer; their logarithms are taken together.
template <class V> static INLINE void rows_lse(const Elem<V>* x, i64 n, i64 rows, Elem<V>* lse) {
  using T = Elem<V>;
  T tops[LANES<T>] = {}, sums[LANES<T>];
  for (i64 r = 0; r < LANES<T>; r++) sums[r] = 1;
  for (i64 r = 0; r < rows; r++) {
    const T top = n > 0 ? row_max<V>(x + r * n, n) : MINUS_INF<T>;
    tops[r] = top;
    // all impossible, or one certain: no difference of infinities
    if (LIKELY(top != MINUS_INF<T> && top != -MINUS_INF<T>)) sums[r] = exp_sum<V>(x + r * n, nullptr, n, top);
  }
  store(lse, Vec<T>(load<Vec<T>>(tops) + vlog(load<Vec<T>>(sums))));
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
  // One unit is up to L neighbouring columns, or L rows (inner = 1).
  const bool whole_rows = s.inner == 1;
  const i64 positions = s.N * s.inner, groups = ceil_div(s.inner, L), units = whole_rows ? ceil_div(s.N, L) : s.N * groups;
  const i64 grain = whole_rows ? ceil_div(row_grain(s.C), L) : row_grain(s.C * min_of(s.inner, L)), size = chunk_size(units, grain);
  double losses[MAX_CHUNKS], weights[MAX_CHUNKS];
  for (i64 i = 0; i < MAX_CHUNKS; i++) losses[i] = weights[i] = 0;
  if (s.C == 0 && positions > 0) {
    for (i64 i = 0; i < positions; i++)
      if (s.target[i] != s.ignore) return fail(INDEX_OUT_OF_RANGE, double(s.target[i]), 0, 0);
  }
  parallel_for(units, grain, [&](i64 begin, i64 end) {
    double loss_sum = 0, weight_sum = 0;
    // Positions first … first + lanes, whose logits of class 0 are `step` apart from x on.
    const auto finish = [&](i64 first, i64 lanes, const T* x, i64 step, const T* lse) {
      for (i64 l = 0; l < lanes; l++) {
        const i64 at = first + l, t = s.target[at];
        s.lse[at] = lse[l];
        T counted = 0, value = 0;
        if (t != s.ignore) {
          if (UNLIKELY(t < 0 || t >= s.C)) {
            fail(INDEX_OUT_OF_RANGE, double(t), double(s.C), 0);
            return false;
          }
          value = position_loss(s, x + l * step, t, lse[l], counted);
        }
        if (s.reduction == 0) s.loss[at] = value;
        loss_sum += double(value);
        weight_sum += double(counted);
      }
      return true;
    };
    T lse[L];
    if (whole_rows) {
      with_width<T>(s.C, [&](auto sample) {
        for (i64 u = begin; u < end; u++) {
          const i64 rows = min_of(L, s.N - u * L);
          const T* x = s.logits + u * L * s.C;
          rows_lse<decltype(sample)>(x, s.C, rows, lse);
          if (!finish(u * L, rows, x, s.C, lse)) return;
        }
      });
    } else {
      for (i64 u = begin; u < end; u++) {
        const i64 n = u / groups, j = u % groups * L, lanes = min_of(L, s.inner - j);
        const T* x = s.logits + n * s.C * s.inner + j;
        store(lse, column_lse(Columns<T>{x, s.inner, lanes}, s.C));
        if (!finish(n * s.inner + j, lanes, x, 1, lse)) return;
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
      [&](i64 n, auto sample) {
        using V = decltype(sample);
        T of_p, of_hit, scale;
        T* to = s.dlogits + n * s.C;
        if (!factors(n, of_p, of_hit, scale)) {
          for (i64 c = 0; c < s.C; c++) to[c] = 0;
          return;
        }
        const V lse = splat<V>(s.lse[n]), factor = splat<V>(of_p);
        map_row<V>(s.logits + n * s.C, to, s.C, [=](V v) { return V(vexp_nonpositive(V(v - lse)) * factor); });
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
