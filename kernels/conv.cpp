// CONV_FORWARD and CONV_INPUT_GRAD: any stride, padding, dilation and groups, as stencils; plain loops for shapes that no staging holds.
#include "conv_winograd.h"

namespace fathom {

// Bytes of the workspace that an instruction wants. Without it the same numbers come slower, and a little different.
i64 conv_workspace_bytes(const double* w) {
  const bool input_grad = w[0] == 5;
  const i64 count = w[0] == 6 ? 0 : winograd_count(w, input_grad);
  i64 bytes = 0;
  for (i64 i = 0; i < count; i++) {
    Winograd s;
    winograd_of(w, input_grad, i, s);
    bytes = max_of(bytes, winograd_bytes(s));
  }
  return bytes;
}

static bool by_winograd(const double* w, bool input_grad) {
  const i64 bytes = w[24] == 0 ? 0 : conv_workspace_bytes(w);
  if (bytes == 0 || integer(w[25]) < bytes) return false;
  for (i64 i = 0; i < winograd_count(w, input_grad); i++) {
    Winograd s;
    winograd_of(w, input_grad, i, s);
    run_winograd(s, ptr(w[24]));
  }
  return true;
}

template <class T>
static NOINLINE void plain_forward(const Conv& c, const T* x, const T* weight, T* y, const T* bias, i32 activation) {
  const i64 per_image = c.Cout * c.OH, in = c.in_group(), out = max_of(c.out_group(), i64(1));
  parallel_for(c.N * per_image, 1, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      const i64 n = i / per_image, co = i / c.OH % c.Cout, oh = i % c.OH, g = co / out;
      T* row = y + i * c.OW;
      for (i64 ow = 0; ow < c.OW; ow++) row[ow] = 0;
      for (i64 ci = 0; ci < in; ci++)
        for (i64 kh = 0; kh < c.KH; kh++) {
          const i64 ih = oh * c.SH - c.PH + kh * c.DH;
          if (ih < 0 || ih >= c.H) continue;
          const T* from = x + ((n * c.Cin + g * in + ci) * c.H + ih) * c.W;
          const T* w = weight + ((co * in + ci) * c.KH + kh) * c.KW;
          for (i64 ow = 0; ow < c.OW; ow++) {
            T sum = 0;
            for (i64 kw = 0; kw < c.KW; kw++) {
              const i64 iw = ow * c.SW - c.PW + kw * c.DW;
              if (iw >= 0 && iw < c.W) sum += w[kw] * from[iw];
            }
            row[ow] += sum;
          }
        }
      finish_row<T>(row, c.OW, nullptr, bias ? bias[co] : T(0), activation);
    }
  });
}

template <class T> static NOINLINE void plain_input_grad(const Conv& c, T* dx, const T* weight, const T* dy) {
  const i64 per_image = c.Cin * c.H, in = max_of(c.in_group(), i64(1)), out = c.out_group();
  parallel_for(c.N * per_image, 1, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) {
      const i64 n = i / per_image, channel = i / c.H % c.Cin, ih = i % c.H, g = channel / in, ci = channel % in;
      T* row = dx + i * c.W;
      for (i64 iw = 0; iw < c.W; iw++) row[iw] = 0;
      for (i64 co = g * out; co < (g + 1) * out; co++)
        for (i64 kh = 0; kh < c.KH; kh++) {
          const i64 top = ih + c.PH - kh * c.DH;
          if (top < 0 || top % c.SH != 0 || top / c.SH >= c.OH) continue;
          const T* from = dy + ((n * c.Cout + co) * c.OH + top / c.SH) * c.OW;
          const T* w = weight + ((co * in + ci) * c.KH + kh) * c.KW;
          for (i64 iw = 0; iw < c.W; iw++) {
            T sum = 0;
            for (i64 kw = 0; kw < c.KW; kw++) {
              const i64 left = iw + c.PW - kw * c.DW;
              if (left >= 0 && left % c.SW == 0 && left / c.SW < c.OW) sum += w[kw] * from[left / c.SW];
            }
            row[iw] += sum;
          }
        }
    }
  });
}

