// ROW_NORM and BATCH_NORM, forward and backward: normalisation by the moments of a row or of a channel, with an affine map after it.
#include "ops.h"
#include "parallel.h"
#include "rows.h"

namespace fathom {

// Mean and sum of squared deviations, joined part by part (Chan, Golub and LeVeque, 1979).
struct Moments {
  f64 count = 0, mean = 0, m2 = 0;
  // Adds n values given as sums of d and d² where d = x - center.
  INLINE void join(f64 n, f64 center, f64 sum, f64 squares) {
    if (n == 0) return;
    const f64 part_mean = center + sum / n, part_m2 = max_of(squares - sum * sum / n, 0.0), total = count + n, delta = part_mean - mean;
    mean += delta * n / total;
    m2 += part_m2 + delta * delta * count * n / total;
    count = total;
  }
  INLINE f64 variance() const { return count > 0 ? m2 / count : 0; }
};

// Numbers that are summed in T before their sum goes into double precision.
constexpr i64 PART = 2048;

// The sum of four vectors of partial sums.
template <class T> INLINE f64 total_of(const Vec<T>* v) {
  const Vec<T> all = Vec<T>(v[0] + v[1]) + Vec<T>(v[2] + v[3]);
  f64 s = 0;
  for (int i = 0; i < LANES<T>; i++) s += f64(all[i]);
  return s;
}

// f(position, k) for whole groups of four vectors, k = 0 … 3, so that sums run in four independent chains; gives where the groups end.
template <class T, class F> INLINE i64 four_at_once(i64 n, F f) {
  constexpr i64 L = LANES<T>;
  i64 i = 0;
  for (; i + 4 * L <= n; i += 4 * L)
    for (int k = 0; k < 4; k++) f(i + k * L, k);
  return i;
}

// Moments of runs of neighbouring values in one pass. Deviations are taken from the mean so far, so that nothing cancels.
template <class T> struct MomentSum {
  using V = Vec<T>;
  Moments moments;
  T center = 0;
  i64 pending = 0;
  bool centred;
  V sum[4] = {}, squares[4] = {};
  // Root mean squares (centred false) are taken about 0.
  explicit MomentSum(bool c) : centred(c) {}

  INLINE void add(const T* x, i64 n) {
    while (n > 0) {
      const i64 part = min_of(n, PART - pending);
      if (centred && moments.count == 0 && pending == 0) {
        V s[4] = {};
        const i64 body = four_at_once<T>(part, [&](i64 i, int k) { s[k] += load<V>(x + i); });
        row_vectors(x + body, part - body, T(0), [&](i64, V v, i64) { s[0] += v; });
        center = T(total_of<T>(s) / f64(part));
      }
      const V c = splat<V>(center);
      const i64 body = four_at_once<T>(part, [&](i64 i, int k) {
        const V d = load<V>(x + i) - c;
        sum[k] += d;
        squares[k] = fma(d, d, squares[k]);
      });
      row_vectors(x + body, part - body, center, [&](i64, V v, i64) {
        const V d = v - c;
        sum[0] += d;
        squares[0] = fma(d, d, squares[0]);
      });
      pending += part;
      if (pending == PART) flush();
      x += part;
      n -= part;
    }
  }
  INLINE void flush() {
    moments.join(f64(pending), f64(center), total_of<T>(sum), total_of<T>(squares));
    if (centred) center = T(moments.mean);
    for (int k = 0; k < 4; k++) sum[k] = squares[k] = V{};
    pending = 0;
  }
  // Mean of squares about 0, when not centred.
  INLINE f64 mean_square() const { return moments.variance() + moments.mean * moments.mean; }
};

static INLINE f64 inverse_root(f64 v) { return 1 / __builtin_sqrt(v); }

// y = (x - mean) scale + shift over a run.
template <class T> INLINE void affine(const T* x, T* y, i64 n, T mean, T scale, T shift) {
  using V = Vec<T>;
  const V m = splat<V>(mean), s = splat<V>(scale), b = splat<V>(shift);
  row_vectors(x, n, T(0), [&](i64 i, V v, i64 lanes) { put(y + i, fma(V(v - m), s, b), lanes); });
}

// Two sums over runs: of g and of g (x - center).
template <class T> struct ProductSum {
  using V = Vec<T>;
  V g_sum[4] = {}, product[4] = {};
  i64 pending = 0;
  f64 of_g = 0, of_product = 0;
  INLINE void add(const T* x, const T* g, i64 n, T center) {
    const V c = splat<V>(center);
    for (i64 at = 0; at < n;) {
      const i64 part = min_of(n - at, PART - pending);
      const T *xs = x + at, *gs = g + at;
      i64 i = four_at_once<T>(part, [&](i64 j, int k) {
        const V v = load<V>(gs + j);
        g_sum[k] += v;
        product[k] = fma(V(load<V>(xs + j) - c), v, product[k]);
      });
      for (; i + LANES<T> <= part; i += LANES<T>) {
        const V v = load<V>(gs + i);
        g_sum[0] += v;
        product[0] = fma(V(load<V>(xs + i) - c), v, product[0]);
      }
      for (; i < part; i++) {
        g_sum[0][0] += gs[i];
        product[0][0] += gs[i] * (xs[i] - center);
      }
      pending += part;
      at += part;
      if (pending == PART) flush();
    }
  }
  INLINE void flush() {
    of_g += total_of<T>(g_sum);
    of_product += total_of<T>(product);
    for (int k = 0; k < 4; k++) g_sum[k] = product[k] = V{};
    pending = 0;
  }
};

// dx = g scale - (x - mean) slope - offset over a run.
template <class T> INLINE void affine_back(const T* x, const T* g, T* dx, i64 n, T mean, T scale, T slope, T offset) {
  using V = Vec<T>;
  const V m = splat<V>(mean), a = splat<V>(scale), b = splat<V>(slope), c = splat<V>(offset);
  i64 i = 0;
  for (; i + LANES<T> <= n; i += LANES<T>) store(dx + i, V(load<V>(g + i) * a - (load<V>(x + i) - m) * b - c));
  for (; i < n; i++) dx[i] = g[i] * scale - (x[i] - mean) * slope - offset;
}

// ---------------------------------------------------------------- rows

struct RowNorm {
  i64 rows, n, inner, period, W;
  f64 eps;
  bool centred;
  explicit RowNorm(const double* w)
      : rows(integer(w[3])), n(integer(w[4])), inner(integer(w[5])), period(integer(w[6])), W(inner > 0 ? n / inner : 0), eps(w[7]),
        centred(w[8] == 0) {}
  i64 grain() const { return ceil_div(i64(1) << 13, max_of(n, i64(1))); }
};

template <class T> static NOINLINE void row_forward(const RowNorm& p, const T* x, const T* weight, const T* bias, T* y, T* mean_out, T* rstd_out, i64 r) {
  using V = Vec<T>;
  MomentSum<T> sums(p.centred);
  sums.add(x, p.n);
  sums.flush();
  const T mean = p.centred ? T(sums.moments.mean) : T(0);
  const T rstd = T(inverse_root((p.centred ? sums.moments.variance() : sums.mean_square()) + p.eps));
  if (mean_out) mean_out[r] = mean;
  rstd_out[r] = rstd;
  if (!weight && !bias) return affine(x, y, p.n, mean, rstd, T(0));
  const T* w = weight ? weight + r % p.period * p.W : nullptr;
  const T* b = bias ? bias + r % p.period * p.W : nullptr;
  if (p.inner > 1) {
    for (i64 j = 0; j < p.W; j++) affine(x + j * p.inner, y + j * p.inner, p.inner, mean, w ? T(rstd * w[j]) : rstd, b ? b[j] : T(0));
    return;
  }
  const V m = splat<V>(mean), s = splat<V>(rstd);
  i64 i = 0;
  for (; i + LANES<T> <= p.n; i += LANES<T>) {
    const V h = V(load<V>(x + i) - m) * s;
    const V scaled = w ? V(h * load<V>(w + i)) : h;
    store(y + i, b ? V(scaled + load<V>(b + i)) : scaled);
  }
  for (; i < p.n; i++) y[i] = (x[i] - mean) * rstd * (w ? w[i] : T(1)) + (b ? b[i] : T(0));
}

template <class T> static NOINLINE void row_norm_forward(const double* w) {
  const RowNorm p(w);
  if (p.n == 0) return;
  const T *x = ptr<const T>(w[9]), *weight = ptr<const T>(w[10]), *bias = ptr<const T>(w[11]);
  T *y = ptr<T>(w[12]), *mean = ptr<T>(w[13]), *rstd = ptr<T>(w[14]);
  parallel_for(p.rows, p.grain(), [&](i64 begin, i64 end) {
    for (i64 r = begin; r < end; r++) row_forward(p, x + r * p.n, weight, bias, y + r * p.n, mean, rstd, r);
  });
}

// With h = (x - mean) rstd and u = g w: dx = rstd (u - mean(u) - h mean(u h)); without mean(u) where rows are not centred.
template <class T> static NOINLINE void row_back(const RowNorm& p, const T* x, const T* g, const T* weight, T mean, T rstd, T* dx, i64 r) {
  using V = Vec<T>;
  const T* w = weight ? weight + r % p.period * p.W : nullptr;
  const f64 n = f64(p.n);
  if (!w || p.inner > 1) {
    f64 of_u = 0, of_product = 0;
    const i64 run = w ? p.inner : p.n;
    for (i64 j = 0; j < p.n / run; j++) {
      ProductSum<T> s;
      s.add(x + j * run, g + j * run, run, mean);
      s.flush();
      of_u += s.of_g * (w ? f64(w[j]) : 1);
      of_product += s.of_product * (w ? f64(w[j]) : 1);
    }
    const T slope = T(f64(rstd) * rstd * rstd * of_product / n), offset = p.centred ? T(f64(rstd) * of_u / n) : T(0);
    for (i64 j = 0; j < p.n / run; j++)
      affine_back(x + j * run, g + j * run, dx + j * run, run, mean, w ? T(rstd * w[j]) : rstd, slope, offset);
    return;
  }
  const V m = splat<V>(mean);
  f64 of_u = 0, of_product = 0;
  const i64 whole = p.n / LANES<T> * LANES<T>;
  for (i64 from = 0; from < whole; from += PART) {
    V a[4] = {}, b[4] = {};
    const i64 part = min_of(PART, whole - from);
    const auto take = [&](i64 i, int k) {
      const V u = load<V>(g + from + i) * load<V>(w + from + i);
      a[k] += u;
      b[k] = fma(u, V(load<V>(x + from + i) - m), b[k]);
    };
    for (i64 i = four_at_once<T>(part, take); i < part; i += LANES<T>) take(i, 0);
    of_u += total_of<T>(a);
    of_product += total_of<T>(b);
  }
  for (i64 i = whole; i < p.n; i++) {
    of_u += f64(g[i] * w[i]);
    of_product += f64(g[i] * w[i] * (x[i] - mean));
  }
  const T slope = T(f64(rstd) * rstd * rstd * of_product / n), offset = p.centred ? T(f64(rstd) * of_u / n) : T(0);
  const V s = splat<V>(rstd), k = splat<V>(slope), o = splat<V>(offset);
  for (i64 i = 0; i < whole; i += LANES<T>) store(dx + i, V(load<V>(g + i) * load<V>(w + i) * s - V(load<V>(x + i) - m) * k - o));
  for (i64 i = whole; i < p.n; i++) dx[i] = g[i] * w[i] * rstd - (x[i] - mean) * slope - offset;
}

// Sums over the rows of one place in the period, for a tile of neighbouring columns (inner = 1).
template <class T> static NOINLINE void column_sums(const RowNorm& p, const T* x, const T* g, const T* mean, const T* rstd, i64 place, i64 from,
                                                    i64 width, T* dweight, T* dbias) {
  constexpr i64 TILE = 32, FLUSH = 256;
  f64 of_product[TILE] = {}, of_g[TILE] = {};
  T product[TILE] = {}, sum[TILE] = {};
  i64 pending = 0;
  const auto flush = [&] {
    for (i64 j = 0; j < width; j++) {
      of_product[j] += f64(product[j]);
      of_g[j] += f64(sum[j]);
      product[j] = sum[j] = 0;
    }
    pending = 0;
  };
  for (i64 r = place; r < p.rows; r += p.period) {
    const T *xr = x + r * p.n + from, *gr = g + r * p.n + from;
    const T m = mean ? mean[r] : T(0), s = rstd[r];
    if (LIKELY(width == TILE)) {
      for (i64 j = 0; j < TILE; j++) {
        product[j] += gr[j] * ((xr[j] - m) * s);
        sum[j] += gr[j];
      }
    } else {
      for (i64 j = 0; j < width; j++) {
        product[j] += gr[j] * ((xr[j] - m) * s);
        sum[j] += gr[j];
      }
    }
    if (++pending == FLUSH) flush();
  }
  flush();
  for (i64 j = 0; j < width; j++) {
    if (dweight) dweight[place * p.W + from + j] = T(of_product[j]);
    if (dbias) dbias[place * p.W + from + j] = T(of_g[j]);
  }
}

template <class T> static NOINLINE void row_norm_backward(const double* w) {
  const RowNorm p(w);
  const T *x = ptr<const T>(w[9]), *weight = ptr<const T>(w[10]), *g = ptr<const T>(w[11]);
  T* dx = ptr<T>(w[12]);
  const T *mean = ptr<const T>(w[13]), *rstd = ptr<const T>(w[14]);
  T *dweight = ptr<T>(w[15]), *dbias = ptr<T>(w[16]);
  if (p.n == 0) return;
  if (dx)
    parallel_for(p.rows, p.grain(), [&](i64 begin, i64 end) {
      for (i64 r = begin; r < end; r++) row_back(p, x + r * p.n, g + r * p.n, weight, mean ? mean[r] : T(0), rstd[r], dx + r * p.n, r);
    });
  if (!dweight && !dbias) return;
  const i64 places = p.rows / max_of(p.period, i64(1));
  if (p.inner > 1) {
    parallel_for(p.period * p.W, ceil_div(i64(1) << 13, max_of(places * p.inner, i64(1))), [&](i64 begin, i64 end) {
      for (i64 c = begin; c < end; c++) {
        f64 of_g = 0, of_product = 0;
        for (i64 r = c / p.W; r < p.rows; r += p.period) {
          ProductSum<T> s;
          const i64 at = r * p.n + c % p.W * p.inner;
          s.add(x + at, g + at, p.inner, mean ? mean[r] : T(0));
          s.flush();
          of_g += s.of_g;
          of_product += s.of_product * f64(rstd[r]);
        }
        if (dweight) dweight[c] = T(of_product);
        if (dbias) dbias[c] = T(of_g);
      }
    });
    return;
  }
  constexpr i64 TILE = 32;
  const i64 tiles = ceil_div(p.W, TILE);
  parallel_for(p.period * tiles, ceil_div(i64(1) << 13, max_of(places * TILE, i64(1))), [&](i64 begin, i64 end) {
    for (i64 t = begin; t < end; t++) {
      const i64 from = t % tiles * TILE;
      column_sums(p, x, g, mean, rstd, t / tiles, from, min_of(TILE, p.W - from), dweight, dbias);
    }
  });
}

// ---------------------------------------------------------------- channels

struct BatchNorm {
  i64 N, C, inner;
  f64 eps, momentum;
  bool training;
  explicit BatchNorm(const double* w)
      : N(integer(w[3])), C(integer(w[4])), inner(integer(w[5])), eps(w[6]), momentum(w[7]), training(w[8] != 0) {}
  i64 grain(i64 channels) const { return ceil_div(i64(1) << 13, max_of(N * inner * channels, i64(1))); }
};

template <class T> struct Channels {
  const T *x, *weight, *bias;
  T *y, *mean, *rstd, *running_mean, *running_var;
};

// The statistics that channel c is normalised by; also moves the running ones.
template <class T> static INLINE void channel_statistics(const BatchNorm& p, const Channels<T>& t, i64 c, const Moments& m) {
  if (!p.training) {
    t.mean[c] = t.running_mean[c];
    t.rstd[c] = T(inverse_root(f64(t.running_var[c]) + p.eps));
    return;
  }
  t.mean[c] = T(m.mean);
  t.rstd[c] = T(inverse_root(m.variance() + p.eps));
  if (t.running_mean) t.running_mean[c] = T((1 - p.momentum) * f64(t.running_mean[c]) + p.momentum * m.mean);
  if (t.running_var) t.running_var[c] = T((1 - p.momentum) * f64(t.running_var[c]) + p.momentum * m.m2 / (m.count - 1));
}

template <class T> static NOINLINE void channel_forward(const BatchNorm& p, const Channels<T>& t, i64 c) {
  const i64 step = p.C * p.inner, at = c * p.inner;
  MomentSum<T> sums(true);
  if (p.training) {
    for (i64 n = 0; n < p.N; n++) sums.add(t.x + n * step + at, p.inner);
    sums.flush();
  }
  channel_statistics(p, t, c, sums.moments);
  const T scale = t.weight ? T(t.rstd[c] * t.weight[c]) : t.rstd[c], shift = t.bias ? t.bias[c] : T(0);
  for (i64 n = 0; n < p.N; n++) affine(t.x + n * step + at, t.y + n * step + at, p.inner, t.mean[c], scale, shift);
}

// Neighbouring channels lane by lane, for one value per sample and channel: NV vectors of them, of which `lanes` channels count.
template <class T, int NV> static NOINLINE void lanes_forward(const BatchNorm& p, const Channels<T>& t, i64 c, i64 lanes) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>, FLUSH = 256;
  const i64 width = NV > 1 ? L : lanes;
  const auto at = [&](i64 n, int k) { return Columns<T>{t.x + c + k * L, p.C, width}.at(n); };
  Moments moments[NV * L];
  if (p.training) {
    V center[NV] = {};
    const i64 first = min_of(p.N, FLUSH);
    for (i64 n = 0; n < first; n++)
      for (int k = 0; k < NV; k++) center[k] += at(n, k);
    for (int k = 0; k < NV; k++) center[k] = center[k] / splat<V>(T(first));
    for (i64 from = 0; from < p.N; from += FLUSH) {
      const i64 to = min_of(from + FLUSH, p.N);
      V sum[NV] = {}, squares[NV] = {};
      for (i64 n = from; n < to; n++)
        for (int k = 0; k < NV; k++) {
          const V d = at(n, k) - center[k];
          sum[k] += d;
          squares[k] = fma(d, d, squares[k]);
        }
      for (i64 l = 0; l < lanes; l++) {
        moments[l].join(f64(to - from), f64(center[l / L][l % L]), f64(sum[l / L][l % L]), f64(squares[l / L][l % L]));
        center[l / L][l % L] = T(moments[l].mean);
      }
    }
  }
  V mean[NV] = {}, scale[NV] = {}, shift[NV] = {};
  for (i64 l = 0; l < lanes; l++) {
    channel_statistics(p, t, c + l, moments[l]);
    mean[l / L][l % L] = t.mean[c + l];
    scale[l / L][l % L] = t.weight ? T(t.rstd[c + l] * t.weight[c + l]) : t.rstd[c + l];
    shift[l / L][l % L] = t.bias ? t.bias[c + l] : T(0);
  }
  for (i64 n = 0; n < p.N; n++)
    for (int k = 0; k < NV; k++) put(t.y + n * p.C + c + k * L, fma(V(at(n, k) - mean[k]), scale[k], shift[k]), width);
}

