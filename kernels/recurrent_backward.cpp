// RECURRENT_BACKWARD: gradients of one layer of one direction, back through time; weight gradients are products over all steps at the end.
#include "recurrent.h"

namespace fathom {
namespace {

template <class T> struct Backward : Recurrent<T> {
  using R = Recurrent<T>;
  using V = Vec<T>;
  static constexpr i64 L = LANES<T>, NR = TILE_COLS<T>, MR = TILE_ROWS;

  const T *dy, *dh_last, *dc_last;
  i64 dy_row;
  T *dx, *dw_ih, *dw_hh, *db_ih, *db_hh, *dh, *dc, *dgates;  // dh and dc [N, H]: gradients of the state, in the end of h0 and c0
  bool accumulate_dx;
  // Workspace: panels of w_hh [column block of NR][K][NR], the step's gate gradients packed [row tile][K][MR], bias gradients [row block][slots * H].
  T *panels, *packed, *sums;
  i64 K;  // gates * H

  explicit Backward(const double* w)
      : R(w), dy(ptr<const T>(w[23])), dh_last(ptr<const T>(w[25])), dc_last(ptr<const T>(w[26])), dy_row(integer(w[24])), dx(ptr<T>(w[27])),
        dw_ih(ptr<T>(w[28])), dw_hh(ptr<T>(w[29])), db_ih(ptr<T>(w[30])), db_hh(ptr<T>(w[31])), dh(ptr<T>(w[32])), dc(ptr<T>(w[33])),
        dgates(ptr<T>(w[34])), accumulate_dx(w[35] != 0) {
    K = cell_gates(R::cell) * R::hidden;
    panels = R::workspace;
    packed = panels + round_up(R::hidden, NR) * K;
    sums = packed + R::batch * K;
  }

  void pack_weights() {
    const i64 H = R::hidden, count = ceil_div(H, NR);
    parallel_for(count, ceil_div(i64(1) << 13, NR * K), [&](i64 begin, i64 end) {
      for (i64 p = begin; p < end; p++) pack_lines(panels + p * NR * K, NR, R::w_hh + p * NR, i64(1), H, min_of(NR, H - p * NR), K);
    });
  }

  INLINE void add_sum(T* to, V v, i64 lanes) const { store_lanes(to, V(load_lanes(to, lanes) + v), lanes); }

  // Gradients of one row's gates from that of its state, which becomes the part of the next that needs no product.
  template <int CELL> INLINE void row_gradients(i64 s, i64 r, i64 u0, i64 u1, T* sum) const {
    const i64 t = R::time(s), H = R::hidden, at = t * R::batch + r;
    const V one = splat<V>(T(1));
    const T *g = R::gates + at * R::width, *y = R::y + at * R::y_row, *grad = dy ? dy + at * dy_row : nullptr;
    T *to = dgates + at * R::width, *h = dh + r * H;
    i64 state_row = H;
    const T* before = CELL == CELL_LSTM ? R::cell_before(s) : CELL == CELL_GRU ? R::state_before(s, state_row) : nullptr;
    if (before) before += r * state_row;
    for (i64 u = u0; u < u1; u += L) {
      const i64 lanes = min_of(L, u1 - u);
      const auto gate = [&](i64 slot) { return load_lanes(g + slot * H + u, lanes); };
      const auto put = [&](i64 slot, V v) {
        store_lanes(to + slot * H + u, v, lanes);
        add_sum(sum + slot * H + u, v, lanes);
      };
      V d = load_lanes(h + u, lanes);
      if (grad) d += load_lanes(grad + u, lanes);
      if constexpr (CELL <= CELL_TANH) {
        const V out = load_lanes(y + u, lanes);
        put(0, CELL == CELL_TANH ? V(d * (one - out * out)) : select(out > V{}, d, V{}));
      } else if constexpr (CELL == CELL_LSTM) {
        const V old = before ? load_lanes(before + u, lanes) : V{};
        const V i = gate(0), f = gate(1), n = gate(2), o = gate(3), tc = vtanh(load_lanes(R::cells + at * H + u, lanes));
        const V c = load_lanes(dc + r * H + u, lanes) + d * o * (one - tc * tc);
        put(0, V(c * n * i * (one - i)));
        put(1, V(c * old * f * (one - f)));
        put(2, V(c * i * (one - n * n)));
        put(3, V(d * tc * o * (one - o)));
        store_lanes(dc + r * H + u, V(c * f), lanes);
      } else {
        const V old = before ? load_lanes(before + u, lanes) : V{};
        const V reset = gate(0), z = gate(1), n = gate(2), hn = gate(3);
        const V dn = d * (one - z) * (one - n * n);
        put(0, V(dn * hn * reset * (one - reset)));
        put(1, V(d * (old - n) * z * (one - z)));
        put(2, dn);
        put(3, V(dn * reset));
        store_lanes(h + u, V(d * z), lanes);
      }
    }
  }

  // Gate gradients of rows [r0, r1) and units [u0, u1), and their places in the packed operand of the product with w_hh.
  template <int CELL> NOINLINE void gradients_as(i64 s, i64 r0, i64 r1, i64 u0, i64 u1) const {
    const i64 H = R::hidden, t = R::time(s);
    T* sum = sums + r0 / R::block_rows * R::width;
    for (i64 r = r0; r < r1; r++) row_gradients<CELL>(s, r, u0, u1, sum);
    for (i64 gate = 0; gate < cell_gates(CELL); gate++) {
      const i64 slot = CELL == CELL_GRU && gate == 2 ? 3 : gate;
      for (i64 r = r0; r < r1; r += MR) {
        const i64 height = min_of(MR, r1 - r);
        pack_lines(packed + r * K + (gate * H + u0) * height, height, dgates + (t * R::batch + r) * R::width + slot * H + u0, R::width, i64(1),
                   height, u1 - u0);
      }
    }
  }
  void gradients(i64 s, i64 r0, i64 r1, i64 u0, i64 u1) const {
    switch (R::cell) {
      case CELL_RELU: return gradients_as<CELL_RELU>(s, r0, r1, u0, u1);
      case CELL_TANH: return gradients_as<CELL_TANH>(s, r0, r1, u0, u1);
      case CELL_LSTM: return gradients_as<CELL_LSTM>(s, r0, r1, u0, u1);
      default: return gradients_as<CELL_GRU>(s, r0, r1, u0, u1);
    }
  }

  // dh (+)= gate gradients times w_hh, columns [u0, u1).
  NOINLINE void carry(i64 r0, i64 r1, i64 u0, i64 u1) const {
    const i64 H = R::hidden;
    for (i64 u = u0; u < u1; u += NR)
      for (i64 r = r0; r < r1; r += MR)
        tile_into(min_of(MR, r1 - r), min_of(NR, H - u), K, packed + r * K, panels + u * K, dh + r * H + u, H, R::cell == CELL_GRU);
  }

  // dw_hh rows [from, from + rows) = gradients of a slot by the states before each step.
  void state_weights(i64 from, i64 slot, i64 rows) const {
    const i64 H = R::hidden, N = R::batch, later = (R::steps - 1) * N;
    T* to = dw_hh + from * H;
    const T* d = dgates + slot * H;
    // the first step's state is h0; in all others it is the output one step earlier, which lies N rows before or behind
    const T *rest = d + (R::reverse ? 0 : N * R::width), *states = R::y + (R::reverse ? N * R::y_row : 0);
    if (later > 0 || !R::h0) product(rows, H, later, rest, i64(1), R::width, states, R::y_row, i64(1), to, H, false);
    if (R::h0) product(rows, H, N, d + R::time(0) * N * R::width, i64(1), R::width, R::h0, H, i64(1), to, H, later > 0);
  }

  void finish() const {
    const i64 H = R::hidden, rows = R::steps * R::batch;
    if (dx) product(rows, R::in, K, dgates, R::width, i64(1), R::w_ih, R::in, i64(1), dx, R::in, accumulate_dx);
    if (dw_ih) product(K, R::in, rows, dgates, i64(1), R::width, R::x, R::in, i64(1), dw_ih, R::in, false);
    if (dw_hh) {
      if (R::cell == CELL_GRU) {
        state_weights(0, 0, 2 * H);
        state_weights(2 * H, 3, H);
      } else state_weights(0, 0, K);
    }
    for (i64 u = 0; u < R::width; u++) {
      T sum = 0;
      for (i64 b = 0; b < R::blocks; b++) sum += sums[b * R::width + u];
      const i64 slot = R::cell == CELL_GRU ? u / H : 0;
      if (db_ih && slot != 3) db_ih[u] = sum;
      if (db_hh && slot != 2) db_hh[slot == 3 ? u - H : u] = sum;
    }
  }

  void run() {
    const i64 H = R::hidden, N = R::batch;
    for (i64 i = 0; i < N * H; i++) dh[i] = dh_last ? dh_last[i] : T(0);
    if (R::cell == CELL_LSTM)
      for (i64 i = 0; i < N * H; i++) dc[i] = dc_last ? dc_last[i] : T(0);
    for (i64 i = 0; i < R::blocks * R::width; i++) sums[i] = 0;
    pack_weights();
    if (!R::by_units) {
      parallel_for(R::blocks, R::row_grain(), [&](i64 begin, i64 end) {
        for (i64 i = begin; i < end; i++) {
          const i64 r0 = i * R::block_rows, r1 = min_of(r0 + R::block_rows, N);
          for (i64 s = R::steps - 1; s >= 0; s--)
            for (i64 r = r0; r < r1; r += CLOSE_ROWS) {
              const i64 end = min_of(r + CLOSE_ROWS, r1);
              gradients(s, r, end, 0, H);
              carry(r, end, 0, H);
            }
        }
      });
    } else {
      const i64 across = ceil_div(H, R::block_units), work = min_of(R::block_rows, N) * R::block_units * K, tasks = R::blocks * across;
      const auto each = [&](i64 grain, const auto& body) {
        parallel_for(tasks, grain, [&](i64 begin, i64 end) {
          for (i64 i = begin; i < end; i++) {
            const i64 r0 = i % R::blocks * R::block_rows, u0 = i / R::blocks * R::block_units;
            body(r0, min_of(r0 + R::block_rows, N), u0, min_of(u0 + R::block_units, H));
          }
        });
      };
      for (i64 s = R::steps - 1; s >= 0; s--) {
        each(ceil_div(i64(2000), min_of(R::block_rows, N) * R::block_units), [&](i64 r0, i64 r1, i64 u0, i64 u1) { gradients(s, r0, r1, u0, u1); });
        each(ceil_div(i64(30000), work), [&](i64 r0, i64 r1, i64 u0, i64 u1) { carry(r0, r1, u0, u1); });
      }
    }
    finish();
  }
};

}  // namespace

void op_recurrent_backward(const double* w) {
  if (w[2] == F64) Backward<f64>(w).run();
  else Backward<f32>(w).run();
}

}  // namespace fathom
