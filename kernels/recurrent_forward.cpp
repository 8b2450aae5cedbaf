// RECURRENT_FORWARD: one layer of one direction over a whole sequence.
#include "recurrent.h"

namespace fathom {
namespace {

template <class T> struct Forward : Recurrent<T> {
  using R = Recurrent<T>;
  using V = Vec<T>;
  static constexpr i64 L = LANES<T>, NR = TILE_COLS<T>, MR = TILE_ROWS;

  // Workspace: panels [slot][unit block of NR][K of the slot][NR], bias [slot][unit], packed states of two steps [parity][row tile][K][MR].
  i64 panel_units, depth[4], first[4];  // panels of a slot; rows of its panels and the row of [x, h] where they begin
  T *panels[4], *bias, *packed[2];

  explicit Forward(const double* w) : R(w) {
    panel_units = ceil_div(R::hidden, NR);
    T* at = R::workspace;
    for (i64 g = 0; g < R::slots; g++) {
      const bool hidden_only = R::cell == CELL_GRU && g == 3, input_only = R::cell == CELL_GRU && g == 2;
      first[g] = hidden_only ? R::xk : 0;
      depth[g] = (hidden_only ? 0 : R::xk) + (input_only ? 0 : R::hidden);
      panels[g] = at;
      at += panel_units * NR * depth[g];
    }
    bias = at;
    at += R::width;
    for (i64 i = 0; i < 2; i++, at += R::batch * K()) packed[i] = at;
  }

  INLINE i64 K() const { return R::xk + R::hidden; }

  void pack_weights() {
    parallel_for(R::slots * panel_units, ceil_div(i64(1) << 13, NR * K()), [&](i64 begin, i64 end) {
      for (i64 i = begin; i < end; i++) {
        const i64 g = i / panel_units, u = i % panel_units * NR, units = min_of(NR, R::hidden - u);
        const i64 gate = R::cell == CELL_GRU && g == 3 ? 2 : g, row = gate * R::hidden + u;
        T* to = panels[g] + u * depth[g];
        const i64 of_x = first[g] < R::xk ? R::xk : 0;
        if (of_x) pack_lines(to, NR, R::w_ih + row * R::in, R::in, i64(1), units, of_x);
        if (depth[g] > of_x) pack_lines(to + of_x * NR, NR, R::w_hh + row * R::hidden, R::hidden, i64(1), units, R::hidden);
      }
    });
    for (i64 g = 0; g < R::slots; g++)
      for (i64 u = 0; u < R::hidden; u++) {
        const bool gru = R::cell == CELL_GRU;
        const i64 gate = gru && g == 3 ? 2 : g;
        T b = 0;
        if (R::b_ih && !(gru && g == 3)) b += R::b_ih[gate * R::hidden + u];
        if (R::b_hh && !(gru && g == 2)) b += R::b_hh[gate * R::hidden + u];
        bias[g * R::hidden + u] = b;
      }
  }

  // Rows [r0, r1) of `from` as columns of the packed operand of a step, from row k on.
  INLINE void pack_rows(T* to, i64 k, const T* from, i64 row, i64 r0, i64 r1, i64 count) const {
    for (i64 r = r0; r < r1; r += MR) {
      const i64 height = min_of(MR, r1 - r);
      T* tile = to + r * K() + k * height;
      if (from) pack_lines(tile, height, from + r * row, row, i64(1), height, count);
      else
        for (i64 i = 0; i < height * count; i++) tile[i] = 0;
    }
  }

  INLINE T* gate_rows(i64 t) const { return R::slots == 1 ? R::y + t * R::batch * R::y_row : R::gates + t * R::batch * R::width; }
  INLINE i64 gate_row() const { return R::slots == 1 ? R::y_row : R::width; }

  // Sums of rows [r0, r1) and units [u0, u1) of all slots, without the bias.
  NOINLINE void multiply(i64 s, i64 r0, i64 r1, i64 u0, i64 u1) const {
    T* c = gate_rows(R::time(s));
    const i64 ldc = gate_row();
    const T* a = packed[s & 1];
    for (i64 u = u0; u < u1; u += NR)
      for (i64 g = 0; g < R::slots; g++) {
        if (depth[g] == 0) continue;
        const T* b = panels[g] + u * depth[g];
        // what the input contributes is already there, but for the hidden part of a GRU's n
        const bool accumulate = !R::fused_input && !(R::cell == CELL_GRU && g == 3);
        for (i64 r = r0; r < r1; r += MR) {
          const i64 height = min_of(MR, r1 - r);
          tile_into(height, min_of(NR, R::hidden - u), depth[g], a + r * K() + first[g] * height, b, c + r * ldc + g * R::hidden + u, ldc, accumulate);
        }
      }
  }

  // The gates' arithmetic of one row.
  template <int CELL> INLINE void finish_row(i64 s, i64 r, i64 u0, i64 u1) const {
    const i64 t = R::time(s), H = R::hidden;
    T* y = R::y + (t * R::batch + r) * R::y_row;
    if constexpr (CELL <= CELL_TANH) {
      for (i64 u = u0; u < u1; u += L) {
        const i64 lanes = min_of(L, u1 - u);
        const V v = load_lanes(y + u, lanes) + load_lanes(bias + u, lanes);
        store_lanes(y + u, CELL == CELL_TANH ? vtanh(v) : select(v < V{}, V{}, v), lanes);
      }
      return;
    }
    T* g = R::gates + (t * R::batch + r) * R::width;
    const T* before = CELL == CELL_LSTM ? R::cell_before(s) : nullptr;
    i64 state_row = H;
    if (CELL == CELL_GRU) before = R::state_before(s, state_row);
    if (before) before += r * state_row;
    T* c = CELL == CELL_LSTM ? R::cells + (t * R::batch + r) * H : nullptr;
    for (i64 u = u0; u < u1; u += L) {
      const i64 lanes = min_of(L, u1 - u);
      const auto sum = [&](i64 slot) { return V(load_lanes(g + slot * H + u, lanes) + load_lanes(bias + slot * H + u, lanes)); };
      const V old = before ? load_lanes(before + u, lanes) : V{};
      if constexpr (CELL == CELL_LSTM) {
        const V i = gate_sigmoid(sum(0)), f = gate_sigmoid(sum(1)), n = vtanh(sum(2)), o = gate_sigmoid(sum(3));
        const V now = f * old + i * n;
        store_lanes(g + u, i, lanes);
        store_lanes(g + H + u, f, lanes);
        store_lanes(g + 2 * H + u, n, lanes);
        store_lanes(g + 3 * H + u, o, lanes);
        store_lanes(c + u, now, lanes);
        store_lanes(y + u, V(o * vtanh(now)), lanes);
      } else {
        const V r_ = gate_sigmoid(sum(0)), z = gate_sigmoid(sum(1)), hn = sum(3), n = vtanh(V(sum(2) + r_ * hn));
        store_lanes(g + u, r_, lanes);
        store_lanes(g + H + u, z, lanes);
        store_lanes(g + 2 * H + u, n, lanes);
        store_lanes(g + 3 * H + u, hn, lanes);
        store_lanes(y + u, V(n + z * (old - n)), lanes);
      }
    }
  }

  // What follows the product: gates, the new state, and its place in the next step's operand.
  template <int CELL> NOINLINE void finish_as(i64 s, i64 r0, i64 r1, i64 u0, i64 u1) const {
    for (i64 r = r0; r < r1; r++) finish_row<CELL>(s, r, u0, u1);
    if (s + 1 < R::steps)
      pack_rows(packed[(s + 1) & 1], R::xk + u0, R::y + R::time(s) * R::batch * R::y_row + u0, R::y_row, r0, r1, u1 - u0);
  }

  void step(i64 s, i64 r0, i64 r1, i64 u0, i64 u1) const {
    multiply(s, r0, r1, u0, u1);
    switch (R::cell) {
      case CELL_RELU: return finish_as<CELL_RELU>(s, r0, r1, u0, u1);
      case CELL_TANH: return finish_as<CELL_TANH>(s, r0, r1, u0, u1);
      case CELL_LSTM: return finish_as<CELL_LSTM>(s, r0, r1, u0, u1);
      default: return finish_as<CELL_GRU>(s, r0, r1, u0, u1);
    }
  }

  // The inputs of all steps times the input weights, into the gates.
  void multiply_inputs() const {
    const i64 outputs = cell_gates(R::cell) * R::hidden;
    product(R::steps * R::batch, outputs, R::in, R::x, R::in, i64(1), R::w_ih, i64(1), R::in, gate_rows(0), gate_row(), false);
  }

  void run() {
    if (R::batch == 0 || R::hidden == 0 || R::steps == 0) return;
    pack_weights();
    if (!R::fused_input) multiply_inputs();
    const i64 H = R::hidden;
    if (!R::by_units) {
      parallel_for(R::blocks, R::row_grain(), [&](i64 begin, i64 end) {
        for (i64 i = begin; i < end; i++) {
          const i64 r0 = i * R::block_rows, r1 = min_of(r0 + R::block_rows, R::batch);
          pack_rows(packed[0], R::xk, R::h0, H, r0, r1, H);
          for (i64 s = 0; s < R::steps; s++)
            for (i64 r = r0; r < r1; r += CLOSE_ROWS) {
              const i64 end = min_of(r + CLOSE_ROWS, r1);
              if (R::xk) pack_rows(packed[s & 1], 0, R::x + R::time(s) * R::batch * R::in, R::in, r, end, R::in);
              step(s, r, end, 0, H);
            }
        }
      });
    } else {
      pack_rows(packed[0], 0, R::h0, H, 0, R::batch, H);
      const i64 across = ceil_div(H, R::block_units), work = min_of(R::block_rows, R::batch) * R::block_units * R::slots * H;
      for (i64 s = 0; s < R::steps; s++)
        parallel_for(R::blocks * across, ceil_div(i64(30000), work), [&](i64 begin, i64 end) {
          for (i64 i = begin; i < end; i++) {
            const i64 r0 = i % R::blocks * R::block_rows, u0 = i / R::blocks * R::block_units;
            step(s, r0, min_of(r0 + R::block_rows, R::batch), u0, min_of(u0 + R::block_units, H));
          }
        });
    }
    const i64 last = R::time(R::steps - 1);
    for (i64 r = 0; r < R::batch; r++) {
      __builtin_memcpy(R::h_last + r * H, R::y + (last * R::batch + r) * R::y_row, usize(H) * sizeof(T));
      if (R::cell == CELL_LSTM) __builtin_memcpy(R::c_last + r * H, R::cells + (last * R::batch + r) * H, usize(H) * sizeof(T));
    }
  }
};

}  // namespace

void op_recurrent_forward(const double* w) {
  if (w[2] == F64) Forward<f64>(w).run();
  else Forward<f32>(w).run();
}

}  // namespace fathom