// Calls wide(first channel) for whole tiles of four vectors of channels and narrow(first channel, lanes) for the rest.
template <class T, class Wide, class Narrow> static INLINE void each_tile(const BatchNorm& p, const Wide& wide, const Narrow& narrow) {
  constexpr i64 L = LANES<T>;
  const i64 tiles = p.C / (4 * L), rest = ceil_div(p.C - tiles * 4 * L, L);
  parallel_for(tiles + rest, p.grain(4 * L), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      if (i < tiles) {
        wide(i * 4 * L);
        continue;
      }
      const i64 c = tiles * 4 * L + (i - tiles) * L;
      narrow(c, min_of(L, p.C - c));
    }
  });
}

template <class T> static NOINLINE void batch_norm_forward(const double* w) {
  const BatchNorm p(w);
  const Channels<T> t{ptr<const T>(w[9]), ptr<const T>(w[10]), ptr<const T>(w[11]), ptr<T>(w[12]), ptr<T>(w[13]), ptr<T>(w[14]), ptr<T>(w[15]), ptr<T>(w[16])};
  if (p.inner == 1) {
    each_tile<T>(p, [&](i64 c) { lanes_forward<T, 4>(p, t, c, 4 * LANES<T>); }, [&](i64 c, i64 lanes) { lanes_forward<T, 1>(p, t, c, lanes); });
    return;
  }
  parallel_for(p.C, p.grain(1), [&](i64 begin, i64 end) {
    for (i64 c = begin; c < end; c++) channel_forward(p, t, c);
  });
}

