// The engine of conv_stencil.h: plans blocks, packs weights, stages source pixels, multiplies and writes out.
#include "conv_stencil.h"

namespace fathom {

// How the work is cut; depends on the sizes alone.
struct Plan {
  bool direct;         // tiles read staged pixels in place; else panels of pixels are packed first
  bool by_row;         // direct tiles start anew in each row of the grid; else they run on over the border columns
  bool skip;           // rows of the grid leave out the taps that read padding only; K runs over tap rows, channels, taps of the row
  i64 tile;            // output channels of a tile
  i64 channels;        // source channels staged at a time
  i64 block_m;         // output channels of a task
  i64 rows, cols;      // grid block of a task
  i64 images;          // images of a task
  i64 strips, segments, m_blocks, image_blocks;
  StageShape shape;
  i64 columns;         // columns of the accumulator
};

constexpr i64 STAGE_BYTES = 384 << 10, SUM_BYTES = 512 << 10, PANEL_BYTES = 112 << 10;
static_assert(STAGE_BYTES + SUM_BYTES + PANEL_BYTES + 4096 <= SCRATCH_BYTES, "scratch is too small for the plan");
constexpr i64 OFFSET_BYTES = 128 << 10;  // tail of the shared memory: offsets of a channel block's taps

// Accumulator columns of one row of pixels when tiles start anew in each.
template <class T> static INLINE i64 row_columns(i64 cols) { return round_up(cols, TILE_VECS == 2 ? LANES<T> : TILE_COLS<T>); }

template <class T> static i64 accumulator_columns(const Plan& p) {
  constexpr i64 NR = TILE_COLS<T>;
  if (!p.direct) return round_up(p.images * p.rows * p.cols, NR);
  return p.images * (p.by_row ? p.rows * row_columns<T>(p.cols) : round_up((p.rows - 1) * p.shape.pitch + p.cols, NR));
}

// The tap rows [first, end) that read source rows, not padding, for row t of the grid. Source rows rise or fall along the tap rows.
template <class T> static INLINE void useful_taps(const Stencil<T>& s, i64 t, i64& first, i64& end) {
  const i64 per_row = s.taps / s.tap_rows;
  first = s.tap_rows, end = 0;
  for (i64 r = 0; r < s.tap_rows; r++) {
    const Tap& tap = s.tap[r * per_row];
    const i64 row = (t + tap.dt) * s.rows.step + s.rows.origin + s.rows.phase[tap.row_phase];
    if (row < 0 || row >= s.H) continue;
    first = min_of(first, r);
    end = r + 1;
  }
  first = min_of(first, end);
}

template <class T> static bool make_plan(const Stencil<T>& s, Plan& p) {
  constexpr i64 NR = TILE_COLS<T>;
  // Tiles of equal height: 6 + 6 + 4 rows would be slower than they look.
  const i64 MR = p.tile = ceil_div(s.M, ceil_div(s.M, i64(TILE_ROWS)));
  const i64 stage_max = STAGE_BYTES / i64(sizeof(T)) - NR, sum_max = SUM_BYTES / i64(sizeof(T));
  const i64 depth = 1664 / i64(sizeof(T));
  if (s.taps * 4 > OFFSET_BYTES) return false;
  p.direct = s.M < 12 || s.taps * NR * i64(sizeof(T)) > PANEL_BYTES;
  p.channels = ceil_div(s.C, ceil_div(s.C, max_of(depth / s.taps, i64(1))));
  p.block_m = min_of(s.M, round_up(240, MR));
  p.cols = s.cols.grid <= 1024 ? s.cols.grid : 512;
  // Tiles of half a tile's width take about two thirds of a whole one's time.
  const i64 half_tiles = s.cols.grid / NR * 6 + (s.cols.grid % NR == 0 ? 0 : s.cols.grid % NR <= NR / 2 && TILE_VECS == 2 ? 4 : 6);
  p.by_row = half_tiles * NR <= 6 * (s.cols.grid + s.cols.reach);
  const auto fits = [&](i64 rows, i64 images) {
    p.rows = rows;
    p.images = images;
    p.shape = stage_shape(s.rows, s.cols, rows, p.cols, images);
    p.columns = accumulator_columns<T>(p);
    return p.channels * p.shape.channel <= stage_max && p.columns * p.block_m <= sum_max;
  };
  i64 pieces = 1;
  for (;;) {
    const i64 rows = ceil_div(s.rows.grid, pieces);
    if (fits(rows, 1) && (rows == 1 || rows * p.shape.pitch <= 4096)) break;
    if (rows > 1) pieces++;
    else if (p.columns * p.block_m > sum_max && p.block_m > 4 * MR) p.block_m = round_up(p.block_m / 2, MR);
    else if (p.channels > 1) p.channels = ceil_div(p.channels, 2);
    else if (p.cols > 64) p.cols = ceil_div(p.cols, 2);
    else return false;
  }
  const auto count = [&] {
    p.strips = ceil_div(s.rows.grid, p.rows);
    p.segments = ceil_div(s.cols.grid, p.cols);
    p.m_blocks = ceil_div(s.M, p.block_m);
    p.image_blocks = ceil_div(s.N, p.images);
    return p.strips * p.segments * p.m_blocks * p.image_blocks * s.groups;
  };
  const i64 flops_per_image = s.rows.grid * s.cols.grid * s.M * s.C * s.taps;
  count();
  if (p.strips == 1 && p.segments == 1) {
    // Small images go together: enough pixels to fill panels and to pay for streaming the weights.
    i64 images = 1;
    const i64 rows = p.rows;
    while (images < s.N && images * rows * p.cols < (p.direct ? 256 : 1024) && fits(rows, images + 1)) images++;
    while (images > 1 && ceil_div(s.N, images) * p.m_blocks * s.groups < 8) images = ceil_div(images, 2);
    fits(rows, images);
  }
  // Enough tasks to share, as long as each is worth it.
  while (count() < 8 && s.N * s.groups * flops_per_image / count() > 200000) {
    if (p.block_m > 8 * MR) p.block_m = round_up(p.block_m / 2, MR);
    else if (p.rows > 1 && p.rows * p.cols > 64) fits(ceil_div(p.rows, 2), p.images);
    else if (p.block_m > 2 * MR) p.block_m = round_up(p.block_m / 2, MR);
    else break;
  }
  fits(p.rows, p.images);
  count();
  p.skip = false;
  if (p.direct && p.by_row && p.channels == s.C && s.tap_rows > 1) {
    i64 useful = 0;
    for (i64 t = 0; t < s.rows.grid; t++) {
      i64 first, end;
      useful_taps(s, t, first, end);
      useful += end - first;
    }
    p.skip = useful * 20 < s.rows.grid * s.tap_rows * 19;
  }
  return true;
}

// Weights of `M` outputs from m0 on, tile after tile, each [K][rows of the tile] with k = c * taps + tap (another order where rows are skipped).
template <class T> static NOINLINE void pack_weights(const Stencil<T>& s, T* to, i64 group, i64 m0, i64 tile_rows, bool plain, bool skip) {
  const T* from = s.weight + group * s.group_stride + m0 * s.m_stride;
  if (plain) return pack_transposed(to, tile_rows, from, s.m_stride, tile_rows, s.C * s.taps);
  if (skip) {
    const i64 per_row = s.taps / s.tap_rows;
    for (i64 row = 0; row < s.tap_rows; row++)
      for (i64 c = 0; c < s.C; c++)
        for (i64 k = row * per_row; k < (row + 1) * per_row; k++, to += tile_rows) {
          const T* w = from + c * s.c_stride + s.tap[k].weight;
          for (i64 r = 0; r < tile_rows; r++) to[r] = w[r * s.m_stride];
        }
    return;
  }
  for (i64 c = 0; c < s.C; c++)
    for (i64 k = 0; k < s.taps; k++, to += tile_rows) {
      const T* w = from + c * s.c_stride + s.tap[k].weight;
      for (i64 r = 0; r < tile_rows; r++) to[r] = w[r * s.m_stride];
    }
}

// Pixel q, q + 1, … of a task in dense order: where each lies in the staged source.
struct PixelCursor {
  i64 image, row, col;
};

// panel[k][NR]: the staged pixels that `width` outputs read through each tap.
template <class T>
static NOINLINE void pack_panel(T* panel, const T* staged, const i32* offset, i32 depth, const Plan& p, i64 rows, i64 cols, PixelCursor& at,
                                i64 width) {
  constexpr i64 NR = TILE_COLS<T>;
  using V = Vec<T>;
  // Runs of neighbouring pixels: where each starts in the panel and in the staged source.
  i32 start[NR], base[NR];
  i64 runs = 0;
  for (i64 i = 0; i < width; runs++) {
    start[runs] = static_cast<i32>(i);
    base[runs] = static_cast<i32>(at.image * p.shape.image + at.row * p.shape.pitch + at.col);
    const i64 n = min_of(cols - at.col, width - i);
    i += n;
    at.col += n;
    if (at.col < cols) continue;
    at.col = 0;
    if (++at.row == rows) at.row = 0, at.image++;
  }
  if (runs == 1) {
    const T* from = staged + base[0];
    for (i32 k = 0; k < depth; k++, panel += NR)
      for (int j = 0; j < TILE_VECS; j++) store(panel + j * LANES<T>, load<V>(from + offset[k] + j * LANES<T>));
    return;
  }
  if (runs == 2) {
    const i32 second = start[1];
    const T *from0 = staged + base[0], *from1 = staged + base[1];
    for (i32 k = 0; k < depth; k++, panel += NR) {
      V a[TILE_VECS], b[TILE_VECS];
      for (int j = 0; j < TILE_VECS; j++) a[j] = load<V>(from0 + offset[k] + j * LANES<T>), b[j] = load<V>(from1 + offset[k] + j * LANES<T>);
      for (int j = 0; j < TILE_VECS; j++) store(panel + j * LANES<T>, a[j]);
      for (int j = 0; j < TILE_VECS; j++) store(panel + second + j * LANES<T>, b[j]);
    }
    return;
  }
  // Whole vectors from each run's start on: the next run, or the next line of the panel, overwrites what is too much.
  for (i32 k = 0; k < depth; k++, panel += NR) {
    const T* from = staged + offset[k];
    for (int j = 0; j < TILE_VECS; j++) store(panel + j * LANES<T>, load<V>(from + base[0] + j * LANES<T>));
    for (i64 r = 1; r < runs; r++) {
      const i64 n = (r + 1 < runs ? start[r + 1] : width) - start[r];
      for (i64 j = 0; j < n; j += LANES<T>) store(panel + start[r] + j, load<V>(from + base[r] + j));
    }
  }
}

// One output block from its sums, which lie in rows of `pitch`.
template <class T>
static NOINLINE void write_out(const Stencil<T>& s, T* plane, const T* sum, i64 pitch, i64 t0, i64 rows, i64 u0, i64 cols, T bias) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  if (s.out_col_step != 1) {  // a phase of the input gradient: never with bias or activation
    for (i64 t = 0; t < rows; t++, sum += pitch) {
      T* to = plane + ((t0 + t) * s.out_row_step + s.out_row_first) * s.out_w + u0 * s.out_col_step + s.out_col_first;
      for (i64 u = 0; u < cols; u++) to[u * s.out_col_step] = sum[u];
    }
    return;
  }
  T* first = plane + (t0 * s.out_row_step + s.out_row_first) * s.out_w + u0 + s.out_col_first;
  const i64 row_stride = s.out_row_step * s.out_w;
  T* to = first;
  const V add = splat<V>(bias);
  for (i64 t = 0; t < rows; t++, sum += pitch, to += row_stride) {
    i64 u = 0;
    for (; u + L <= cols; u += L) store(to + u, V(load<V>(sum + u) + add));
    if (u < cols && cols >= L) store(to + cols - L, V(load<V>(sum + cols - L) + add));
    else
      for (; u < cols; u++) to[u] = sum[u] + bias;
  }
  if (s.activation == ACT_NONE) return;
  if (row_stride == cols) return finish_row<T>(first, rows * cols, nullptr, T(0), s.activation);
  for (i64 t = 0; t < rows; t++) finish_row<T>(first + t * row_stride, cols, nullptr, T(0), s.activation);
}

