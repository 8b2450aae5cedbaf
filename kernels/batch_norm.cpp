// BATCH_NORM, forward and backward: normalisation by the moments of a channel, with an affine map after it.
#include "moments.h"
#include "ops.h"

namespace fathom {

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

void op_batch_norm_forward(const double* w) { return w[2] == F64 ? batch_norm_forward<f64>(w) : batch_norm_forward<f32>(w); }
void op_batch_norm_backward(const double* w) { return w[2] == F64 ? batch_norm_backward<f64>(w) : batch_norm_backward<f32>(w); }

}  // namespace fathom
