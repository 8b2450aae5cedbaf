// Placeholders for instructions whose kernels are not there yet.
#include "ops.h"
namespace fathom {
#define MISSING(name) __attribute__((weak)) void name(const double* w) { fail(UNKNOWN_OPCODE, w[0]); }
MISSING(op_ewise) MISSING(op_reduce) MISSING(op_matmul) MISSING(op_conv_forward) MISSING(op_conv_input_grad) MISSING(op_conv_weight_grad)
MISSING(op_pool_forward) MISSING(op_pool_backward) MISSING(op_softmax_forward) MISSING(op_softmax_backward) MISSING(op_cross_entropy_forward)
MISSING(op_cross_entropy_backward) MISSING(op_index) MISSING(op_gather) MISSING(op_random) MISSING(op_scan) MISSING(op_sort) MISSING(op_sgd)
MISSING(op_adam)
__attribute__((weak)) i64 conv_workspace_bytes(const double*) { return 0; }
}  // namespace fathom