// Output channels [m0, m0 + M) of one group for one block of images and pixels. `weights` are packed from m0 on.
template <class T>
static NOINLINE void stencil_task(const Stencil<T>& s, const Plan& p, const T* weights, const i32* offset, i64 group, i64 m0, i64 M, i64 n0,
                                  i64 images, i64 t0, i64 rows, i64 u0, i64 cols) {
  constexpr i64 NR = TILE_COLS<T>;
  constexpr int PART_VECS = TILE_VECS > 1 ? TILE_VECS - 1 : 1;
  const i64 MR = p.tile;
  u8* memory = static_cast<u8*>(thread_scratch());
  T* staged = reinterpret_cast<T*>(memory);
  T* sum = reinterpret_cast<T*>(memory + STAGE_BYTES);
  T* panel = reinterpret_cast<T*>(memory + STAGE_BYTES + SUM_BYTES);
  const i64 K = s.C * s.taps, plane = s.H * s.W, pitch = p.shape.pitch;
  const i32 ld = static_cast<i32>(p.columns);
  // Direct order: pieces of contiguous pixels (rows, or the whole image with its border columns) and accumulator columns of each.
  const i64 pieces = p.by_row ? rows : 1, length = p.by_row ? cols : (rows - 1) * pitch + cols;
  const i64 piece = p.by_row ? row_columns<T>(cols) : round_up(length, NR);
  const i64 pixels = images * rows * cols;
  for (i64 c0 = 0; c0 < s.C; c0 += p.channels) {
    const i64 channels = min_of(p.channels, s.C - c0);
    const i32 depth = static_cast<i32>(channels * s.taps);
    stage(staged, p.shape, s.rows, s.cols, s.source + (n0 * s.groups * s.C + group * s.C + c0) * plane, s.H, s.W, s.groups * s.C * plane, channels,
          images, t0, u0);
    const i32 add = c0 > 0;
    if (p.direct) {
      for (i64 n = 0; n < images; n++)
        for (i64 r = 0; r < pieces; r++) {
          i64 k0 = 0, k1 = depth;
          if (p.skip) {
            useful_taps(s, t0 + r, k0, k1);
            k0 *= depth / s.tap_rows;
            k1 *= depth / s.tap_rows;
          }
          for (i64 q = 0; q < length; q += NR) {
            const T* from = staged + n * p.shape.image + r * pitch + q;
            T* to = sum + (n * pieces + r) * piece + q;
            const bool whole = TILE_VECS == 1 || length - q > NR - LANES<T> || !p.by_row;
            for (i64 m = 0; m < M; m += MR) {
              const i64 height = min_of(MR, M - m);
              const OffsetTile<T> tile = whole ? offset_tile<T, TILE_VECS>(height) : offset_tile<T, PART_VECS>(height);
              tile(static_cast<i32>(k1 - k0), weights + m * K + (c0 * s.taps + k0) * height, from, offset + k0, to + m * ld, ld, add);
            }
          }
        }
    } else {
      PixelCursor at{0, 0, 0};
      for (i64 q = 0; q < pixels; q += NR) {
        pack_panel(panel, staged, offset, depth, p, rows, cols, at, min_of(NR, pixels - q));
        for (i64 m = 0; m < M; m += MR) {
          const i64 height = min_of(MR, M - m);
          packed_tile<T>(height)(depth, weights + m * K + c0 * s.taps * height, panel, NR, sum + m * ld + q, ld, add);
        }
      }
    }
  }
  const i64 image_step = p.direct ? pieces * piece : rows * cols, row_step = !p.direct ? cols : p.by_row ? piece : pitch;
  for (i64 n = 0; n < images; n++)
    for (i64 m = 0; m < M; m++) {
      const i64 channel = group * s.M + m0 + m;
      write_out(s, s.out + ((n0 + n) * s.groups * s.M + channel) * s.out_h * s.out_w, sum + m * ld + n * image_step, row_step, t0, rows, u0, cols,
                s.bias ? s.bias[channel] : T(0));
    }
}