template <class T> struct ChannelGrads {
  const T *x, *g, *weight, *mean, *rstd;
  T *dx, *dweight, *dbias;
};

// The factors of dx = g scale - (x - mean) slope - offset, and the gradients of weight and bias.
template <class T> static INLINE void channel_factors(const BatchNorm& p, const ChannelGrads<T>& t, i64 c, f64 of_g, f64 of_product, T& scale, T& slope,
                                                      T& offset) {
  const f64 rstd = f64(t.rstd[c]), full = rstd * (t.weight ? f64(t.weight[c]) : 1), count = f64(p.N * p.inner);
  scale = T(full);
  slope = p.training ? T(full * rstd * rstd * of_product / count) : T(0);
  offset = p.training ? T(full * of_g / count) : T(0);
  if (t.dweight) t.dweight[c] = T(of_product * rstd);
  if (t.dbias) t.dbias[c] = T(of_g);
}

template <class T> static NOINLINE void channel_backward(const BatchNorm& p, const ChannelGrads<T>& t, i64 c) {
  const i64 step = p.C * p.inner, at = c * p.inner;
  ProductSum<T> s;
  if (p.training || t.dweight || t.dbias) {
    for (i64 n = 0; n < p.N; n++) s.add(t.x + n * step + at, t.g + n * step + at, p.inner, t.mean[c]);
    s.flush();
  }
  T scale, slope, offset;
  channel_factors(p, t, c, s.of_g, s.of_product, scale, slope, offset);
  if (t.dx)
    for (i64 n = 0; n < p.N; n++) affine_back(t.x + n * step + at, t.g + n * step + at, t.dx + n * step + at, p.inner, t.mean[c], scale, slope, offset);
}

