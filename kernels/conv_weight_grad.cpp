// CONV_WEIGHT_GRAD: every weight's gradient is a dot product, over images and pixels, of the output's gradient with the input shifted by its tap.
//
// Both are staged with the same row pitch (conv_stencil.h), so the dot products run over long contiguous rows; the sums stay in vector lanes until
// a block of images is done. Where the weights are few, images are cut into fixed parts whose partial results are added in order.
#include "conv_stencil.h"

namespace fathom {

// Scratch: staged input, its columns (dense order only), the interleaved gradient, one flat plane of it.
constexpr i64 INPUT_BYTES = 224 << 10, COLUMN_BYTES = 416 << 10, GRAD_BYTES = 288 << 10, ROW_BYTES = 64 << 10;
static_assert(INPUT_BYTES + COLUMN_BYTES + GRAD_BYTES + ROW_BYTES + 4096 <= SCRATCH_BYTES, "scratch is too small");

// From so many output channels on a product over pixels is faster (conv_weight_product.cpp).
constexpr i64 FEW_CHANNELS = 12;

// Rows of a tile of dot products: two sums each, and a register for each operand.
#if defined(__wasm__)
constexpr int DOT_ROWS = 4;
#else
constexpr int DOT_ROWS = TILE_ROWS;
#endif

// Taps of a tile of R rows: two, or three where two would leave too few sums to hide the latency of an addition.
template <int R> constexpr int DOT_TAPS = R <= 3 ? 3 : 2;

// `taps` taps against R rows: out[i * ld + j] += sum over images and n vectors of a[i] * b[offset[j]]. a: [image][n][R] vectors. Taps beyond DOT_TAPS
// are left out, missing ones computed and thrown away.
template <class T, int R>
static NOINLINE void dot_tile(i32 images, i32 n, const T* a, i32 a_image, const T* b, const i32* offset, i32 b_image, T* out, i32 ld, i32 taps) {
  using V = Vec<T>;
  constexpr int L = LANES<T>, J = DOT_TAPS<R>;
  V sum[R][J];
  const T* from[J];
  for (int j = 0; j < J; j++) from[j] = b + offset[j < taps ? j : 0];
  for (int i = 0; i < R; i++)
    for (int j = 0; j < J; j++) sum[i][j] = V{};
  for (i32 image = 0; image < images; image++) {
    const T* p = a;
    for (i32 v = 0; v < n * L; v += L) {
      V x[J];
      for (int j = 0; j < J; j++) x[j] = load<V>(from[j] + v);
      for (int i = 0; i < R; i++) {
        KEEP_ORDER;
        const V g = load<V>(p + i * L);
        for (int j = 0; j < J; j++) sum[i][j] = fma(g, x[j], sum[i][j]);
      }
      KEEP_ORDER;
      p += R * L;
    }
    a += a_image;
    for (int j = 0; j < J; j++) from[j] += b_image;
  }
  for (int i = 0; i < R; i++)
    for (int j = 0; j < J; j++)
      if (j < taps) out[i * ld + j] += hsum(sum[i][j]);
}

template <class T> struct DotTile {
  void (*run)(i32, i32, const T*, i32, const T*, const i32*, i32, T*, i32, i32);
  int taps;
};
template <class T, int R = DOT_ROWS> static INLINE DotTile<T> dot_tile_of(i64 rows) {
  if constexpr (R == 1) return {dot_tile<T, 1>, DOT_TAPS<1>};
  else return rows >= R ? DotTile<T>{dot_tile<T, R>, DOT_TAPS<R>} : dot_tile_of<T, R - 1>(rows);
}

// How the work is cut; depends on the sizes alone.
struct GradPlan {
  i64 tile;               // output channels of a tile
  i64 block_m, channels;  // output and input channels of a block of weights
  i64 m_blocks, c_blocks, parts;
  i64 rows, cols, images;  // pixels and images staged at a time
  i64 strips, segments, image_blocks;
  StageShape shape;
  bool dense;   // columns of the input are written out for each tap, without the borders that the staged order drags along
  i64 vectors;  // of the gradient of an image (of all images of a unit in the dense order)
};

template <class T> struct WeightGrad {
  Conv c;
  Axis rows, cols;
  i64 kernel;
  const Tap* tap;
  const i32 *offset, *column;  // where each tap's input starts: staged, and written out as columns
  const T *x, *dy;
  T *dw, *dbias;
  GradPlan p;
};

template <class T> static bool make_plan(WeightGrad<T>& s) {
  constexpr i64 L = LANES<T>;
  GradPlan& p = s.p;
  const Conv& c = s.c;
  const i64 M = c.out_group(), C = c.in_group();
  const i64 MR = p.tile = ceil_div(M, ceil_div(M, i64(DOT_ROWS)));
  p.block_m = M <= 96 ? M : round_up(ceil_div(M, ceil_div(M, 96)), MR);
  p.channels = ceil_div(C, ceil_div(C, max_of(288 / s.kernel, i64(1))));
  p.cols = s.cols.grid <= 1024 ? s.cols.grid : 512;
  // Worth it where the borders cost more than writing each column once for all output channels.
  p.dense = M >= 12 && p.cols * 8 < (p.cols + s.cols.reach) * 7 && p.cols < 256;
  const auto fits = [&](i64 rows, i64 images) {
    p.rows = rows;
    p.images = images;
    p.shape = stage_shape(s.rows, s.cols, rows, p.cols, images);
    p.vectors = p.dense ? ceil_div(images * rows * p.cols, L) : ceil_div((rows - 1) * p.shape.pitch + p.cols, L);
    const i64 blocks = p.dense ? 1 : images, flat = p.dense ? images * rows * p.cols + 2 * L : round_up(rows * p.shape.pitch, L);
    return p.channels * p.shape.channel + TILE_COLS<T> <= INPUT_BYTES / i64(sizeof(T)) &&
           (!p.dense || p.channels * s.kernel * p.vectors * L + L <= COLUMN_BYTES / i64(sizeof(T))) &&
           blocks * DOT_ROWS * p.vectors * L <= GRAD_BYTES / i64(sizeof(T)) && flat <= ROW_BYTES / i64(sizeof(T));
  };
  i64 pieces = 1;
  for (;;) {
    const i64 rows = ceil_div(s.rows.grid, pieces);
    if (fits(rows, 1)) break;
    if (rows > 1) pieces++;
    else if (p.channels > 1) p.channels = ceil_div(p.channels, 2);
    else if (p.cols > 64) p.cols = ceil_div(p.cols, 2);
    else if (p.block_m > MR) p.block_m = round_up(p.block_m / 2, MR);
    else return false;
  }
  const i64 rows = p.rows;
  if (rows == s.rows.grid && p.cols == s.cols.grid) {
    i64 images = 1;
    while (images < c.N && (p.dense || images < 8) && images * rows * p.cols < 2048 && fits(rows, images + 1)) images++;
    fits(rows, images);
  }
  p.strips = ceil_div(s.rows.grid, p.rows);
  p.segments = ceil_div(s.cols.grid, p.cols);
  p.image_blocks = ceil_div(c.N, p.images);
  p.m_blocks = ceil_div(M, p.block_m);
  p.c_blocks = ceil_div(C, p.channels);
  const i64 blocks = c.groups * p.m_blocks * p.c_blocks, units = p.image_blocks * p.strips * p.segments;
  p.parts = blocks >= 12 ? 1 : min_of(ceil_div(24, blocks), units);
  // Partial results of all parts must fit the shared memory.
  const i64 capacity = (SHARED_BYTES - (256 << 10)) / i64(sizeof(T));
  p.parts = max_of(min_of(p.parts, capacity / (c.Cout * (C * s.kernel + 1))), i64(1));
  p.parts = ceil_div(units, ceil_div(units, p.parts));
  return true;
}

// Copies n elements in whole vectors: up to a vector more is written.
template <class T> static INLINE void copy_over(T* to, const T* from, i64 n) {
  for (i64 i = 0; i < n; i += LANES<T>) store(to + i, load<Vec<T>>(from + i));
}

// The gradient of `height` output channels, interleaved vector by vector, in the order of the pixels of the input: with zeros in the border columns
// that belong to no output, or dense. Adds the plain sums to `sums` where given.
template <class T>
static NOINLINE void stage_grad(const WeightGrad<T>& s, T* to, T* row, i64 n0, i64 images, i64 channel, i64 height, i64 t0, i64 rows, i64 u0, i64 cols,
                                T* sums) {
  using V = Vec<T>;
  constexpr i64 L = LANES<T>;
  const i64 plane = s.c.OH * s.c.OW, pitch = s.p.shape.pitch;
  const i64 blocks = s.p.dense ? 1 : images, together = s.p.dense ? images : 1;
  for (i64 n = 0; n < blocks; n++)
    for (i64 i = 0; i < height; i++) {
      T* at = row;
      for (i64 m = 0; m < together; m++) {
        const T* from = s.dy + ((n0 + n + m) * s.c.Cout + channel + i) * plane + t0 * s.c.OW + u0;
        if (s.p.dense && cols == s.c.OW) {
          copy_exactly(at, from, rows * cols);
          at += rows * cols;
          continue;
        }
        for (i64 t = 0; t < rows; t++, from += s.c.OW) {
          copy_exactly(at, from, cols);
          at += cols;
          if (s.p.dense) continue;
          for (i64 u = cols; u < pitch; u++) *at++ = 0;
        }
      }
      for (T* end = row + s.p.vectors * L; at < end; at++) *at = 0;
      T* out = to + (n * s.p.vectors * height + i) * L;
      V sum{};
      for (i64 v = 0; v < s.p.vectors; v++, out += height * L) {
        const V g = load<V>(row + v * L);
        store(out, g);
        sum += g;
      }
      if (sums) sums[i] += hsum(sum);
    }
}

// columns[tap][pixel] from the staged input; the rest of the last vector is zero.
template <class T>
static NOINLINE void write_columns(const WeightGrad<T>& s, T* columns, const T* input, i64 taps, i64 images, i64 rows, i64 cols) {
  const i64 length = s.p.vectors * LANES<T>;
  for (i64 k = 0; k < taps; k++, columns += length) {
    T* to = columns;
    for (i64 n = 0; n < images; n++) {
      const T* from = input + s.offset[k] + n * s.p.shape.image;
      for (i64 t = 0; t < rows; t++, from += s.p.shape.pitch, to += cols) copy_over(to, from, cols);
    }
    for (T* end = columns + length; to < end; to++) *to = 0;
  }
}

// Units [begin, end) of images and pixels for one block of weights, added to dw (and dbias).
template <class T>
static NOINLINE void grad_block(const WeightGrad<T>& s, T* dw, T* dbias, i64 group, i64 m0, i64 c0, i64 begin, i64 end) {
  constexpr i64 L = LANES<T>;
  const Conv& c = s.c;
  const GradPlan& p = s.p;
  const i64 MR = p.tile;
  u8* memory = static_cast<u8*>(thread_scratch());
  T* input = reinterpret_cast<T*>(memory);
  T* columns = reinterpret_cast<T*>(memory + INPUT_BYTES);
  T* grad = reinterpret_cast<T*>(memory + INPUT_BYTES + COLUMN_BYTES);
  T* row = reinterpret_cast<T*>(memory + INPUT_BYTES + COLUMN_BYTES + GRAD_BYTES);
  const i64 C = c.in_group(), K = C * s.kernel, channels = min_of(p.channels, C - c0), taps = channels * s.kernel;
  const i64 M = min_of(p.block_m, c.out_group() - m0), plane = c.H * c.W, first = group * c.out_group() + m0;
  const i64 a_rows = p.vectors * L;
  for (i64 i = 0; i < M; i++) {
    T* to = dw + (first + i) * K + c0 * s.kernel;
    for (i64 k = 0; k < taps; k++) to[k] = 0;
    if (dbias && c0 == 0) dbias[first + i] = 0;
  }
  for (i64 unit = begin; unit < end; unit++) {
    const i64 u0 = unit % p.segments * p.cols, t0 = unit / p.segments % p.strips * p.rows, n0 = unit / (p.segments * p.strips) * p.images;
    const i64 images = min_of(p.images, c.N - n0), rows = min_of(p.rows, s.rows.grid - t0), cols = min_of(p.cols, s.cols.grid - u0);
    stage(input, p.shape, s.rows, s.cols, s.x + (n0 * c.Cin + group * C + c0) * plane, c.H, c.W, c.Cin * plane, channels, images, t0, u0);
    if (p.dense) write_columns(s, columns, input, taps, images, rows, cols);
    const i64 blocks = p.dense ? 1 : images, pixels = p.dense ? images * rows * cols : (rows - 1) * p.shape.pitch + cols;
    const i32 vectors = static_cast<i32>(ceil_div(pixels, L));
    for (i64 m = 0; m < M; m += MR) {
      const i64 height = min_of(MR, M - m);
      stage_grad(s, grad, row, n0, images, first + m, height, t0, rows, u0, cols, dbias && c0 == 0 ? dbias + first + m : nullptr);
      const DotTile<T> tile = dot_tile_of<T>(height);
      T* out = dw + (first + m) * K + c0 * s.kernel;
      for (i64 k = 0; k < taps; k += tile.taps)
        tile.run(static_cast<i32>(blocks), vectors, grad, static_cast<i32>(height * a_rows), p.dense ? columns : input,
                 (p.dense ? s.column : s.offset) + k, static_cast<i32>(p.shape.image), out + k, static_cast<i32>(K), static_cast<i32>(min_of(i64(tile.taps), taps - k)));
    }
  }
}

template <class T> static NOINLINE void plain_weight_grad(const Conv& c, const T* x, T* dw, const T* dy, T* dbias) {
  const i64 in = c.in_group(), kernel = c.KH * c.KW, out = max_of(c.out_group(), i64(1));
  parallel_for(c.Cout, 1, [&](i64 begin, i64 end) {
    for (i64 co = begin; co < end; co++) {
      if (dbias) {
        T sum = 0;
        for (i64 n = 0; n < c.N; n++)
          for (i64 i = 0; i < c.OH * c.OW; i++) sum += dy[(n * c.Cout + co) * c.OH * c.OW + i];
        dbias[co] = sum;
      }
      for (i64 k = 0; k < in * kernel; k++) {
        const i64 ci = co / out * in + k / kernel, kh = k / c.KW % c.KH, kw = k % c.KW;
        T sum = 0;
        for (i64 n = 0; n < c.N; n++)
          for (i64 oh = 0; oh < c.OH; oh++) {
            const i64 ih = oh * c.SH - c.PH + kh * c.DH;
            if (ih < 0 || ih >= c.H) continue;
            const T* from = x + ((n * c.Cin + ci) * c.H + ih) * c.W;
            const T* g = dy + ((n * c.Cout + co) * c.OH + oh) * c.OW;
            for (i64 ow = 0; ow < c.OW; ow++) {
              const i64 iw = ow * c.SW - c.PW + kw * c.DW;
              if (iw >= 0 && iw < c.W) sum += g[ow] * from[iw];
            }
          }
        dw[co * in * kernel + k] = sum;
      }
    }
  });
}

static Tap taps[MOST_TAPS];
static i32 offsets[MOST_TAPS + 512], column_offsets[MOST_TAPS + 512];
static i32 row_phase[MOST_TAPS], row_shift[MOST_TAPS], col_phase[MOST_TAPS], col_shift[MOST_TAPS];

template <class T> NOINLINE void weight_grad(const double* w) {
  static WeightGrad<T> s{Conv(w), {}, {}, 0, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, {}};
  s.c = Conv(w);
  const Conv& c = s.c;
  s.x = ptr<const T>(w[19]), s.dw = ptr<T>(w[20]), s.dy = ptr<const T>(w[21]), s.dbias = ptr<T>(w[22]);
  s.kernel = c.KH * c.KW, s.tap = taps, s.offset = offsets, s.column = column_offsets;
  if (c.Cout == 0) return;
  const bool empty = c.N * c.OH * c.OW == 0 || c.in_group() == 0 || s.kernel == 0;
  if (!empty && s.kernel <= MOST_TAPS && c.out_group() >= FEW_CHANNELS && weight_product(c, s.x, s.dw, s.dy, s.dbias)) return;
  if (empty || s.kernel > MOST_TAPS ||
      !forward_axis(s.rows, c.OH, c.KH, c.SH, c.PH, c.DH, row_phase, row_shift) ||
      !forward_axis(s.cols, c.OW, c.KW, c.SW, c.PW, c.DW, col_phase, col_shift) || !make_plan(s))
    return plain_weight_grad(c, s.x, s.dw, s.dy, s.dbias);
  const GradPlan& p = s.p;
  forward_taps(taps, c, row_phase, row_shift, col_phase, col_shift);
  for (i64 ch = 0; ch < p.channels; ch++)
    for (i64 k = 0; k < s.kernel; k++) offsets[ch * s.kernel + k] = static_cast<i32>(ch * p.shape.channel) + tap_offset(p.shape, s.cols, taps[k]);
  for (i64 k = 0; k < p.channels * s.kernel; k++) column_offsets[k] = static_cast<i32>(p.dense ? k * p.vectors * LANES<T> : 0);
  const i64 size = c.Cout * c.in_group() * s.kernel, stride = size + c.Cout;
  const i64 units = p.image_blocks * p.strips * p.segments, per_part = ceil_div(units, p.parts);
  T* partial = reinterpret_cast<T*>(shared_memory());
  const bool whole = p.parts == 1;
  parallel_for(c.groups * p.m_blocks * p.c_blocks * p.parts, 1, [&](i64 begin, i64 end) {
    for (i64 task = begin; task < end; task++) {
      const i64 part = task % p.parts, block = task / p.parts;
      const i64 cb = block % p.c_blocks, mb = block / p.c_blocks % p.m_blocks, g = block / (p.c_blocks * p.m_blocks);
      T* dw = whole ? s.dw : partial + part * stride;
      T* dbias = s.dbias == nullptr || whole ? s.dbias : partial + part * stride + size;
      grad_block(s, dw, dbias, g, mb * p.block_m, cb * p.channels, part * per_part, min_of((part + 1) * per_part, units));
    }
  });
  if (!whole) add_parts(partial, p.parts, stride, size, s.dw, s.dbias);
}
template void weight_grad<f32>(const double*);
template void weight_grad<f64>(const double*);

}  // namespace fathom
