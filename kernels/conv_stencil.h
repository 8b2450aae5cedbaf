// Convolution as a stencil: forward and input gradient are both "every output pixel is a weighted sum of shifted source pixels".
//
// A task copies the source rows it needs into thread scratch with zero borders, split by stride phase, so that the source of tap k for the output
// pixels q, q+1, … lies at offset[k] + q, q+1, …: no im2col matrix is written for few output channels, and one cheap panel at a time for many.
#pragma once
#include "matmul_gemm.h"
#include "ops.h"

namespace fathom {

constexpr i64 MOST_PHASES = 64;
constexpr i64 MOST_TAPS = 8192;

// The operands of a convolution instruction, in the order of its words.
struct Conv {
  i64 N, Cin, H, W, Cout, KH, KW, SH, SW, PH, PW, DH, DW, groups, OH, OW;
  explicit Conv(const double* w)
      : N(integer(w[3])), Cin(integer(w[4])), H(integer(w[5])), W(integer(w[6])), Cout(integer(w[7])), KH(integer(w[8])), KW(integer(w[9])),
        SH(integer(w[10])), SW(integer(w[11])), PH(integer(w[12])), PW(integer(w[13])), DH(integer(w[14])), DW(integer(w[15])),
        groups(integer(w[16])), OH(integer(w[17])), OW(integer(w[18])) {}
  i64 in_group() const { return Cin / groups; }
  i64 out_group() const { return Cout / groups; }
};

// One dimension of a stencil. Source position of grid position t in phase p, shifted by a tap's dt: (t + dt) * step + origin + phase[p].
struct Axis {
  i64 grid, step, origin, phases, reach;  // reach: the largest dt
  i64 phase[MOST_PHASES];
};

struct Tap {
  i32 row_phase, col_phase, dt, du, weight;  // weight: its place in a [KH, KW] kernel
};

// How a forward convolution reads its input along one dimension: tap i belongs to phase (i * dilation) mod stride. False: too many phases.
INLINE bool forward_axis(Axis& axis, i64 grid, i64 kernel, i64 stride, i64 padding, i64 dilation, i32* tap_phase, i32* tap_shift) {
  axis.grid = grid;
  axis.step = stride;
  axis.origin = -padding;
  axis.phases = 0;
  axis.reach = (kernel - 1) * dilation / stride;
  for (i64 i = 0; i < kernel; i++) {
    const i64 p = i * dilation % stride;
    i64 at = 0;
    while (at < axis.phases && axis.phase[at] != p) at++;
    if (at == axis.phases) {
      if (at == MOST_PHASES) return false;
      axis.phase[axis.phases++] = p;
    }
    tap_phase[i] = static_cast<i32>(at);
    tap_shift[i] = static_cast<i32>(i * dilation / stride);
  }
  return true;
}

// Where staged source lies: [channel][row phase][column phase][image][rows][pitch], one slot a phase pair.
struct StageShape {
  i64 rows, pitch, image, slot, channel;  // sizes and strides in elements
};

INLINE StageShape stage_shape(const Axis& r, const Axis& c, i64 grid_rows, i64 grid_cols, i64 images, i64 pitch_multiple = 1) {
  StageShape s;
  s.rows = grid_rows + r.reach;
  s.pitch = round_up(grid_cols + c.reach, pitch_multiple);
  s.image = s.rows * s.pitch;
  s.slot = round_up(s.image * images, 16);
  if (s.slot % 256 == 0) s.slot += 16;  // planes a power of two apart would share cache sets
  s.channel = s.slot * r.phases * c.phases;
  return s;
}

// Copies n elements and touches no others: the rest goes as one more vector that ends with the last element.
template <class T> INLINE void copy_exactly(T* to, const T* from, i64 n) {
  constexpr i64 L = LANES<T>;
  i64 i = 0;
  for (; i + L <= n; i += L) store(to + i, load<Vec<T>>(from + i));
  if (i == n) return;
  if (n >= L) return store(to + n - L, load<Vec<T>>(from + n - L));
  for (; i < n; i++) to[i] = from[i];
}

// Copies one row of `width` elements whose source columns start at `col` and lie `step` apart; columns outside [0, W) read as zero.
template <class T> INLINE void stage_row(T* to, i64 width, const T* from, i64 col, i64 step, i64 W) {
  // first and one past the last u with 0 <= col + u * step < W
  const i64 first = col >= 0 ? 0 : min_of(width, (-col + step - 1) / step);
  const i64 last = col >= W ? 0 : min_of(width, (W - col + step - 1) / step);
  constexpr i64 L = LANES<T>;
  if (step == 1 && width >= L && first <= L && width - last <= L && last > first) {
    // Borders of up to a vector: zeros at both ends first, then the row over what they cover too much.
    store(to, Vec<T>{});
    store(to + width - L, Vec<T>{});
    return copy_exactly(to + first, from + col + first, last - first);
  }
  i64 u = 0;
  for (; u < first; u++) to[u] = 0;
  if (step == 1 && last > u) {
    copy_exactly(to + u, from + col + u, last - u);
    u = last;
  } else {
    for (; u < last; u++) to[u] = from[col + u * step];
  }
  for (; u < width; u++) to[u] = 0;
}

// Stages `channels` planes (each plane_size apart in the source) of `images` images (image_size apart) for the grid block at (t0, u0).
template <class T>
NOINLINE void stage(T* to, const StageShape& s, const Axis& r, const Axis& c, const T* from, i64 H, i64 W, i64 image_size, i64 channels, i64 images,
                    i64 t0, i64 u0) {
  for (i64 ch = 0; ch < channels; ch++)
    for (i64 p = 0; p < r.phases; p++)
      for (i64 q = 0; q < c.phases; q++) {
        T* slot = to + ch * s.channel + (p * c.phases + q) * s.slot;
        for (i64 n = 0; n < images; n++) {
          const T* plane = from + n * image_size + ch * H * W;
          const i64 col = u0 * c.step + c.origin + c.phase[q];
          T* row_to = slot + n * s.image;
          for (i64 t = 0; t < s.rows; t++, row_to += s.pitch) {
            const i64 row = (t0 + t) * r.step + r.origin + r.phase[p];
            if (row < 0 || row >= H)
              for (i64 u = 0; u < s.pitch; u++) row_to[u] = 0;
            else stage_row(row_to, s.pitch, plane + row * W, col, c.step, W);
          }
        }
        // tiles read past the last pixel: zeros there keep discarded (and zero-weighted) products finite
        for (i64 u = images * s.image; u < s.slot; u++) slot[u] = 0;
      }
  T* tail = to + channels * s.channel;
  for (i64 u = 0; u < TILE_COLS<T>; u++) tail[u] = 0;
}

// The taps of a forward convolution, row after row, from the phases and shifts of its two axes.
INLINE void forward_taps(Tap* taps, const Conv& c, const i32* row_phase, const i32* row_shift, const i32* col_phase, const i32* col_shift) {
  for (i64 k = 0; k < c.KH * c.KW; k++)
    taps[k] = {row_phase[k / c.KW], col_phase[k % c.KW], row_shift[k / c.KW], col_shift[k % c.KW], static_cast<i32>(k)};
}

INLINE i32 tap_offset(const StageShape& s, const Axis& c, const Tap& tap) {
  return static_cast<i32>((tap.row_phase * c.phases + tap.col_phase) * s.slot + tap.dt * s.pitch + tap.du);
}

// out[n, g * M + m, t * out.step + out.first, …] = sum over c, tap of weight(m, c, tap) * source[n, g * C + c, …], then bias and activation.
template <class T> struct Stencil {
  i64 N, groups, C, M;
  Axis rows, cols;
  i64 taps, tap_rows;  // taps lie row after row, tap_rows rows of equally many
  const Tap* tap;
  const T* source;
  i64 H, W;  // of the source
  const T* weight;
  i64 group_stride, m_stride, c_stride;  // weight(g, m, c, tap) = weight[g * … + m * … + c * … + tap.weight]
  T* out;
  i64 out_h, out_w, out_row_step, out_row_first, out_col_step, out_col_first;
  const T* bias;
  i32 activation;
};

// False: the shape is beyond what staging can hold; the caller computes it plainly.
template <class T> bool run_stencil(const Stencil<T>& s);
extern template bool run_stencil<f32>(const Stencil<f32>&);
extern template bool run_stencil<f64>(const Stencil<f64>&);

// dW[i] (i < size) and dbias[i - size] as sums of the same places of `parts` partial results, each `stride` long.
template <class T> INLINE void add_parts(const T* partial, i64 parts, i64 stride, i64 size, T* dw, T* dbias) {
  parallel_for(dbias == nullptr ? size : stride, 4096, [=](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      T sum = partial[i];
      for (i64 part = 1; part < parts; part++) sum += partial[part * stride + i];
      (i < size ? dw[i] : dbias[i - size]) = sum;
    }
  });
}

// CONV_WEIGHT_GRAD of any shape.
template <class T> void weight_grad(const double* w);
extern template void weight_grad<f32>(const double*);
extern template void weight_grad<f64>(const double*);
// The gradients of weight and bias as a product over pixels, for many output channels. False: beyond what staging can hold.
template <class T> bool weight_product(const Conv& c, const T* x, T* dw, const T* dy, T* dbias);
extern template bool weight_product<f32>(const Conv&, const f32*, f32*, const f32*, f32*);
extern template bool weight_product<f64>(const Conv&, const f64*, f64*, const f64*, f64*);

}  // namespace fathom
