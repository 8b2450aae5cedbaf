// 3×3 convolutions with stride 1 by Winograd's minimal filtering F(4×4, 3×3): a tile of 6×6 inputs gives 4×4 outputs with 36 products where the plain
// sum takes 144 (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016).
#pragma once
#include "conv_stencil.h"

namespace fathom {

// out[n, m] = sum over c of the 3×3 correlation of source[n, c] with weight(m, c), then bias and activation.
struct Winograd {
  i64 N, C, H, W, M, OH, OW, PH, PW;
  const f32 *source, *weight;
  i64 m_stride, c_stride;  // of the weights
  bool flipped;            // the kernel is read from its end
  f32* out;
  const f32* bias;
  i32 activation;
};

// The problem of a forward convolution or an input gradient; false where it is none of this kind or plain sums are faster.
bool winograd_of(const double* w, bool input_grad, Winograd& s);
i64 winograd_bytes(const Winograd& s);
// `workspace`: winograd_bytes of memory.
void run_winograd(const Winograd& s, u8* workspace);

}  // namespace fathom