// Kernel positions of the calling thread's convolution; `execute` has one caller at a time.
static Tap taps[MOST_TAPS];
static i32 row_phase[MOST_TAPS], row_shift[MOST_TAPS], col_phase[MOST_TAPS], col_shift[MOST_TAPS];

template <class T> static NOINLINE void forward(const double* w) {
  const Conv c(w);
  const T *x = ptr<const T>(w[19]), *weight = ptr<const T>(w[20]), *bias = ptr<const T>(w[22]);
  T* y = ptr<T>(w[21]);
  const i32 activation = static_cast<i32>(w[23]);
  const i64 kernel = c.KH * c.KW, in = c.in_group();
  if (c.N * c.Cout * c.OH * c.OW == 0) return;
  static Stencil<T> s;
  if (in == 0 || kernel > MOST_TAPS || !forward_axis(s.rows, c.OH, c.KH, c.SH, c.PH, c.DH, row_phase, row_shift) ||
      !forward_axis(s.cols, c.OW, c.KW, c.SW, c.PW, c.DW, col_phase, col_shift))
    return plain_forward(c, x, weight, y, bias, activation);
  forward_taps(taps, c, row_phase, row_shift, col_phase, col_shift);
  s.N = c.N, s.groups = c.groups, s.C = in, s.M = c.out_group();
  s.taps = kernel, s.tap_rows = c.KH, s.tap = taps;
  s.source = x, s.H = c.H, s.W = c.W;
  s.weight = weight, s.group_stride = s.M * in * kernel, s.m_stride = in * kernel, s.c_stride = kernel;
  s.out = y, s.out_h = c.OH, s.out_w = c.OW, s.out_row_step = 1, s.out_row_first = 0, s.out_col_step = 1, s.out_col_first = 0;
  s.bias = bias, s.activation = activation;
  if (!run_stencil(s)) plain_forward(c, x, weight, y, bias, activation);
}

// Input positions of phase r along one dimension: i + padding = stride * t + r. Tap k of that phase (k * dilation = r mod stride) reads the output's
// gradient at t - (k * dilation - r) / stride. Fills the axis, the first input position and each tap's shift (-1: not of this phase).
static bool grad_axis(Axis& axis, i64 size, i64 kernel, i64 stride, i64 padding, i64 dilation, i64 r, i32* shift, i64& first) {
  const i64 begin = padding > r ? (padding - r + stride - 1) / stride : -((r - padding) / stride);
  const i64 last = size - 1 + padding - r;
  const i64 end = last < 0 ? begin : last / stride + 1;
  first = begin * stride + r - padding;
  i64 near = -1, far = -1;
  for (i64 k = 0; k < kernel; k++) {
    const i64 at = k * dilation - r;
    shift[k] = at >= 0 && at % stride == 0 ? static_cast<i32>(at / stride) : -1;
    if (shift[k] < 0) continue;
    if (near < 0) near = shift[k];
    far = shift[k];
  }
  axis.grid = max_of(end - begin, i64(0));
  axis.step = 1;
  axis.phases = 1;
  axis.phase[0] = 0;
  axis.origin = begin - far;
  axis.reach = far - near;
  for (i64 k = 0; k < kernel; k++)
    if (shift[k] >= 0) shift[k] = static_cast<i32>(far - shift[k]);
  return far >= 0;
}

