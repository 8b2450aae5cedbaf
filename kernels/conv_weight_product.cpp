// CONV_WEIGHT_GRAD for many output channels, as a matrix product over pixels: dW[Cout][channel and tap] += dY[pixel][Cout]ᵀ X[pixel][channel and tap].
//
// A unit is as many pixels (of a strip of rows, or of several small images) as a packed panel of both operands holds in the first-level cache. The
// gradient's planes and the shifted input rows are transposed as they are packed; sums stay in the tiles' registers for a whole unit.
#include "conv_stencil.h"
#include "transpose.h"

namespace fathom {

// Scratch: staged input, one panel of it, all panels of the gradient.
constexpr i64 UNIT_BYTES = 1280;  // pixels of a unit in bytes of one column
constexpr i64 STAGED = 360 << 10, PANEL = TILE_COLS<f32> * (UNIT_BYTES + 16), GRAD = 512 << 10;
static_assert(STAGED + PANEL + GRAD + 4096 <= SCRATCH_BYTES, "scratch is too small");
constexpr i64 MOST_COLUMNS = 576;

template <class T> struct ProductPlan {
  Conv c;
  Axis row_axis, col_axis;
  i64 kernel, tile, block_m, channels, rows, cols, images;
  i64 m_blocks, c_blocks, strips, segments, image_blocks, parts, per_part;
  bool bare;  // 1×1 windows side by side: columns are the input's own planes
  StageShape shape;
  const i32* offset;
  const T *x, *dy;
};

template <class T> static bool make_plan(ProductPlan<T>& p) {
  constexpr i64 most = UNIT_BYTES / i64(sizeof(T));
  const Conv& c = p.c;
  const i64 M = c.out_group(), C = c.in_group();
  p.tile = ceil_div(M, ceil_div(M, i64(TILE_ROWS)));
  p.bare = p.kernel == 1 && c.SH == 1 && c.SW == 1 && c.PH == 0 && c.PW == 0;
  p.cols = ceil_div(c.OW, ceil_div(c.OW, most));
  p.rows = ceil_div(c.OH, ceil_div(c.OH, max_of(most / p.cols, i64(1))));
  p.images = p.rows == c.OH && p.cols == c.OW ? min_of(c.N, max_of(most / (p.rows * p.cols), i64(1))) : 1;
  p.strips = ceil_div(c.OH, p.rows);
  p.segments = ceil_div(c.OW, p.cols);
  p.image_blocks = ceil_div(c.N, p.images);
  p.block_m = round_up(ceil_div(M, ceil_div(M, i64(256))), p.tile);
  if (p.block_m * most * i64(sizeof(T)) > GRAD) p.block_m = GRAD / (most * i64(sizeof(T))) / p.tile * p.tile;
  p.shape = stage_shape(p.row_axis, p.col_axis, p.rows, p.cols, p.images);
  const i64 room = p.bare ? MOST_COLUMNS : (STAGED / i64(sizeof(T)) - TILE_COLS<T>) / p.shape.channel;
  p.channels = min_of(room, max_of(MOST_COLUMNS / p.kernel, i64(1)));
  if (p.channels == 0) return false;
  p.channels = ceil_div(C, ceil_div(C, p.channels));
  p.m_blocks = ceil_div(M, p.block_m);
  p.c_blocks = ceil_div(C, p.channels);
  const i64 blocks = c.groups * p.m_blocks * p.c_blocks, units = p.image_blocks * p.strips * p.segments;
  const i64 capacity = SHARED_BYTES / i64(sizeof(T));
  p.parts = blocks >= 12 ? 1 : min_of(ceil_div(24, blocks), units);
  p.parts = max_of(min_of(p.parts, capacity / (c.Cout * (C * p.kernel + 1))), i64(1));
  p.per_part = ceil_div(units, p.parts);
  p.parts = ceil_div(units, p.per_part);
  return true;
}

template <class T> static NOINLINE T sum_of(const T* p, i64 n) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  V a{}, b{};
  i64 i = 0;
  for (; i + 2 * L <= n; i += 2 * L) a += load<V>(p + i), b += load<V>(p + i + L);
  T sum = 0;
  for (; i < n; i++) sum += p[i];
  return sum + hsum(V(a + b));
}

