// ATTENTION_FORWARD: softmax(scale q kᵀ + mask) v, one block of queries at a time against blocks of keys.
#include "attention.h"

namespace fathom {

// One block of queries i0 … i0 + n of head h in batch b.
template <class T> static NOINLINE void attend_block(const Attention<T>& a, i64 b, i64 h, i64 i0, i64 n) {
  using V = Vec<T>;
  constexpr i64 W = LANES<T>, NR = TILE_COLS<T>;
  const i64 ev = round_up(a.EV, W), kh = a.key_head(h);
  Scratch scratch;
  T *queries = scratch.take<T>(QUERIES * a.E), *keys = scratch.take<T>((KEYS + NR) * a.E), *values = scratch.take<T>(KEYS * round_up(a.EV, NR));
  T *scores = scratch.take<T>(QUERIES * KEYS), *weights = scratch.take<T>(QUERIES * KEYS), *sum = scratch.take<T>(QUERIES * ev);
  T top[QUERIES], total[QUERIES], factors[KEYS];
  for (i64 r = 0; r < n; r++) top[r] = NEVER<T>, total[r] = 0;
  for (i64 i = 0; i < n * ev; i++) sum[i] = 0;
  pack_tiles(queries, static_cast<const T*>(a.q.at(b, h, i0)), a.q.row, n, a.E);
  scale_all(queries, n * a.E, a.scale);

  const i64 end = a.visible(i0 + n);
  for (i64 j0 = 0; j0 < end; j0 += KEYS) {
    const i64 m = min_of(KEYS, a.S - j0), padded = round_up(m, W);
    pack_panels_transposed(keys, static_cast<const T*>(a.k.at(b, kh, j0)), a.k.row, m, a.E);
    pack_panels(values, static_cast<const T*>(a.v.at(b, kh, j0)), a.v.row, m, a.EV);
    multiply_packed(n, m, a.E, queries, keys, scores, KEYS, false);
    for (i64 r = 0; r < n; r++) {
      T* s = scores + r * KEYS;
      a.mask_scores(s, b, h, i0 + r, j0, m);
      for (i64 j = m; j < padded; j++) s[j] = NEVER<T>;
      V most = splat<V>(NEVER<T>);
      for (i64 j = 0; j < padded; j += W) most = vmax(most, load<V>(s + j));
      const T old = top[r], now = vmax(old, hmax(most));
      if (now == NEVER<T>) {  // nothing visible yet
        for (i64 j = 0; j < padded; j++) s[j] = 0;
        continue;
      }
      const V shift = splat<V>(now);
      V part{};
      for (i64 j = 0; j < padded; j += W) {
        const V e = vexp_nonpositive(V(load<V>(s + j) - shift));
        part += e;
        store(s + j, e);
      }
      if (now != old) {
        const T less = vexp(T(old - now));
        total[r] *= less;
        for (i64 j = 0; j < ev; j += W) store(sum + r * ev + j, V(load<V>(sum + r * ev + j) * splat<V>(less)));
        top[r] = now;
      }
      total[r] += hsum(part);
      if (a.dropping()) {
        a.dropout_factors(factors, b, h, i0 + r, j0, m);
        for (i64 j = 0; j < m; j++) s[j] *= factors[j];
      }
    }
    pack_tiles(weights, static_cast<const T*>(scores), KEYS, n, m);
    multiply_packed(n, a.EV, m, weights, values, sum, ev, true);
  }
  for (i64 r = 0; r < n; r++) {
    // a query that sees no key gets zeros
    const T factor = total[r] == 0 ? T(0) : T(1) / total[r];
    T* to = a.out.at(b, h, i0 + r);
    for (i64 j = 0; j < a.EV; j += W) store_lanes(to + j, V(load<V>(sum + r * ev + j) * splat<V>(factor)), min_of(W, a.EV - j));
    a.lse[(b * a.H + h) * a.L + i0 + r] = total[r] == 0 ? NEVER<T> : top[r] + vlog(total[r]);
  }
}

template <class T> static NOINLINE void attention_forward(const double* w) {
  const Attention<T> a(w);
  const i64 blocks = ceil_div(a.L, QUERIES), work = min_of(a.L, QUERIES) * max_of(a.S, i64(1)) * (a.E + a.EV + 16);
  parallel_for(a.B * a.H * blocks, ceil_div(i64(60000), max_of(work, i64(1))), [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      const i64 head = i / blocks, i0 = i % blocks * QUERIES;
      attend_block(a, head / a.H, head % a.H, i0, min_of(QUERIES, a.L - i0));
    }
  });
}

void op_attention_forward(const double* w) { return w[2] == F64 ? attention_forward<f64>(w) : attention_forward<f32>(w); }

}  // namespace fathom