template <class T> static NOINLINE void input_grad(const double* w) {
  const Conv c(w);
  T* dx = ptr<T>(w[19]);
  const T *weight = ptr<const T>(w[20]), *dy = ptr<const T>(w[21]);
  const i64 kernel = c.KH * c.KW, in = c.in_group();
  const i64 total = c.N * c.Cin * c.H * c.W;
  if (total == 0) return;
  if (c.out_group() == 0 || kernel == 0 || kernel > MOST_TAPS || c.OH * c.OW == 0) return plain_input_grad(c, dx, weight, dy);
  static Stencil<T> s;
  bool all = true;  // every phase has taps, so every input pixel is written below
  for (i64 p = 0; p < c.SH; p++) all = grad_axis(s.rows, c.H, c.KH, c.SH, c.PH, c.DH, p, row_shift, s.out_row_first) && all;
  for (i64 q = 0; q < c.SW; q++) all = grad_axis(s.cols, c.W, c.KW, c.SW, c.PW, c.DW, q, col_shift, s.out_col_first) && all;
  if (!all) parallel_for(total, 1 << 16, [=](i64 begin, i64 end) { memset(dx + begin, 0, usize(end - begin) * sizeof(T)); });
  s.N = c.N, s.groups = c.groups, s.C = c.out_group(), s.M = in;
  s.tap = taps;
  s.source = dy, s.H = c.OH, s.W = c.OW;
  s.weight = weight, s.group_stride = s.C * in * kernel, s.m_stride = kernel, s.c_stride = in * kernel;
  s.out = dx, s.out_h = c.H, s.out_w = c.W, s.out_row_step = c.SH, s.out_col_step = c.SW;
  s.bias = nullptr, s.activation = ACT_NONE;
  for (i64 p = 0; p < c.SH; p++) {
    if (!grad_axis(s.rows, c.H, c.KH, c.SH, c.PH, c.DH, p, row_shift, s.out_row_first)) continue;
    for (i64 q = 0; q < c.SW; q++) {
      if (!grad_axis(s.cols, c.W, c.KW, c.SW, c.PW, c.DW, q, col_shift, s.out_col_first)) continue;
      s.taps = s.tap_rows = 0;
      for (i64 k = 0; k < c.KH; k++) s.tap_rows += row_shift[k] >= 0;
      for (i64 k = 0; k < kernel; k++) {
        const i32 dt = row_shift[k / c.KW], du = col_shift[k % c.KW];
        if (dt >= 0 && du >= 0) taps[s.taps++] = {0, 0, dt, du, static_cast<i32>(k)};
      }
      if (!run_stencil(s)) return plain_input_grad(c, dx, weight, dy);
    }
  }
}

// A window as large as the input, without padding: one output pixel, so rows of all inputs meet rows of all weights in one matrix product.
static bool by_product(const double* w, i64 opcode) {
  const Conv c(w);
  if (c.groups != 1 || c.PH != 0 || c.PW != 0 || c.OH != 1 || c.OW != 1 || c.KH != c.H || c.KW != c.W || c.DH != 1 || c.DW != 1) return false;
  if (c.N == 0 || c.Cin == 0 || c.Cout == 0) return false;
  const double K = double(c.Cin * c.H * c.W), N = double(c.N), M = double(c.Cout), x = w[19], weight = w[20], y = w[21];
  const double forward[] = {3, 19, w[2], N, M, K, x, K, 1, weight, 1, K, y, M, 0, 0, w[22], w[23], 0};
  const double input_grad[] = {3, 19, w[2], N, K, M, y, M, 1, weight, K, 1, x, K, 0, 0, 0, 0, 0};
  const double weight_grad[] = {3, 19, w[2], M, K, N, y, 1, M, x, K, 1, weight, K, 0, 0, 0, 0, 0};
  op_matmul(opcode == 4 ? forward : opcode == 5 ? input_grad : weight_grad);
  if (opcode != 6 || w[22] == 0) return true;
  const auto bias = [&](auto* to, const auto* from) {
    for (i64 m = 0; m < c.Cout; m++) {
      to[m] = from[m];
      for (i64 n = 1; n < c.N; n++) to[m] += from[n * c.Cout + m];
    }
  };
  if (w[2] == F64) bias(ptr<f64>(w[22]), ptr<const f64>(y));
  else bias(ptr<f32>(w[22]), ptr<const f32>(y));
  return true;
}

void op_conv_forward(const double* w) {
  if (by_product(w, 4) || by_winograd(w, false)) return;
  return w[2] == F64 ? forward<f64>(w) : forward<f32>(w);
}
void op_conv_input_grad(const double* w) {
  if (by_product(w, 5) || by_winograd(w, true)) return;
  return w[2] == F64 ? input_grad<f64>(w) : input_grad<f32>(w);
}
void op_conv_weight_grad(const double* w) {
  if (by_product(w, 6)) return;
  return w[2] == F64 ? weight_grad<f64>(w) : weight_grad<f32>(w);
}

}  // namespace fathom