// Columns k … k + width - 1 of a unit, a panel of [pixel][TILE_COLS]. Columns beyond repeat the last.
template <class T>
static INLINE void pack_columns(const ProductPlan<T>& p, T* panel, const T* input, const T* planes, i64 k, i64 width, i64 images, i64 rows, i64 cols) {
  constexpr i64 NR = TILE_COLS<T>, L = LANES<T>;
  const i64 plane = p.c.H * p.c.W, pitch = p.bare ? p.c.W : p.shape.pitch, image = p.bare ? p.c.Cin * plane : p.shape.image;
  const i64 runs = cols == pitch ? 1 : rows, length = cols == pitch ? rows * cols : cols;
  for (i64 j = 0; j < NR; j += L) {
    const T* column[L];
    for (i64 i = 0; i < L; i++) {
      const i64 at = k + min_of(j + i, width - 1);
      column[i] = p.bare ? planes + at * plane : input + p.offset[at];
    }
    T* to = panel + j;
    for (i64 n = 0; n < images; n++)
      for (i64 t = 0; t < runs; t++, to += length * NR) {
        const T* row[L];
        for (i64 i = 0; i < L; i++) row[i] = column[i] + n * image + t * pitch;
        if (p.bare) transpose_rows<false>(to, NR, row, length);
        else transpose_rows<true>(to, NR, row, length);
      }
  }
}

// Units [begin, end) for one block of weights: dw (and dbias) are written, not added to.
template <class T>
static NOINLINE void product_block(const ProductPlan<T>& p, T* dw, T* dbias, i64 group, i64 m0, i64 c0, i64 begin, i64 end) {
  constexpr i64 NR = TILE_COLS<T>;
  const Conv& c = p.c;
  u8* memory = static_cast<u8*>(thread_scratch());
  T* input = reinterpret_cast<T*>(memory);
  T* panel = reinterpret_cast<T*>(memory + STAGED);
  T* grad = reinterpret_cast<T*>(memory + STAGED + PANEL);
  alignas(64) T edge[TILE_ROWS * NR];
  const i64 C = c.in_group(), K = C * p.kernel, channels = min_of(p.channels, C - c0), columns = channels * p.kernel;
  const i64 M = min_of(p.block_m, c.out_group() - m0), first = group * c.out_group() + m0;
  const i64 plane = c.H * c.W, out_plane = c.OH * c.OW;
  const bool sums = dbias != nullptr && c0 == 0;
  if (sums)
    for (i64 i = 0; i < M; i++) dbias[first + i] = 0;
  for (i64 unit = begin; unit < end; unit++) {
    const i64 u0 = unit % p.segments * p.cols, t0 = unit / p.segments % p.strips * p.rows, n0 = unit / (p.segments * p.strips) * p.images;
    const i64 images = min_of(p.images, c.N - n0), rows = min_of(p.rows, c.OH - t0), cols = min_of(p.cols, c.OW - u0);
    const i64 pixels = images * rows * cols, runs = cols == c.OW ? 1 : rows, length = pixels / (images * runs);
    const T* planes = p.x + (n0 * c.Cin + group * C + c0) * plane;
    if (!p.bare) stage(input, p.shape, p.row_axis, p.col_axis, planes, c.H, c.W, c.Cin * plane, channels, images, t0, u0);
    else planes += t0 * c.W + u0;
    for (i64 m = 0; m < M; m += p.tile) {
      const i64 height = min_of(p.tile, M - m);
      T* to = grad + m * pixels;
      for (i64 n = 0; n < images; n++)
        for (i64 t = 0; t < runs; t++, to += length * height) {
          const T* from = p.dy + ((n0 + n) * c.Cout + first + m) * out_plane + (t0 + t) * c.OW + u0;
          const T* row[round_up(TILE_ROWS, LANES<T>)];
          for (i64 i = 0; i < round_up(TILE_ROWS, LANES<T>); i++) row[i] = from + min_of(i, height - 1) * out_plane;
          // The last rows first: what they write beyond the height belongs to the next pixel.
          for (i64 i = (height - 1) / LANES<T> * LANES<T>; i >= 0; i -= LANES<T>) transpose_rows<false>(to + i, height, row + i, length);
          if (sums)
            for (i64 i = 0; i < height; i++) dbias[first + m + i] += sum_of(from + i * out_plane, length);
        }
    }
    const i32 depth = static_cast<i32>(pixels), add = unit > begin;
    for (i64 k = 0; k < columns; k += NR) {
      const i64 width = min_of(NR, columns - k);
      pack_columns(p, panel, input, planes, k, width, images, rows, cols);
      for (i64 m = 0; m < M; m += p.tile) {
        const i64 height = min_of(p.tile, M - m);
        T* out = dw + (first + m) * K + c0 * p.kernel + k;
        if (width == NR) {
          packed_tile<T>(height)(depth, grad + m * pixels, panel, NR, out, static_cast<i32>(K), add);
          continue;
        }
        packed_tile<T>(height)(depth, grad + m * pixels, panel, NR, edge, NR, 0);
        for (i64 i = 0; i < height; i++)
          for (i64 j = 0; j < width; j++) out[i * K + j] = add ? out[i * K + j] + edge[i * NR + j] : edge[i * NR + j];
      }
    }
  }
}

