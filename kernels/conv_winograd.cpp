// The engine of conv_winograd.h, for float32. With the points 0, ±3/4, ±3/2 and ∞ (±1/2, ±3/2 and ∞ for two taps) the factors of the data transforms are
// exact and errors stay within twice those of a plain sum: over 256 channels, measured against the result's root mean square, 1.5e-6 (0.9e-6) where plain
// sums have 0.9e-6 (0.6e-6); the usual points 0, ±1, ±2 give 3.1e-6. A NaN or an infinity spoils all outputs of its tiles.
//
// Transformed inputs of a window of tiles and transformed weights of a window of output channels lie in the workspace as panels that the product's
// tiles read; every task multiplies the positions of some tiles and channels and transforms the sums back.
#include "conv_winograd.h"
#include "transpose.h"

namespace fathom {

using V = Vec<f32>;
constexpr i64 L = LANES<f32>, NR = TILE_COLS<f32>;
constexpr i64 WINDOW_FLOATS = 2 << 20;  // of transformed inputs, and of transformed weights
constexpr i64 MOST_TILES = 512;         // of a window
constexpr i64 SUM_FLOATS = 128 << 10;   // of a task's sums, in thread scratch
constexpr i64 DEPTH = 320;              // channels summed in registers
constexpr i64 MOST_POSITIONS = 50;      // of a tile, or of the tiles of two phases

struct WinogradPlan {
  i64 side, positions;          // of a tile of inputs
  i64 down, across, tile_rows;  // tiles of an image; rows of tiles of all images
  i64 window_rows, panels;
  i64 tile, window_m, block_m;
  i64 input_slot, weight_slot;    // floats between positions
  i64 input_panel, weight_panel;  // floats of a panel
};

static WinogradPlan plan_of(const Winograd& s) {
  WinogradPlan p;
  p.side = s.taps + 3, p.positions = p.side * p.side;
  p.down = ceil_div(s.OH, 4), p.across = ceil_div(s.OW, 4), p.tile_rows = s.N * p.down;
  p.tile = ceil_div(s.M, ceil_div(s.M, i64(TILE_ROWS)));
  p.input_slot = s.depth() * NR + 16, p.weight_slot = s.depth() * p.tile + 16;
  p.input_panel = p.positions * p.input_slot, p.weight_panel = p.positions * p.weight_slot;
  const i64 tiles = max_of(min_of(WINDOW_FLOATS / p.input_panel * NR, MOST_TILES), NR);
  const i64 rows = max_of(min_of(tiles / p.across, p.tile_rows), i64(1));
  p.window_rows = ceil_div(p.tile_rows, ceil_div(p.tile_rows, rows));
  p.panels = ceil_div(p.window_rows * p.across, NR);
  const i64 all = ceil_div(s.M, p.tile), most = min_of(all, max_of(WINDOW_FLOATS / p.weight_panel, i64(1)));
  p.window_m = ceil_div(all, ceil_div(all, most)) * p.tile;
  // Tasks of at most two panels of tiles: enough of them to share, few enough channels for the sums to stay in the cache.
  const i64 wide = ceil_div(p.panels, 2);
  i64 blocks = ceil_div(p.window_m, max_of(SUM_FLOATS / (p.positions * 2 * NR) / p.tile, i64(1)) * p.tile);
  while (wide * blocks < 8 && p.window_m / blocks > 4 * p.tile) blocks++;
  p.block_m = round_up(ceil_div(p.window_m, blocks), p.tile);
  return p;
}

// Along one dimension of an input gradient with stride 2: the first output of phase r, and how many there are.
static INLINE i64 first_of_phase(i64 padding, i64 r) { return padding > r ? (padding - r + 1) / 2 : 0; }
static INLINE i64 phase_length(i64 size, i64 padding, i64 r) { return (size - 1 + padding - r + 2) / 2 - 1 - first_of_phase(padding, r) + 1; }

// Outputs that tiles compute in vain must be few, and weights must serve enough tiles for their transform to pay.
static INLINE bool pays(i64 N, i64 C, i64 M, i64 OH, i64 OW) {
  const i64 tiles = ceil_div(OH, 4) * ceil_div(OW, 4);
  return C >= 24 && M >= 24 && OH > 0 && OW > 0 && OH * OW * 2 > tiles * 16 && N * tiles >= 16 && ceil_div(OW, 4) <= MOST_TILES;
}

i64 winograd_count(const double* w, bool input_grad) {
  const Conv c(w);
  if (w[2] != F32 || c.DH != 1 || c.DW != 1 || c.groups != 1 || c.PH > 2 || c.PW > 2) return 0;
  if (c.KH == 3 && c.KW == 3 && c.SH == 1 && c.SW == 1)
    return input_grad ? pays(c.N, c.Cout, c.Cin, c.H, c.W) : pays(c.N, c.Cin, c.Cout, c.OH, c.OW);
  if (c.KH != 4 || c.KW != 4 || c.SH != 2 || c.SW != 2) return 0;
  if (!input_grad) return pays(c.N, 4 * c.Cin, c.Cout, c.OH, c.OW);
  for (i64 r = 0; r < 4; r++)
    if (!pays(c.N, c.Cout, c.Cin, phase_length(c.H, c.PH, r / 2), phase_length(c.W, c.PW, r % 2))) return 0;
  return 4;
}

void winograd_of(const double* w, bool input_grad, i64 index, Winograd& s) {
  const Conv c(w);
  const bool halved = c.SH == 2;
  s.taps = halved ? 2 : 3, s.kernel = c.KH * c.KW, s.kernel_width = c.KW;
  s.weight = ptr<const f32>(w[20]);
  s.N = c.N;
  if (!input_grad) {
    s.C = c.Cin, s.H = c.H, s.W = c.W, s.M = c.Cout, s.OH = c.OH, s.OW = c.OW, s.PH = c.PH, s.PW = c.PW;
    s.step = c.SH;
    s.source = ptr<const f32>(w[19]), s.m_stride = c.Cin * s.kernel, s.c_stride = s.kernel;
    for (i32 q = 0; q < 2; q++)
      for (i32 j = 0; j < 3; j++) s.row_tap[q][j] = s.col_tap[q][j] = halved ? 2 * j + q : j;
    s.out = ptr<f32>(w[21]), s.out_h = c.OH, s.out_w = c.OW, s.out_step = 1, s.out_row = s.out_col = 0;
    s.bias = ptr<const f32>(w[22]), s.activation = static_cast<i32>(w[23]);
    return;
  }
  s.C = c.Cout, s.H = c.OH, s.W = c.OW, s.M = c.Cin, s.step = 1;
  s.source = ptr<const f32>(w[21]), s.m_stride = s.kernel, s.c_stride = c.Cin * s.kernel;
  s.out = ptr<f32>(w[19]), s.out_h = c.H, s.out_w = c.W, s.out_step = c.SH, s.bias = nullptr, s.activation = ACT_NONE;
  if (!halved) {
    s.OH = c.H, s.OW = c.W, s.PH = 2 - c.PH, s.PW = 2 - c.PW, s.out_row = s.out_col = 0;
    for (i32 j = 0; j < 3; j++) s.row_tap[0][j] = s.col_tap[0][j] = 2 - j;
    return;
  }
  const i64 row = index / 2, col = index % 2, row0 = first_of_phase(c.PH, row), col0 = first_of_phase(c.PW, col);
  s.OH = phase_length(c.H, c.PH, row), s.OW = phase_length(c.W, c.PW, col), s.PH = 1 - row0, s.PW = 1 - col0;
  s.out_row = 2 * row0 + row - c.PH, s.out_col = 2 * col0 + col - c.PW;
  for (i32 j = 0; j < 2; j++) s.row_tap[0][j] = static_cast<i32>(2 * (1 - j) + row), s.col_tap[0][j] = static_cast<i32>(2 * (1 - j) + col);
}

i64 winograd_bytes(const Winograd& s) {
  const WinogradPlan p = plan_of(s);
  return (p.panels * p.input_panel + ceil_div(p.window_m, p.tile) * p.weight_panel + 64) * i64(sizeof(f32));
}

static INLINE V times(f32 factor, V v) { return splat<V>(factor) * v; }
static INLINE V plus_times(V sum, f32 factor, V v) { return fma(splat<V>(factor), v, sum); }

// to[0], to[step], … = Bᵀ d: from six (five) values to as many.
template <int R> static INLINE void input_transform(const V* d, f32* to, i64 step) {
  if constexpr (R == 3) {
    const V even1 = plus_times(d[4], -2.25f, d[2]), odd1 = times(0.75f, plus_times(d[3], -2.25f, d[1]));
    const V even2 = plus_times(d[4], -0.5625f, d[2]), odd2 = times(1.5f, plus_times(d[3], -0.5625f, d[1]));
    store(to, plus_times(plus_times(d[4], 1.265625f, d[0]), -2.8125f, d[2]));
    store(to + step, V(even1 + odd1)), store(to + 2 * step, V(even1 - odd1));
    store(to + 3 * step, V(even2 + odd2)), store(to + 4 * step, V(even2 - odd2));
    store(to + 5 * step, plus_times(plus_times(d[5], 1.265625f, d[1]), -2.8125f, d[3]));
  } else {
    const V odd1 = plus_times(d[3], -2.25f, d[1]), even1 = times(0.5f, plus_times(d[2], -2.25f, d[0]));
    const V odd2 = plus_times(d[3], -0.25f, d[1]), even2 = times(1.5f, plus_times(d[2], -0.25f, d[0]));
    store(to, V(odd1 + even1)), store(to + step, V(odd1 - even1));
    store(to + 2 * step, V(odd2 + even2)), store(to + 3 * step, V(odd2 - even2));
    store(to + 4 * step, plus_times(plus_times(d[4], 0.5625f, d[0]), -2.5f, d[2]));
  }
}

// G g: from three (two) values to six (five).
template <int R> static INLINE void weight_transform(const V* g, V* to) {
  if constexpr (R == 3) {
    const V even1 = times(f32(-128.0 / 243), g[0]) - times(f32(8.0 / 27), g[2]), odd1 = times(f32(32.0 / 81), g[1]);
    const V even2 = times(f32(32.0 / 243), g[0]) + times(f32(8.0 / 27), g[2]), odd2 = times(f32(16.0 / 81), g[1]);
    to[0] = times(f32(64.0 / 81), g[0]);
    to[1] = even1 - odd1, to[2] = even1 + odd1;
    to[3] = even2 + odd2, to[4] = even2 - odd2;
    to[5] = g[2];
  } else {
    const V half = times(0.5f, g[0]), sixth = times(f32(1.0 / 6), g[0]), quarter = times(0.25f, g[1]);
    to[0] = -half - quarter, to[1] = half - quarter;
    to[2] = quarter + sixth, to[3] = quarter - sixth;
    to[4] = g[1];
  }
}

// Aᵀ m: from six (five) values to four.
template <int R> static INLINE void output_transform(const V* m, V* to) {
  if constexpr (R == 3) {
    const V sum1 = m[1] + m[2], sum2 = m[3] + m[4], difference1 = m[1] - m[2], difference2 = m[3] - m[4];
    to[0] = m[0] + sum1 + sum2;
    to[1] = plus_times(times(1.5f, difference2), 0.75f, difference1);
    to[2] = plus_times(times(2.25f, sum2), 0.5625f, sum1);
    to[3] = plus_times(plus_times(m[5], 3.375f, difference2), 0.421875f, difference1);
  } else {
    const V sum1 = m[0] + m[1], sum2 = m[2] + m[3], difference1 = m[0] - m[1], difference2 = m[2] - m[3];
    to[0] = sum1 + sum2;
    to[1] = plus_times(times(1.5f, difference2), 0.5f, difference1);
    to[2] = plus_times(times(2.25f, sum2), 0.25f, sum1);
    to[3] = plus_times(plus_times(m[4], 3.375f, difference2), 0.125f, difference1);
  }
}

// v[i] gets value i of as many tiles as a vector has lanes; their first values lie `distance` apart.
static INLINE void load_four(V* v, const f32* p, i64 distance) {
  const f32* tile[L];
  for (i64 t = 0; t < L; t++) tile[t] = p + t * distance;
  for (i64 i = 0; i < 4; i++) v[i] = join_quads<V>(tile + i, 0);
  transpose_quads(v[0], v[1], v[2], v[3]);
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

// The transformed values of channel c for every tile of `rows` rows of tiles from row0 on.
template <int R> static NOINLINE void transform_inputs(const Winograd& s, const WinogradPlan& p, f32* panels, i64 c, i64 row0, i64 rows) {
  constexpr i64 P = R + 3;
  // Scratch: a line for each row of a tile, the vertical transform of a row of tiles; then lines of [phase][position in the tile][tile].
  const i64 line = round_up(4 * s.step * (p.across + L) + 16, 16), pitch = p.panels * NR + L + 8;
  f32* lines = static_cast<f32*>(thread_scratch());
  f32* phases = lines + P * line;
  static_assert((6 * (8 * (MOST_TILES + L) + 32) + MOST_POSITIONS * (MOST_TILES + 2 * NR + L + 8)) * i64(sizeof(f32)) < SCRATCH_BYTES, "scratch is too small");
  const f32* end = s.source + s.N * s.C * s.H * s.W;
  for (i64 u = 0; u < P * line; u += L) store(lines + u, V{});
  for (i64 q = 0; q < s.step; q++) {
    for (i64 r = 0; r < rows; r++) {
      const i64 n = (row0 + r) / p.down, top = (row0 + r) % p.down * 4 * s.step + q - s.PH;
      const f32* plane = s.source + (n * s.C + c) * s.H * s.W;
      const f32* row[P];
      bool inside = true;
      for (i64 i = 0; i < P; i++) {
        const i64 at = top + i * s.step;
        row[i] = at >= 0 && at < s.H ? plane + at * s.W : nullptr;
        inside = inside && row[i] != nullptr && row[i] + round_up(s.W, L) <= end;
      }
      for (i64 u = 0; u < s.W; u += L) {
        V d[P];
        if (LIKELY(inside))
          for (i64 i = 0; i < P; i++) d[i] = load<V>(row[i] + u);
        else
          for (i64 i = 0; i < P; i++) d[i] = row[i] == nullptr ? V{} : load_some(row[i] + u, end);
        input_transform<R>(d, lines + s.PW + u, line);
      }
      // The border on the right, and what was read beyond the row.
      if (s.W % L != 0)
        for (i64 i = 0; i < P; i++) store(lines + i * line + s.PW + s.W, V{});
      for (i64 i = 0; i < P; i++) {
        const f32* from = lines + i * line;
        f32* to = phases + i * P * pitch + r * p.across;
        if (s.step == 1) {
          for (i64 t = 0; t < p.across; t += L, from += 4 * L, to += L) {
            V v[8];
            load_four(v, from, 4);
            load_four(v + 4, from + 4, 4);
            for (i64 j = 0; j < P; j++) store(to + j * pitch, v[j]);
          }
          continue;
        }
        for (i64 t = 0; t < p.across; t += L, from += 8 * L, to += L) {
          V v[12];
          for (i64 j = 0; j < 12; j += 4) load_four(v + j, from + j, 8);
          for (i64 j = 0; j < P; j++) store(to + j * pitch, v[2 * j]), store(to + (P * P + j) * pitch, v[2 * j + 1]);
        }
      }
    }
    const i64 tiles = rows * p.across, padded = round_up(tiles, NR);
    for (i64 k = 0; k < s.step * P * P; k++)
      for (i64 t = tiles; t < padded; t++) phases[k * pitch + t] = 0;  // the rest of the last panel is multiplied, too
    for (i64 col = 0; col < s.step; col++) {
      const i64 channel = (c * s.step + q) * s.step + col;
      for (i64 t = 0; t < padded; t += L) {
        f32* to = panels + t / NR * p.input_panel + channel * NR + t % NR;
        for (i64 i = 0; i < P; i++, to += P * p.input_slot) {
          const f32* from = phases + (col * P + i) * P * pitch + t;
          V d[P];
          for (i64 j = 0; j < P; j++) d[j] = load<V>(from + j * pitch);
          input_transform<R>(d, to, p.input_slot);
        }
      }
    }
  }
}

// The transformed weights of output channels m … m + height - 1: [position][channel][height], up to L more floats are written.
template <int R> static NOINLINE void transform_weights(const Winograd& s, const WinogradPlan& p, f32* panel, i64 m, i64 height) {
  constexpr i64 P = R + 3;
  constexpr i64 ld = round_up(TILE_ROWS, L);
  f32 kernels[16 * ld];
  for (i64 c = 0; c < s.C; c++) {
    const f32* row[ld];
    for (i64 i = 0; i < ld; i++) row[i] = s.weight + (m + min_of(i, height - 1)) * s.m_stride + c * s.c_stride;
    for (i64 i = 0; i < height; i += L) transpose_rows<false>(kernels + i, ld, row + i, s.kernel);
    for (i64 q = 0; q < s.step * s.step; q++) {
      const i32 *row_tap = s.row_tap[q / s.step], *col_tap = s.col_tap[q % s.step];
      for (i64 v = 0; v < height; v += L) {
        V columns[R][P];
        for (i64 j = 0; j < R; j++) {
          V g[R];
          for (i64 i = 0; i < R; i++) g[i] = load<V>(kernels + (row_tap[i] * s.kernel_width + col_tap[j]) * ld + v);
          weight_transform<R>(g, columns[j]);
        }
        f32* to = panel + (c * s.step * s.step + q) * height + v;
        for (i64 i = 0; i < P; i++) {
          V g[R], all[P];
          for (i64 j = 0; j < R; j++) g[j] = columns[j][i];
          weight_transform<R>(g, all);
          for (i64 j = 0; j < P; j++, to += p.weight_slot) store(to, all[j]);
        }
      }
    }
  }
}

// One line of results, with bias and activation.
static INLINE void write_line(const Winograd& s, f32* to, const f32* from, i64 cols, f32 bias) {
  i64 u = 0;
  if (s.out_step != 1) {  // a phase of an input gradient
    for (; u < cols; u++) to[u * s.out_step] = from[u];
    return;
  }
  const V add = splat<V>(bias);
  if (s.activation == ACT_RELU) {
    for (; u + L <= cols; u += L) store(to + u, at_least(V(load<V>(from + u) + add), V{}));
    for (; u < cols; u++) to[u] = at_least(from[u] + bias, 0.0f);
    return;
  }
  for (; u + L <= cols; u += L) store(to + u, V(load<V>(from + u) + add));
  for (; u < cols; u++) to[u] = from[u] + bias;
  if (s.activation != ACT_NONE) finish_row<f32>(to, cols, nullptr, 0, s.activation);
}

// Products of output channels [m, m + height) of the window and the panels [panel, panel + wide), and their way back to pixels.
template <int R>
static NOINLINE void multiply(const Winograd& s, const WinogradPlan& p, const f32* inputs, const f32* weights, i64 m0, i64 m, i64 height, i64 row0,
                              i64 rows, i64 panel, i64 wide) {
  constexpr i64 P = R + 3;
  f32* sums = static_cast<f32*>(thread_scratch());
  const i64 ld = wide * NR, slot = height * ld + 16, channels = s.depth();
  for (i64 k = 0; k < P * P; k++)
    for (i64 c0 = 0; c0 < channels; c0 += DEPTH) {
      const i32 depth = static_cast<i32>(min_of(DEPTH, channels - c0));
      for (i64 q = 0; q < wide; q++) {
        const f32* b = inputs + (panel + q) * p.input_panel + k * p.input_slot + c0 * NR;
        for (i64 i = 0; i < height; i += p.tile) {
          const i64 h = min_of(p.tile, height - i);
          packed_tile<f32>(h)(depth, weights + (m + i) / p.tile * p.weight_panel + k * p.weight_slot + c0 * h, b, NR, sums + k * slot + i * ld + q * NR,
                              static_cast<i32>(ld), c0 > 0);
        }
      }
    }
  // Four lines of the pixels of all tiles.
  f32* pixels = sums + P * P * slot;
  const i64 first = panel * NR, tiles = min_of(ld, rows * p.across - first);
  for (i64 i = 0; i < height; i++) {
    for (i64 t = 0; t < tiles; t += L) {
      V lines[P][4];
      const f32* from = sums + i * ld + t;
      for (i64 j = 0; j < P; j++, from += slot) {
        V column[P];
        for (i64 k = 0; k < P; k++) column[k] = load<V>(from + k * P * slot);
        output_transform<R>(column, lines[j]);
      }
      for (i64 j = 0; j < 4; j++) {
        V row[P], v[4];
        for (i64 k = 0; k < P; k++) row[k] = lines[k][j];
        output_transform<R>(row, v);
        transpose_quads(v[0], v[1], v[2], v[3]);
        for (i64 k = 0; k < 4; k++) store_quads(pixels + j * 4 * ld + 4 * t + 4 * k, v[k]);
      }
    }
    const i64 channel = m0 + m + i;
    const f32 bias = s.bias == nullptr ? 0 : s.bias[channel];
    for (i64 t = 0; t < tiles;) {
      const i64 row = row0 + (first + t) / p.across, col = (first + t) % p.across, count = min_of(p.across - col, tiles - t);
      const i64 n = row / p.down, top = row % p.down * 4, left = col * 4, cols = min_of(4 * count, s.OW - left);
      f32* to = s.out + ((n * s.M + channel) * s.out_h + top * s.out_step + s.out_row) * s.out_w + left * s.out_step + s.out_col;
      for (i64 j = 0; j < min_of(i64(4), s.OH - top); j++, to += s.out_step * s.out_w) write_line(s, to, pixels + j * 4 * ld + 4 * t, cols, bias);
      t += count;
    }
  }
}

template <int R> static NOINLINE void run(const Winograd& s, const WinogradPlan& p, f32* inputs, f32* weights) {
  const bool once = p.window_m >= s.M;  // weights need no second transform
  static_assert((SUM_FLOATS + 36 * 16 + 32 * NR) * i64(sizeof(f32)) < SCRATCH_BYTES, "scratch is too small");
  for (i64 row0 = 0; row0 < p.tile_rows; row0 += p.window_rows) {
    const i64 rows = min_of(p.window_rows, p.tile_rows - row0), panels = ceil_div(rows * p.across, NR), wide = ceil_div(panels, 2);
    parallel_for(s.C, 1, [&](i64 begin, i64 end) {
      for (i64 c = begin; c < end; c++) transform_inputs<R>(s, p, inputs, c, row0, rows);
    });
    for (i64 m0 = 0; m0 < s.M; m0 += p.window_m) {
      const i64 M = min_of(p.window_m, s.M - m0), blocks = ceil_div(M, p.block_m);
      if (!once || row0 == 0)
        parallel_for(ceil_div(M, p.tile), 1, [&](i64 begin, i64 end) {
          for (i64 i = begin; i < end; i++) transform_weights<R>(s, p, weights + i * p.weight_panel, m0 + i * p.tile, min_of(p.tile, M - i * p.tile));
        });
      parallel_for(wide * blocks, 1, [&](i64 begin, i64 end) {
        for (i64 i = begin; i < end; i++) {
          const i64 panel = i / blocks * 2, m = i % blocks * p.block_m;
          multiply<R>(s, p, inputs, weights, m0, m, min_of(p.block_m, M - m), row0, rows, panel, min_of(i64(2), panels - panel));
        }
      });
    }
  }
}

void run_winograd(const Winograd& s, u8* workspace) {
  const WinogradPlan p = plan_of(s);
  f32 *inputs = reinterpret_cast<f32*>(workspace), *weights = inputs + p.panels * p.input_panel;
  if (s.taps == 3) run<3>(s, p, inputs, weights);
  else run<2>(s, p, inputs, weights);
}

}  // namespace fathom