template <class T, int NV> static NOINLINE void lanes_backward(const BatchNorm& p, const ChannelGrads<T>& t, i64 c, i64 lanes) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>, FLUSH = 256;
  const i64 width = NV > 1 ? L : lanes;
  const auto x = [&](i64 n, int k) { return Columns<T>{t.x + c + k * L, p.C, width}.at(n); };
  const auto g = [&](i64 n, int k) { return Columns<T>{t.g + c + k * L, p.C, width}.at(n); };
  V mean[NV] = {}, scale[NV] = {}, slope[NV] = {}, offset[NV] = {};
  f64 of_g[NV * L] = {}, of_product[NV * L] = {};
  for (i64 l = 0; l < lanes; l++) mean[l / L][l % L] = t.mean[c + l];
  for (i64 from = 0; from < p.N; from += FLUSH) {
    V sum[NV] = {}, product[NV] = {};
    for (i64 n = from; n < min_of(from + FLUSH, p.N); n++)
      for (int k = 0; k < NV; k++) {
        const V v = g(n, k);
        sum[k] += v;
        product[k] = fma(V(x(n, k) - mean[k]), v, product[k]);
      }
    for (i64 l = 0; l < lanes; l++) of_g[l] += f64(sum[l / L][l % L]), of_product[l] += f64(product[l / L][l % L]);
  }
  for (i64 l = 0; l < lanes; l++) {
    T a, b, d;
    channel_factors(p, t, c + l, of_g[l], of_product[l], a, b, d);
    scale[l / L][l % L] = a, slope[l / L][l % L] = b, offset[l / L][l % L] = d;
  }
  if (!t.dx) return;
  for (i64 n = 0; n < p.N; n++)
    for (int k = 0; k < NV; k++)
      put(t.dx + n * p.C + c + k * L, V(g(n, k) * scale[k] - V(x(n, k) - mean[k]) * slope[k] - offset[k]), width);
}

