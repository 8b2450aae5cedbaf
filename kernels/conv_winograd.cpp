// The engine of conv_winograd.h, for float32. With the points 0, ±3/4, ±3/2 and ∞ all factors of the data transforms are exact and errors stay within
// about twice those of a plain sum (measured over 256 channels: 1.5e-6 of the result's root mean square, a plain sum 0.9e-6; the usual points
// 0, ±1, ±2 give 3.1e-6). A NaN or an infinity spoils all outputs of its tiles.
//
// Transformed inputs of a window of tiles and transformed weights of a window of output channels lie in the workspace as panels that the product's
// tiles read; every task multiplies the 36 positions of some tiles and channels and transforms the sums back.
#include "conv_winograd.h"
#include "transpose.h"

namespace fathom {

using V = Vec<f32>;
constexpr i64 L = LANES<f32>, NR = TILE_COLS<f32>;
constexpr i64 POSITIONS = 36;
constexpr i64 WINDOW_FLOATS = 2 << 20;  // of transformed inputs, and of transformed weights
constexpr i64 MOST_TILES = 512;         // of a window
constexpr i64 SUM_FLOATS = 128 << 10;   // of a task's sums, in thread scratch
constexpr i64 DEPTH = 320;              // channels summed in registers

struct WinogradPlan {
  i64 down, across, tile_rows;        // tiles of an image; rows of tiles of all images
  i64 window_rows, window_tiles, panels;
  i64 tile, window_m, block_m;
  i64 input_slot, weight_slot;        // floats between positions
  i64 input_panel, weight_panel;      // floats of a panel
};

static WinogradPlan plan_of(const Winograd& s) {
  WinogradPlan p;
  p.down = ceil_div(s.OH, 4), p.across = ceil_div(s.OW, 4), p.tile_rows = s.N * p.down;
  p.tile = ceil_div(s.M, ceil_div(s.M, i64(TILE_ROWS)));
  p.input_slot = s.C * NR + 16, p.weight_slot = s.C * p.tile + 16;
  p.input_panel = POSITIONS * p.input_slot, p.weight_panel = POSITIONS * p.weight_slot;
  const i64 tiles = max_of(min_of(WINDOW_FLOATS / p.input_panel * NR, MOST_TILES), NR);
  const i64 rows = max_of(min_of(tiles / p.across, p.tile_rows), i64(1));
  p.window_rows = ceil_div(p.tile_rows, ceil_div(p.tile_rows, rows));
  p.window_tiles = p.window_rows * p.across;
  p.panels = ceil_div(p.window_tiles, NR);
  const i64 all = ceil_div(s.M, p.tile), most = min_of(all, max_of(WINDOW_FLOATS / p.weight_panel, i64(1)));
  p.window_m = ceil_div(all, ceil_div(all, most)) * p.tile;
  // Tasks of at most two panels of tiles: enough of them to share, few enough channels for the sums to stay in the cache.
  const i64 wide = ceil_div(p.panels, 2);
  i64 blocks = ceil_div(p.window_m, max_of(SUM_FLOATS / (POSITIONS * 2 * NR) / p.tile, i64(1)) * p.tile);
  while (wide * blocks < 8 && p.window_m / blocks > 4 * p.tile) blocks++;
  p.block_m = round_up(ceil_div(p.window_m, blocks), p.tile);
  return p;
}

bool winograd_of(const double* w, bool input_grad, Winograd& s) {
  const Conv c(w);
  if (w[2] != F32 || c.KH != 3 || c.KW != 3 || c.SH != 1 || c.SW != 1 || c.DH != 1 || c.DW != 1 || c.groups != 1) return false;
  const f32 *x = ptr<const f32>(w[19]), *weight = ptr<const f32>(w[20]), *y = ptr<const f32>(w[21]);
  if (input_grad) {
    if (c.PH > 2 || c.PW > 2) return false;
    s = {c.N, c.Cout, c.OH, c.OW, c.Cin, c.H, c.W, 2 - c.PH, 2 - c.PW, y, weight, 9, c.Cin * 9, true, const_cast<f32*>(x), nullptr, ACT_NONE};
  } else {
    s = {c.N, c.Cin, c.H, c.W, c.Cout, c.OH, c.OW, c.PH, c.PW, x, weight, c.Cin * 9, 9, false, const_cast<f32*>(y), ptr<const f32>(w[22]),
         static_cast<i32>(w[23])};
  }
  if (s.C < 24 || s.M < 24 || s.N * s.OH * s.OW == 0 || s.PH > 4 || s.PW > 4) return false;
  const i64 tiles = ceil_div(s.OH, 4) * ceil_div(s.OW, 4);
  // Outputs that tiles compute in vain, and weights that must serve enough tiles for their transform to pay.
  return s.OH * s.OW * 2 > tiles * 16 && s.N * tiles >= 16 && ceil_div(s.OW, 4) <= MOST_TILES;
}

i64 winograd_bytes(const Winograd& s) {
  const WinogradPlan p = plan_of(s);
  return (p.panels * p.input_panel + ceil_div(p.window_m, p.tile) * p.weight_panel + 64) * i64(sizeof(f32));
}

// to[0], to[step], … = Bᵀ d: from six values to six.
static INLINE void input_transform(V d0, V d1, V d2, V d3, V d4, V d5, f32* to, i64 step) {
  const auto k = [](f32 x) { return splat<V>(x); };
  const V even1 = fma(k(-2.25f), d2, d4), odd1 = V(d3 - k(2.25f) * d1) * k(0.75f);
  const V even2 = fma(k(-0.5625f), d2, d4), odd2 = V(d3 - k(0.5625f) * d1) * k(1.5f);
  store(to, V(fma(k(1.265625f), d0, d4) - k(2.8125f) * d2));
  store(to + step, V(even1 + odd1));
  store(to + 2 * step, V(even1 - odd1));
  store(to + 3 * step, V(even2 + odd2));
  store(to + 4 * step, V(even2 - odd2));
  store(to + 5 * step, V(fma(k(1.265625f), d1, d5) - k(2.8125f) * d3));
}

// G g: from three values to six.
static INLINE void weight_transform(V g0, V g1, V g2, V* to) {
  const auto k = [](f32 x) { return splat<V>(x); };
  const V even1 = -(g0 * k(f32(128.0 / 243)) + g2 * k(f32(8.0 / 27))), odd1 = g1 * k(f32(32.0 / 81));
  const V even2 = g0 * k(f32(32.0 / 243)) + g2 * k(f32(8.0 / 27)), odd2 = g1 * k(f32(16.0 / 81));
  to[0] = g0 * k(f32(64.0 / 81));
  to[1] = even1 - odd1, to[2] = even1 + odd1;
  to[3] = even2 + odd2, to[4] = even2 - odd2;
  to[5] = g2;
}

// Aᵀ m: from six values to four.
static INLINE void output_transform(V m0, V m1, V m2, V m3, V m4, V m5, V* to) {
  const auto k = [](f32 x) { return splat<V>(x); };
  const V sum1 = m1 + m2, sum2 = m3 + m4, difference1 = m1 - m2, difference2 = m3 - m4;
  to[0] = m0 + sum1 + sum2;
  to[1] = fma(k(0.75f), difference1, V(k(1.5f) * difference2));
  to[2] = fma(k(0.5625f), sum1, V(k(2.25f) * sum2));
  to[3] = fma(k(0.421875f), difference1, fma(k(3.375f), difference2, m5));
}

// Four neighbours each from p, p + 16, …
static INLINE V load_quads(const f32* p) {
  const f32* from[16];
  for (int i = 0; i < 4; i++) from[4 * i] = p + 16 * i;
  return join_quads<V>(from, 0);
}
static INLINE void store_quads(f32* p, V v) {
  for (i64 i = 0; i < L / 4; i++) store(p + 16 * i, load<Quad>(reinterpret_cast<const f32*>(&v) + 4 * i));
}

static INLINE V load_some(const f32* p, const f32* end) {
  if (LIKELY(p + L <= end)) return load<V>(p);
  V v{};
  for (i64 i = 0; i < end - p; i++) v[i] = p[i];
  return v;
}

// The 36 transformed values of channel c for every tile of `rows` rows of tiles from row0 on.
static NOINLINE void transform_inputs(const Winograd& s, const WinogradPlan& p, f32* panels, i64 c, i64 row0, i64 rows) {
  // Scratch: six lines, each the vertical transform of a row of tiles; then lines of [position in the tile][tile].
  const i64 line = round_up(4 * p.across + 4 * L + 16, 16), pitch = p.panels * NR + L + 8;
  f32* lines = static_cast<f32*>(thread_scratch());
  f32* phases = lines + 6 * line;
  static_assert((6 * (4 * MOST_TILES + 128) + 36 * (MOST_TILES + 4 * NR + 64)) * i64(sizeof(f32)) < SCRATCH_BYTES, "scratch is too small");
  const f32* end = s.source + s.N * s.C * s.H * s.W;
  for (i64 i = 0; i < 6; i++)
    for (i64 u = 0; u < line; u += L) store(lines + i * line + u, V{});
  for (i64 r = 0; r < rows; r++) {
    const i64 n = (row0 + r) / p.down, top = (row0 + r) % p.down * 4 - s.PH;
    const f32* plane = s.source + (n * s.C + c) * s.H * s.W;
    const auto row = [&](i64 i, i64 u) { return top + i < 0 || top + i >= s.H ? V{} : load_some(plane + (top + i) * s.W + u, end); };
    if (top >= 0 && top + 6 <= s.H && plane + (top + 6) * s.W + L <= end) {
      const f32* from = plane + top * s.W;
      for (i64 u = 0; u < s.W; u += L, from += L)
        input_transform(load<V>(from), load<V>(from + s.W), load<V>(from + 2 * s.W), load<V>(from + 3 * s.W), load<V>(from + 4 * s.W),
                        load<V>(from + 5 * s.W), lines + s.PW + u, line);
    } else {
      for (i64 u = 0; u < s.W; u += L) input_transform(row(0, u), row(1, u), row(2, u), row(3, u), row(4, u), row(5, u), lines + s.PW + u, line);
    }
    // The border on the right, and what was read beyond the row.
    if (s.W % L != 0)
      for (i64 i = 0; i < 6; i++) store(lines + i * line + s.PW + s.W, V{});
    for (i64 i = 0; i < 6; i++) {
      const f32* from = lines + i * line;
      f32* to = phases + i * 6 * pitch + r * p.across;
      for (i64 t = 0; t < p.across; t += L, from += 4 * L, to += L) {
        V v0 = load_quads(from), v1 = load_quads(from + 4), v2 = load_quads(from + 8), v3 = load_quads(from + 12);
        V v4 = v1, v5 = v2, v6 = v3, v7 = load_quads(from + 16);
        transpose_quads(v0, v1, v2, v3);
        transpose_quads(v4, v5, v6, v7);
        store(to, v0), store(to + pitch, v1), store(to + 2 * pitch, v2), store(to + 3 * pitch, v3);
        store(to + 4 * pitch, v4), store(to + 5 * pitch, v5);
      }
    }
  }
  const i64 tiles = rows * p.across;
  for (i64 k = 0; k < POSITIONS; k++)
    for (i64 t = tiles; t < round_up(tiles, NR); t++) phases[k * pitch + t] = 0;
  for (i64 t = 0; t < tiles; t += L) {
    f32* to = panels + t / NR * p.input_panel + c * NR + t % NR;
    for (i64 i = 0; i < 6; i++, to += 6 * p.input_slot) {
      const f32* from = phases + i * 6 * pitch + t;
      input_transform(load<V>(from), load<V>(from + pitch), load<V>(from + 2 * pitch), load<V>(from + 3 * pitch), load<V>(from + 4 * pitch),
                      load<V>(from + 5 * pitch), to, p.input_slot);
    }
  }
  // The rest of the last panel is multiplied, too.
  for (i64 t = round_up(tiles, L); t < round_up(tiles, NR); t += L)
    for (i64 k = 0; k < POSITIONS; k++) store(panels + t / NR * p.input_panel + k * p.input_slot + c * NR + t % NR, V{});
}

// The transformed weights of output channels m … m + height - 1: [position][c][height], up to L more floats are written.
static NOINLINE void transform_weights(const Winograd& s, const WinogradPlan& p, f32* panel, i64 m, i64 height) {
  constexpr i64 ld = (TILE_ROWS + L - 1) / L * L;
  f32 taps[9 * ld];
  for (f32& v : taps) v = 0;
  for (i64 c = 0; c < s.C; c++) {
    const f32* from = s.weight + m * s.m_stride + c * s.c_stride;
    for (i64 k = 0; k < 9; k++)
      for (i64 i = 0; i < height; i++) taps[(s.flipped ? 8 - k : k) * ld + i] = from[i * s.m_stride + k];
    for (i64 v = 0; v < height; v += L) {
      V columns[3][6], all[6];
      for (i64 j = 0; j < 3; j++) weight_transform(load<V>(taps + j * ld + v), load<V>(taps + (3 + j) * ld + v), load<V>(taps + (6 + j) * ld + v), columns[j]);
      f32* to = panel + c * height + v;
      for (i64 i = 0; i < 6; i++) {
        weight_transform(columns[0][i], columns[1][i], columns[2][i], all);
        for (i64 j = 0; j < 6; j++, to += p.weight_slot) store(to, all[j]);
      }
    }
  }
}

// Products of output channels [m, m + height) of the window and the panels [panel, panel + wide), and their way back to pixels.
static NOINLINE void multiply(const Winograd& s, const WinogradPlan& p, const f32* inputs, const f32* weights, i64 m0, i64 m, i64 height, i64 row0,
                              i64 rows, i64 panel, i64 wide) {
  f32* sums = static_cast<f32*>(thread_scratch());
  const i64 ld = wide * NR, slot = height * ld + 16;
  for (i64 k = 0; k < POSITIONS; k++)
    for (i64 c0 = 0; c0 < s.C; c0 += DEPTH) {
      const i32 depth = static_cast<i32>(min_of(DEPTH, s.C - c0));
      for (i64 q = 0; q < wide; q++) {
        const f32* b = inputs + (panel + q) * p.input_panel + k * p.input_slot + c0 * NR;
        for (i64 i = 0; i < height; i += p.tile) {
          const i64 h = min_of(p.tile, height - i);
          packed_tile<f32>(h)(depth, weights + (m + i) / p.tile * p.weight_panel + k * p.weight_slot + c0 * h, b, NR, sums + k * slot + i * ld + q * NR,
                              static_cast<i32>(ld), c0 > 0);
        }
      }
    }
  // Pixels of up to 2 NR tiles: four lines of 4 ld.
  f32* pixels = sums + POSITIONS * slot;
  const i64 first = panel * NR, tiles = min_of(ld, rows * p.across - first);
  for (i64 i = 0; i < height; i++) {
    for (i64 t = 0; t < tiles; t += L) {
      V lines[6][4];
      const f32* from = sums + i * ld + t;
      for (i64 j = 0; j < 6; j++, from += slot)
        output_transform(load<V>(from), load<V>(from + 6 * slot), load<V>(from + 12 * slot), load<V>(from + 18 * slot), load<V>(from + 24 * slot),
                         load<V>(from + 30 * slot), lines[j]);
      for (i64 j = 0; j < 4; j++) {
        V v[4];
        output_transform(lines[0][j], lines[1][j], lines[2][j], lines[3][j], lines[4][j], lines[5][j], v);
        transpose_quads(v[0], v[1], v[2], v[3]);
        for (i64 k = 0; k < 4; k++) store_quads(pixels + j * 4 * ld + 4 * t + 4 * k, v[k]);
      }
    }
    const i64 channel = m0 + m + i;
    const f32 bias = s.bias == nullptr ? 0 : s.bias[channel];
    for (i64 t = 0; t < tiles;) {
      const i64 row = row0 + (first + t) / p.across, col = (first + t) % p.across, count = min_of(p.across - col, tiles - t);
      const i64 n = row / p.down, top = row % p.down * 4, left = col * 4, cols = min_of(4 * count, s.OW - left);
      f32* to = s.out + ((n * s.M + channel) * s.OH + top) * s.OW + left;
      for (i64 j = 0; j < min_of(i64(4), s.OH - top); j++, to += s.OW) {
        const f32* from = pixels + j * 4 * ld + 4 * t;
        const V add = splat<V>(bias);
        i64 u = 0;
        if (s.activation == ACT_RELU) {
          for (; u + L <= cols; u += L) {
            const V v = load<V>(from + u) + add;
            store(to + u, V(at_least(v, V{})));
          }
          for (; u < cols; u++) to[u] = at_least(from[u] + bias, 0.0f);
          continue;
        }
        for (; u + L <= cols; u += L) store(to + u, V(load<V>(from + u) + add));
        for (; u < cols; u++) to[u] = from[u] + bias;
        if (s.activation != ACT_NONE) finish_row<f32>(to, cols, nullptr, 0, s.activation);
      }
      t += count;
    }
  }
}

void run_winograd(const Winograd& s, u8* workspace) {
  const WinogradPlan p = plan_of(s);
  f32 *inputs = reinterpret_cast<f32*>(workspace), *weights = inputs + p.panels * p.input_panel;
  const bool once = p.window_m >= s.M;  // weights need no second transform
  static_assert((POSITIONS * (SUM_FLOATS / POSITIONS + 16) + 32 * NR) * i64(sizeof(f32)) < SCRATCH_BYTES, "scratch is too small");
  for (i64 row0 = 0; row0 < p.tile_rows; row0 += p.window_rows) {
    const i64 rows = min_of(p.window_rows, p.tile_rows - row0), wide = ceil_div(ceil_div(rows * p.across, NR), 2);
    parallel_for(s.C, 1, [&](i64 begin, i64 end) {
      for (i64 c = begin; c < end; c++) transform_inputs(s, p, inputs, c, row0, rows);
    });
    for (i64 m0 = 0; m0 < s.M; m0 += p.window_m) {
      const i64 M = min_of(p.window_m, s.M - m0), blocks = ceil_div(M, p.block_m);
      if (!once || row0 == 0)
        parallel_for(ceil_div(M, p.tile), 1, [&](i64 begin, i64 end) {
          for (i64 i = begin; i < end; i++) transform_weights(s, p, weights + i * p.weight_panel, m0 + i * p.tile, min_of(p.tile, M - i * p.tile));
        });
      parallel_for(wide * blocks, 1, [&](i64 begin, i64 end) {
        for (i64 i = begin; i < end; i++) {
          const i64 panel = i / blocks * 2, m = i % blocks * p.block_m;
          multiply(s, p, inputs, weights, m0, m, min_of(p.block_m, M - m), row0, rows, panel, min_of(i64(2), ceil_div(rows * p.across, NR) - panel));
        }
      });
    }
  }
}

}  // namespace fathom