template <class T> bool run_stencil(const Stencil<T>& s) {
  if (s.N == 0 || s.M == 0 || s.groups == 0 || s.rows.grid <= 0 || s.cols.grid <= 0) return true;
  Plan p;
  if (!make_plan(s, p)) return false;
  const i64 MR = p.tile;
  T* packed = reinterpret_cast<T*>(shared_memory());
  i32* offset = reinterpret_cast<i32*>(shared_memory() + SHARED_BYTES - OFFSET_BYTES);
  const i64 capacity = (SHARED_BYTES - OFFSET_BYTES) / i64(sizeof(T)), K = s.C * s.taps;
  // Weights that fit at a time: some whole groups, or some output channels of one group.
  const i64 window_groups = max_of(min_of(capacity / max_of(s.M * K, i64(1)), s.groups), i64(1));
  const i64 window_m = s.M * K <= capacity ? s.M : capacity / K / MR * MR;
  if (window_m == 0) return false;
  bool plain = s.c_stride == s.taps && (!p.skip || s.C == 1);
  for (i64 k = 0; k < s.taps; k++) plain = plain && s.tap[k].weight == k;
  const i64 per_row = p.skip ? s.taps / s.tap_rows : s.taps;
  for (i64 c = 0; c < p.channels; c++)
    for (i64 k = 0; k < s.taps; k++)
      offset[k / per_row * per_row * (p.channels - 1) + c * per_row + k] =
          static_cast<i32>(c * p.shape.channel) + tap_offset(p.shape, s.cols, s.tap[k]);
  for (i64 g0 = 0; g0 < s.groups; g0 += window_groups)
    for (i64 m0 = 0; m0 < s.M; m0 += window_m) {
      const i64 groups = min_of(window_groups, s.groups - g0), M = min_of(window_m, s.M - m0);
      const i64 tiles = ceil_div(M, MR);
      parallel_for(groups * tiles, ceil_div(i64(1) << 14, K * MR), [&](i64 begin, i64 end) {
        for (i64 i = begin; i < end; i++) {
          const i64 g = i / tiles, m = i % tiles * MR;
          pack_weights(s, packed + (g * M + m) * K, g0 + g, m0 + m, min_of(MR, M - m), plain, p.skip);
        }
      });
      const i64 m_blocks = ceil_div(M, p.block_m), per_group = m_blocks * p.image_blocks * p.strips * p.segments;
      parallel_for(groups * per_group, 1, [&](i64 begin, i64 end) {
        for (i64 task = begin; task < end; task++) {
          i64 i = task;
          const i64 segment = i % p.segments * p.cols;
          i /= p.segments;
          const i64 strip = i % p.strips * p.rows;
          i /= p.strips;
          const i64 m = i % m_blocks * p.block_m;
          i /= m_blocks;
          const i64 n = i % p.image_blocks * p.images, g = i / p.image_blocks;
          stencil_task(s, p, packed + (g * M + m) * K, offset, g0 + g, m0 + m, min_of(p.block_m, M - m), n, min_of(p.images, s.N - n), strip,
                       min_of(p.rows, s.rows.grid - strip), segment, min_of(p.cols, s.cols.grid - segment));
        }
      });
    }
  return true;
}
template bool run_stencil<f32>(const Stencil<f32>&);
template bool run_stencil<f64>(const Stencil<f64>&);

}  // namespace fathom
