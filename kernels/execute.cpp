// The entry of every device: runs encoded instructions one after another and reports the first error.
#include "ops.h"
#include "parallel.h"

namespace fathom {

static i32 error_code;
static double error_values[3];

void fail(i32 code, double a, double b, double c) {
  i32 none = 0;
  if (!__atomic_compare_exchange_n(&error_code, &none, code, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) return;
  error_values[0] = a;
  error_values[1] = b;
  error_values[2] = c;
}

i32 failed() { return __atomic_load_n(&error_code, __ATOMIC_RELAXED); }

// Out of line and alone: calls stay calls, so each kernel is optimised for itself.
static NOINLINE void dispatch(i32 opcode, const double* w) {
  switch (opcode) {
    case OP_EWISE: return op_ewise(w);
    case OP_REDUCE: return op_reduce(w);
    case OP_MATMUL: return op_matmul(w);
    case OP_CONV_FORWARD: return op_conv_forward(w);
    case OP_CONV_INPUT_GRAD: return op_conv_input_grad(w);
    case OP_CONV_WEIGHT_GRAD: return op_conv_weight_grad(w);
    case OP_POOL_FORWARD: return op_pool_forward(w);
    case OP_POOL_BACKWARD: return op_pool_backward(w);
    case OP_SOFTMAX_FORWARD: return op_softmax_forward(w);
    case OP_SOFTMAX_BACKWARD: return op_softmax_backward(w);
    case OP_CROSS_ENTROPY_FORWARD: return op_cross_entropy_forward(w);
    case OP_CROSS_ENTROPY_BACKWARD: return op_cross_entropy_backward(w);
    case OP_INDEX: return op_index(w);
    case OP_GATHER: return op_gather(w);
    case OP_RANDOM: return op_random(w);
    case OP_SCAN: return op_scan(w);
    case OP_SORT: return op_sort(w);
    case OP_SGD: return op_sgd(w);
    case OP_ADAM: return op_adam(w);
    case OP_RMSPROP: return op_rmsprop(w);
    case OP_ADAGRAD: return op_adagrad(w);
    case OP_ADADELTA: return op_adadelta(w);
    case OP_ROW_NORM_FORWARD: return op_row_norm_forward(w);
    case OP_ROW_NORM_BACKWARD: return op_row_norm_backward(w);
    case OP_BATCH_NORM_FORWARD: return op_batch_norm_forward(w);
    case OP_BATCH_NORM_BACKWARD: return op_batch_norm_backward(w);
    case OP_RECURRENT_FORWARD: return op_recurrent_forward(w);
    case OP_RECURRENT_BACKWARD: return op_recurrent_backward(w);
    case OP_ATTENTION_FORWARD: return op_attention_forward(w);
    case OP_ATTENTION_BACKWARD: return op_attention_backward(w);
    case OP_CHOLESKY: return op_cholesky(w);
    case OP_TRIANGULAR_SOLVE: return op_triangular_solve(w);
    case OP_LU: return op_lu(w);
    case OP_CTC_FORWARD: return op_ctc_forward(w);
    case OP_CTC_BACKWARD: return op_ctc_backward(w);
    default: return fail(UNKNOWN_OPCODE, opcode);
  }
}

EXPORT i32 execute(double address, double count) {
  error_code = 0;
  const double* w = ptr<const double>(address);
  for (i64 left = integer(count); left > 0; left--) {
    dispatch(static_cast<i32>(w[0]), w);
    if (UNLIKELY(error_code != 0)) return error_code;
    w += integer(w[1]);
  }
  return 0;
}

EXPORT double error_info(i32 k) { return k >= 0 && k < 3 ? error_values[k] : 0; }

EXPORT double conv_workspace(double address) { return static_cast<double>(conv_workspace_bytes(ptr<const double>(address))); }

}  // namespace fathom
