// Convolutions by Winograd's minimal filtering: a tile of 6×6 (5×5) inputs gives 4×4 outputs of a 3×3 (2×2) kernel with 36 (25) products where the plain
// sum takes 144 (64) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016). A 4×4 kernel with stride 2 is a 2×2 kernel over the four
// phases of its input; its input gradient is four 2×2 kernels, one for each phase of the result.
#pragma once
#include "conv_stencil.h"

namespace fathom {

// out[n, m] = sum over c of the correlation of source[n, c] with weight(m, c), then bias and activation.
struct Winograd {
  i64 N, C, H, W, M, OH, OW, PH, PW;
  i64 taps;  // 3 or 2 in each direction
  i64 step;  // of the window over the source: 1, or 2 with 2 taps; a channel then counts as the four phases of its plane
  const f32 *source, *weight;
  i64 m_stride, c_stride, kernel, kernel_width;  // of the weights; how many a kernel has, and a row of it
  i32 row_tap[2][3], col_tap[2][3];              // [phase][tap]: its row and column in the kernel
  f32* out;
  i64 out_h, out_w, out_step, out_row, out_col;  // where outputs lie in their plane
  const f32* bias;
  i32 activation;
  i64 depth() const { return C * step * step; }
};

// How many problems of this kind make up a forward convolution or an input gradient; 0 where it is none, or plain sums are faster.
i64 winograd_count(const double* w, bool input_grad);
void winograd_of(const double* w, bool input_grad, i64 index, Winograd& s);
i64 winograd_bytes(const Winograd& s);
// `workspace`: winograd_bytes of memory.
void run_winograd(const Winograd& s, u8* workspace);

}  // namespace fathom
