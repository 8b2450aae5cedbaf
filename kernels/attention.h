// What the attention instructions share: operands, masking and dropout of a block of scores, packing.
//
// Scores are never stored whole: blocks of QUERIES rows by KEYS columns pass through a thread's scratch memory (the arrangement of Dao et al.,
// "FlashAttention", 2022, after Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
#pragma once
#include "ops.h"
#include "philox.h"
#include "tile_lanes.h"
#include "vmath.h"

namespace fathom {

// Large enough that packing costs little beside the products, and all blocks of heads of 128 columns fit the scratch memory in float64.
constexpr i64 KEYS = 128;
constexpr i64 QUERIES = 96 / TILE_ROWS * TILE_ROWS;

template <class T> constexpr T NEVER = T(-__builtin_inf());

// One operand [batch, head, row, column], columns dense.
template <class T> struct Rows {
  T* data;
  i64 batch, head, row;
  explicit Rows(const double* w) : data(ptr<T>(w[0])), batch(integer(w[1])), head(integer(w[2])), row(integer(w[3])) {}
  INLINE T* at(i64 b, i64 h, i64 r = 0) const { return data + b * batch + h * head + r * row; }
};

template <class T> struct Attention {
  i64 B, H, HK, L, S, E, EV;  // HK heads of keys and values serve H heads of queries
  T scale;
  bool causal;
  T share;    // what a kept weight is multiplied with: 1 / (1 - dropout)
  u32 bound;  // of the draws that keep it
  Philox random;
  Rows<T> q, k, v, out;
  T* lse;
  const void* mask;
  i32 mask_kind;  // 0 none, 1 bool (true: attend), 2 added to the scores
  i64 mask_batch, mask_head, mask_row, mask_column;

  explicit Attention(const double* w)
      : B(integer(w[3])), H(integer(w[4])), HK(integer(w[5])), L(integer(w[6])), S(integer(w[7])), E(integer(w[8])), EV(integer(w[9])),
        scale(T(w[10])), causal(w[11] != 0), share(w[12] < 1 ? T(1 / (1 - w[12])) : T(0)), bound(bernoulli_bound(1 - w[12])), random(w + 13), q(w + 17),
        k(w + 21), v(w + 25), out(w + 29), lse(ptr<T>(w[33])), mask(ptr(w[34])), mask_kind(static_cast<i32>(w[35])), mask_batch(integer(w[36])),
        mask_head(integer(w[37])), mask_row(integer(w[38])), mask_column(integer(w[39])) {}

  INLINE i64 key_head(i64 h) const { return h / (H / HK); }
  INLINE bool dropping() const { return bound < (1u << 24); }

  // Hides what the mask and causality hide of the scores s[0 … n) of query i and keys j0 … j0 + n.
  NOINLINE void mask_scores(T* s, i64 b, i64 h, i64 i, i64 j0, i64 n) const {
    if (mask_kind == 1) {
      const u8* m = static_cast<const u8*>(mask) + b * mask_batch + h * mask_head + i * mask_row + j0 * mask_column;
      for (i64 j = 0; j < n; j++)
        if (!m[j * mask_column]) s[j] = NEVER<T>;
    } else if (mask_kind == 2) {
      const T* m = static_cast<const T*>(mask) + b * mask_batch + h * mask_head + i * mask_row + j0 * mask_column;
      for (i64 j = 0; j < n; j++) s[j] += m[j * mask_column];
    }
    if (causal)
      for (i64 j = max_of(i + 1 - j0, i64(0)); j < n; j++) s[j] = NEVER<T>;
  }

  // f[j] = 1 / keep or 0: the dropout factors of query i and keys j0 … j0 + n, by their place in [B, H, L, S].
  NOINLINE void dropout_factors(T* f, i64 b, i64 h, i64 i, i64 j0, i64 n) const {
    const u64 at = u64(((b * H + h) * L + i) * S + j0);
    constexpr i64 AT_ONCE = 4 * Philox::KEPT_BLOCKS;
    u8 keep[KEYS + 4 + AT_ONCE];
    const u8* from = keep + (at & 3);
    for (i64 j = 0; j < n + i64(at & 3); j += AT_ONCE) random.keep_bytes((at + u64(j)) >> 2, bound, keep + j);
    for (i64 j = 0; j < n; j++) f[j] = from[j] ? share : T(0);
  }

  // Keys below which query block [i0, i1) sees anything.
  INLINE i64 visible(i64 i1) const { return causal ? min_of(S, i1) : S; }
};

// Panels [column block][depth][TILE_COLS]: columns are rows of x (its transpose is multiplied).
template <class T> INLINE void pack_panels_transposed(T* to, const T* x, i64 row, i64 rows, i64 depth) {
  constexpr i64 NR = TILE_COLS<T>;
  for (i64 c = 0; c < rows; c += NR) pack_lines(to + c * depth, NR, x + c * row, row, i64(1), min_of(NR, rows - c), depth);
}
// The same with columns being columns of x.
template <class T> INLINE void pack_panels(T* to, const T* x, i64 row, i64 depth, i64 columns) {
  constexpr i64 NR = TILE_COLS<T>;
  for (i64 c = 0; c < columns; c += NR) pack_lines(to + c * depth, NR, x + c, i64(1), row, min_of(NR, columns - c), depth);
}
// Tiles [row tile][depth][TILE_ROWS]: rows are rows of x, or its columns.
template <class T> INLINE void pack_tiles(T* to, const T* x, i64 row, i64 rows, i64 depth) {
  for (i64 r = 0; r < rows; r += TILE_ROWS) {
    const i64 height = min_of(i64(TILE_ROWS), rows - r);
    pack_lines(to + r * depth, height, x + r * row, row, i64(1), height, depth);
  }
}
template <class T> INLINE void pack_tiles_transposed(T* to, const T* x, i64 row, i64 depth, i64 columns) {
  for (i64 c = 0; c < columns; c += TILE_ROWS) {
    const i64 height = min_of(i64(TILE_ROWS), columns - c);
    pack_lines(to + c * depth, height, x + c, i64(1), row, height, depth);
  }
}

// C[rows, columns] (+)= tiles times panels.
template <class T> NOINLINE void multiply_packed(i64 rows, i64 columns, i64 depth, const T* tiles, const T* panels, T* c, i64 ldc, bool accumulate) {
  constexpr i64 NR = TILE_COLS<T>;
  for (i64 j = 0; j < columns; j += NR)
    for (i64 r = 0; r < rows; r += TILE_ROWS)
      tile_into(min_of(i64(TILE_ROWS), rows - r), min_of(NR, columns - j), depth, tiles + r * depth, panels + j * depth, c + r * ldc + j, ldc, accumulate);
}

template <class T> INLINE void scale_all(T* x, i64 n, T factor) {
  for (i64 i = 0; i < n; i++) x[i] *= factor;
}

// Cuts a thread's scratch memory into aligned pieces.
struct Scratch {
  u8* at = static_cast<u8*>(thread_scratch());
  template <class T> INLINE T* take(i64 n) {
    T* p = reinterpret_cast<T*>(at);
    at += round_up(n * i64(sizeof(T)), 64);
    return p;
  }
};

}  // namespace fathom