static Tap taps[MOST_TAPS];
static i32 offsets[MOST_TAPS + MOST_COLUMNS];
static i32 row_phase[MOST_TAPS], row_shift[MOST_TAPS], col_phase[MOST_TAPS], col_shift[MOST_TAPS];

template <class T> bool weight_product(const Conv& c, const T* x, T* dw, const T* dy, T* dbias) {
  static ProductPlan<T> p{Conv(c), {}, {}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, {}, nullptr, nullptr, nullptr};
  p.c = c, p.x = x, p.dy = dy, p.kernel = c.KH * c.KW, p.offset = offsets;
  if (!forward_axis(p.row_axis, c.OH, c.KH, c.SH, c.PH, c.DH, row_phase, row_shift) ||
      !forward_axis(p.col_axis, c.OW, c.KW, c.SW, c.PW, c.DW, col_phase, col_shift) || !make_plan(p))
    return false;
  forward_taps(taps, c, row_phase, row_shift, col_phase, col_shift);
  for (i64 ch = 0; ch < p.channels && !p.bare; ch++)
    for (i64 k = 0; k < p.kernel; k++)
      offsets[ch * p.kernel + k] = static_cast<i32>(ch * p.shape.channel) + tap_offset(p.shape, p.col_axis, taps[k]);
  const i64 size = c.Cout * c.in_group() * p.kernel, stride = size + c.Cout, units = p.image_blocks * p.strips * p.segments;
  T* partial = reinterpret_cast<T*>(shared_memory());
  const bool whole = p.parts == 1;
  parallel_for(c.groups * p.m_blocks * p.c_blocks * p.parts, 1, [&](i64 begin, i64 end) {
    for (i64 task = begin; task < end; task++) {
      const i64 part = task % p.parts, block = task / p.parts;
      const i64 cb = block % p.c_blocks, mb = block / p.c_blocks % p.m_blocks, g = block / (p.c_blocks * p.m_blocks);
      T* to = whole ? dw : partial + part * stride;
      T* bias = dbias == nullptr || whole ? dbias : partial + part * stride + size;
      product_block(p, to, bias, g, mb * p.block_m, cb * p.channels, part * p.per_part, min_of((part + 1) * p.per_part, units));
    }
  });
  if (!whole) add_parts(partial, p.parts, stride, size, dw, dbias);
  return true;
}
template bool weight_product<f32>(const Conv&, const f32*, f32*, const f32*, f32*);
template bool weight_product<f64>(const Conv&, const f64*, f64*, const f64*, f64*);

}  // namespace fathom