template <class T> static NOINLINE void batch_norm_backward(const double* w) {
  const BatchNorm p(w);
  const ChannelGrads<T> t{ptr<const T>(w[9]), ptr<const T>(w[11]), ptr<const T>(w[10]), ptr<const T>(w[13]), ptr<const T>(w[14]), ptr<T>(w[12]), ptr<T>(w[15]), ptr<T>(w[16])};
  if (p.inner == 1) {
    each_tile<T>(p, [&](i64 c) { lanes_backward<T, 4>(p, t, c, 4 * LANES<T>); }, [&](i64 c, i64 lanes) { lanes_backward<T, 1>(p, t, c, lanes); });
    return;
  }
  parallel_for(p.C, p.grain(1), [&](i64 begin, i64 end) {
    for (i64 c = begin; c < end; c++) channel_backward(p, t, c);
  });
}

void op_row_norm_forward(const double* w) { return w[2] == F64 ? row_norm_forward<f64>(w) : row_norm_forward<f32>(w); }
void op_row_norm_backward(const double* w) { return w[2] == F64 ? row_norm_backward<f64>(w) : row_norm_backward<f32>(w); }
void op_batch_norm_forward(const double* w) { return w[2] == F64 ? batch_norm_forward<f64>(w) : batch_norm_forward<f32>(w); }
void op_batch_norm_backward(const double* w) { return w[2] == F64 ? batch_norm_backward<f64>(w) : batch_norm_backward<f32>(w); }

}  // namespace fathom
