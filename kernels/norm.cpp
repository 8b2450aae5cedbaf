// ROW_NORM, forward and backward: normalisation by the moments of a row, with an affine map after it.
#include "moments.h"
#include "ops.h"

namespace fathom {

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

void op_row_norm_forward(const double* w) { return w[2] == F64 ? row_norm_forward<f64>(w) : row_norm_forward<f32>(w); }
void op_row_norm_backward(const double* w) { return w[2] == F64 ? row_norm_backward<f64>(w) : row_norm_backward<f32>(w); }

}  // namespace fathom
