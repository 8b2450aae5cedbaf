// ATTENTION_BACKWARD: gradients of queries, keys and values; the weights are computed anew from the saved log-sum-exp of each row.
//
// With P the weights, D the dropout factors and o = (P ∘ D) v: dv = (P ∘ D)ᵀ do, dS = P ∘ (D ∘ (do vᵀ) - δ) with δ_i = Σ do_i ∘ o_i,
// dq = scale dS k, dk = scale dSᵀ q (Dao et al., 2022, appendix B).
#include "attention.h"

namespace fathom {

template <class T> struct AttentionGradients : Attention<T> {
  Rows<const T> dout;
  Rows<T> dq, dk, dv;
  explicit AttentionGradients(const double* w) : Attention<T>(w), dout(w + 40), dq(w + 44), dk(w + 48), dv(w + 52) {}
};

template <class T> static INLINE void clear_rows(T* x, i64 row, i64 rows, i64 columns) {
  for (i64 r = 0; r < rows; r++)
    for (i64 j = 0; j < columns; j++) x[r * row + j] = 0;
}

// All of one head of keys and values: the only task that touches its gradients.
template <class T> static NOINLINE void gradients_of_head(const AttentionGradients<T>& a, i64 b, i64 kh) {
  using V = Vec<T>;
  constexpr i64 W = LANES<T>, NR = TILE_COLS<T>;
  const i64 group = a.H / a.HK, ep = round_up(a.E, NR), evp = round_up(a.EV, NR);
  Scratch scratch;
  T *keys_t = scratch.take<T>((KEYS + NR) * a.E), *values_t = scratch.take<T>((KEYS + NR) * a.EV), *keys = scratch.take<T>(KEYS * ep);
  T *tiles = scratch.take<T>(QUERIES * max_of(max_of(a.E, a.EV), KEYS)), *panels = scratch.take<T>(QUERIES * max_of(ep, evp));
  T *weights = scratch.take<T>(QUERIES * KEYS), *slopes = scratch.take<T>(QUERIES * KEYS), *columns = scratch.take<T>(QUERIES * KEYS);
  T factors[KEYS];
  for (i64 h = kh * group; h < (kh + 1) * group; h++) clear_rows(a.dq.at(b, h), a.dq.row, a.L, a.E);
  clear_rows(a.dk.at(b, kh), a.dk.row, a.S, a.E);
  clear_rows(a.dv.at(b, kh), a.dv.row, a.S, a.EV);

  for (i64 j0 = 0; j0 < a.S; j0 += KEYS) {
    const i64 m = min_of(KEYS, a.S - j0), padded = round_up(m, W);
    const T *k = a.k.at(b, kh, j0), *v = a.v.at(b, kh, j0);
    pack_panels_transposed(keys_t, k, a.k.row, m, a.E);
    pack_panels_transposed(values_t, v, a.v.row, m, a.EV);
    pack_panels(keys, k, a.k.row, m, a.E);
    scale_all(keys, m * ep, a.scale);
    for (i64 h = kh * group; h < (kh + 1) * group; h++)
      for (i64 i0 = a.causal ? j0 / QUERIES * QUERIES : 0; i0 < a.L; i0 += QUERIES) {
        const i64 n = min_of(QUERIES, a.L - i0);
        const T *q = a.q.at(b, h, i0), *grad = a.dout.at(b, h, i0);
        pack_tiles(tiles, q, a.q.row, n, a.E);
        scale_all(tiles, n * a.E, a.scale);
        multiply_packed(n, m, a.E, tiles, keys_t, weights, KEYS, false);
        pack_tiles(tiles, grad, a.dout.row, n, a.EV);
        multiply_packed(n, m, a.EV, tiles, values_t, slopes, KEYS, false);
        for (i64 r = 0; r < n; r++) {
          T *p = weights + r * KEYS, *s = slopes + r * KEYS;
          a.mask_scores(p, b, h, i0 + r, j0, m);
          for (i64 j = m; j < padded; j++) p[j] = NEVER<T>, s[j] = 0;
          const T lse = a.lse[(b * a.H + h) * a.L + i0 + r];
          const T *o = a.out.at(b, h, i0 + r), *g = grad + r * a.dout.row;
          V dots{};
          i64 c = 0;
          for (; c + W <= a.EV; c += W) dots = fma(load<V>(o + c), load<V>(g + c), dots);
          T delta = hsum(dots);
          for (; c < a.EV; c++) delta += o[c] * g[c];
          const V shift = splat<V>(lse == NEVER<T> ? T(0) : lse), d = splat<V>(delta);
          if (a.dropping()) {
            a.dropout_factors(factors, b, h, i0 + r, j0, m);
            for (i64 j = 0; j < m; j++) s[j] *= factors[j];
          }
          for (i64 j = 0; j < padded; j += W) {
            const V e = vexp_nonpositive(V(load<V>(p + j) - shift));
            store(p + j, e);
            store(s + j, V(e * (load<V>(s + j) - d)));
          }
          if (a.dropping())
            for (i64 j = 0; j < m; j++) p[j] *= factors[j];
        }
        pack_tiles(tiles, static_cast<const T*>(slopes), KEYS, n, m);
        multiply_packed(n, a.E, m, tiles, keys, a.dq.at(b, h, i0), a.dq.row, true);
        pack_tiles_transposed(columns, static_cast<const T*>(slopes), KEYS, n, m);
        pack_panels(panels, q, a.q.row, n, a.E);
        scale_all(panels, n * ep, a.scale);
        multiply_packed(m, a.E, n, columns, panels, a.dk.at(b, kh, j0), a.dk.row, true);
        pack_tiles_transposed(columns, static_cast<const T*>(weights), KEYS, n, m);
        pack_panels(panels, grad, a.dout.row, n, a.EV);
        multiply_packed(m, a.EV, n, columns, panels, a.dv.at(b, kh, j0), a.dv.row, true);
      }
  }
}

template <class T> static NOINLINE void attention_backward(const double* w) {
  const AttentionGradients<T> a(w);
  if (a.B * a.HK == 0) return;
  const i64 work = a.L * a.S * (a.E + a.EV) * 3 * (a.H / a.HK);
  parallel_for(a.B * a.HK, ceil_div(i64(60000), max_of(work, i64(1))), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) gradients_of_head(a, i / a.HK, i % a.HK);
  });
}

void op_attention_backward(const double* w) { return w[2] == F64 ? attention_backward<f64>(w) : attention_backward<f32>(w); }

}  // namespace fathom
