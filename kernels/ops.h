// One function per opcode of docs/instruction-set.md; `w` points at word 0 of the instruction.
#pragma once
#include "core.h"

namespace fathom {

enum Opcode : i32 {
  OP_EWISE = 1, OP_REDUCE = 2, OP_MATMUL = 3, OP_CONV_FORWARD = 4, OP_CONV_INPUT_GRAD = 5, OP_CONV_WEIGHT_GRAD = 6, OP_POOL_FORWARD = 7,
  OP_POOL_BACKWARD = 8, OP_SOFTMAX_FORWARD = 9, OP_SOFTMAX_BACKWARD = 10, OP_CROSS_ENTROPY_FORWARD = 11, OP_CROSS_ENTROPY_BACKWARD = 12,
  OP_INDEX = 13, OP_GATHER = 14, OP_RANDOM = 16, OP_SCAN = 17, OP_SORT = 18, OP_SGD = 19, OP_ADAM = 20,
  OP_RMSPROP = 21, OP_ADAGRAD = 22, OP_ADADELTA = 23,
  OP_ROW_NORM_FORWARD = 30, OP_ROW_NORM_BACKWARD = 31, OP_BATCH_NORM_FORWARD = 32, OP_BATCH_NORM_BACKWARD = 33,
  OP_CTC_FORWARD = 34, OP_CTC_BACKWARD = 35,
  OP_RECURRENT_FORWARD = 40, OP_RECURRENT_BACKWARD = 41, OP_ATTENTION_FORWARD = 42, OP_ATTENTION_BACKWARD = 43,
  OP_CHOLESKY = 60, OP_TRIANGULAR_SOLVE = 61, OP_LU = 62
};

void op_ewise(const double* w);
void op_reduce(const double* w);
void op_matmul(const double* w);
void op_conv_forward(const double* w);
void op_conv_input_grad(const double* w);
void op_conv_weight_grad(const double* w);
void op_pool_forward(const double* w);
void op_pool_backward(const double* w);
void op_softmax_forward(const double* w);
void op_softmax_backward(const double* w);
void op_cross_entropy_forward(const double* w);
void op_cross_entropy_backward(const double* w);
void op_index(const double* w);
void op_gather(const double* w);
void op_random(const double* w);
void op_scan(const double* w);
void op_sort(const double* w);
void op_sgd(const double* w);
void op_adam(const double* w);
void op_rmsprop(const double* w);
void op_adagrad(const double* w);
void op_adadelta(const double* w);
void op_row_norm_forward(const double* w);
void op_row_norm_backward(const double* w);
void op_batch_norm_forward(const double* w);
void op_batch_norm_backward(const double* w);
void op_recurrent_forward(const double* w);
void op_recurrent_backward(const double* w);
void op_attention_forward(const double* w);
void op_attention_backward(const double* w);
void op_cholesky(const double* w);
void op_triangular_solve(const double* w);
void op_lu(const double* w);
void op_ctc_forward(const double* w);
void op_ctc_backward(const double* w);

// Bytes of workspace that the convolution instruction at w can use (0: none).
i64 conv_workspace_bytes(const double* w);

}  // namespace fathom
