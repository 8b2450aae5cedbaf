// What the two directions of the recurrent instructions share: their operands, the cut into tasks, packed weights and the gates' arithmetic.
//
// A step's product is [x_t, h_{t-1}] times the packed weights, tile by tile (matmul_tile.h). Sequences do not touch each other, so while the
// weights fit the second-level cache a task takes some rows of the batch through all steps without meeting another thread. Larger weights are
// cut over the hidden units instead, with one fork and join a step, and the inputs of all steps are multiplied beforehand.
#pragma once
#include "ops.h"
#include "tile_lanes.h"
#include "vmath.h"

namespace fathom {

enum Cell : i32 { CELL_RELU = 0, CELL_TANH = 1, CELL_LSTM = 2, CELL_GRU = 3 };

// Slots of one unit in `gates` and `dgates`: the only one; i, f, g, o; or r, z, n and the hidden part of n.
INLINE constexpr i64 cell_slots(i32 cell) { return cell >= CELL_LSTM ? 4 : 1; }
// Rows of the weights by H.
INLINE constexpr i64 cell_gates(i32 cell) { return cell == CELL_LSTM ? 4 : cell == CELL_GRU ? 3 : 1; }

constexpr i64 STEP_ROWS = 16 * TILE_ROWS;     // rows of a task that is cut over the units
constexpr i64 CACHED_BYTES = i64(192) << 10;  // weights up to here stay in the second-level cache
constexpr i64 ROW_BLOCKS = 16;
constexpr i64 CLOSE_ROWS = 4 * TILE_ROWS;     // rows whose gates stay in the first-level cache between product and arithmetic

template <class T> struct Recurrent {
  i32 cell;
  i64 steps, batch, in, hidden;
  bool reverse;
  const T *x, *w_ih, *w_hh, *b_ih, *b_hh, *h0, *c0;
  T* y;
  i64 y_row;
  T *h_last, *c_last, *gates, *cells, *workspace;
  i64 slots, width;         // width: elements of one row of gates
  bool by_units;            // tasks are cut over the units, step by step
  bool fused_input;         // x_t is part of each step's product
  i64 xk;                   // rows of the packed operands that x_t takes: in or 0
  i64 block_rows, blocks;   // rows of a task, and how many tasks that makes
  i64 block_units;          // units of a task, a multiple of the tile

  explicit Recurrent(const double* w)
      : cell(static_cast<i32>(w[3])), steps(integer(w[4])), batch(integer(w[5])), in(integer(w[6])), hidden(integer(w[7])), reverse(w[8] != 0),
        x(ptr<const T>(w[9])), w_ih(ptr<const T>(w[10])), w_hh(ptr<const T>(w[11])), b_ih(ptr<const T>(w[12])), b_hh(ptr<const T>(w[13])),
        h0(ptr<const T>(w[14])), c0(ptr<const T>(w[15])), y(ptr<T>(w[16])), y_row(integer(w[17])), h_last(ptr<T>(w[18])), c_last(ptr<T>(w[19])),
        gates(ptr<T>(w[20])), cells(ptr<T>(w[21])), workspace(ptr<T>(w[22])), slots(cell_slots(cell)), width(slots * hidden) {
    constexpr i64 NR = TILE_COLS<T>, MR = TILE_ROWS;
    const i64 bytes = cell_gates(cell) * hidden * hidden * i64(sizeof(T));
    by_units = bytes > CACHED_BYTES;
    fused_input = !by_units && bytes + cell_gates(cell) * hidden * in * i64(sizeof(T)) <= CACHED_BYTES;
    xk = fused_input ? in : 0;
    block_rows = by_units ? STEP_ROWS : min_of(round_up(max_of(ceil_div(batch, ROW_BLOCKS), i64(1)), MR), STEP_ROWS);
    blocks = ceil_div(batch, block_rows);
    block_units = by_units ? NR : round_up(hidden, NR);
    while (by_units && blocks * ceil_div(hidden, block_units) > 64) block_units *= 2;
  }

  // The position in the sequence of step s, and the state before it: h0 or an earlier output.
  INLINE i64 time(i64 s) const { return reverse ? steps - 1 - s : s; }
  INLINE const T* state_before(i64 s, i64& row) const {
    row = s == 0 ? hidden : y_row;
    return s == 0 ? h0 : y + time(s - 1) * batch * y_row;
  }
  INLINE const T* cell_before(i64 s) const { return s == 0 ? c0 : cells + time(s - 1) * batch * hidden; }

  // Small jobs stay on one thread.
  INLINE i64 row_grain() const { return steps * block_rows * cell_gates(cell) * hidden * (in + hidden) < 50000 ? blocks : 1; }
};

// C[M, N] (+)= A[M, K] B[K, N] by the MATMUL instruction.
template <class T>
INLINE void product(i64 M, i64 N, i64 K, const T* A, i64 a_row, i64 a_col, const T* B, i64 b_row, i64 b_col, T* C, i64 c_row, bool accumulate) {
  const double w[19] = {double(OP_MATMUL), 19, double(dtype_of<T>()), double(M), double(N), double(K), address_of(A), double(a_row), double(a_col),
                        address_of(B), double(b_row), double(b_col), address_of(C), double(c_row), 0, accumulate ? 1.0 : 0.0, 0, 0, 0};
  op_matmul(w);
}

// 1 / (1 + e^-x); below -86 (f32) it stays at its least value instead of going through the subnormals. Relative error at most 1.5e-7 in
// single precision.
template <class V> INLINE V gate_sigmoid(V x) {
  using E = Elem<V>;
  return splat<V>(E(1)) / (splat<V>(E(1)) + vexp_nonpositive(at_most(V(-x), splat<V>(E(sizeof(E) == 4 ? 86 : 700)))));
}

}  // namespace fathom
