// Encoders of CHOLESKY, TRIANGULAR_SOLVE and LU: results without gradients, with one status number per matrix.

import { copy, empty, fill } from '../ops/raw.ts';
import { I, run } from '../runtime/runtime.ts';
import { dtypeCode } from '../tensor/dtype.ts';
import { broadcastStrides, numelOf, type Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { batchOf } from './common.ts';

function statusOf(batch: Shape): Tensor {
  const info = empty(batch, 'int32');
  fill(info, 0);
  return info;
}

/** L of A = L Lᵀ (the lower triangle of A is read), and per matrix 0 or the order of the leading minor that is not positive. */
export function choleskyRaw(name: string, A: Tensor): { L: Tensor; info: Tensor } {
  const L = copy(A);
  const info = statusOf(batchOf(A));
  if (L.numel > 0) {
    I[0] = 60;
    I[2] = dtypeCode[L.dtype];
    I[3] = info.numel;
    I[4] = A.shape[A.ndim - 1];
    I[5] = L.address;
    I[6] = info.address;
    run(name, 7);
  }
  return { L, info };
}

/** A⁻¹ B for triangular A [..., n, n]; the batch dimensions of A broadcast to those of B [..., n, m]. */
export function triangularRaw(name: string, A: Tensor, B: Tensor, upper: boolean, unit: boolean): Tensor {
  const X = copy(B);
  if (X.numel === 0) return X;
  const batch = batchOf(B);
  const strides = broadcastStrides(batchOf(A), A.strides.slice(0, -2), batch);
  const [n, m] = B.shape.slice(-2);
  I[0] = 61;
  I[2] = dtypeCode[X.dtype];
  I[3] = n;
  I[4] = m;
  I[5] = A.address;
  I[6] = A.strides[A.ndim - 2];
  I[7] = A.strides[A.ndim - 1];
  I[8] = X.address;
  I[9] = m;
  I[10] = upper ? 1 : 0;
  I[11] = unit ? 1 : 0;
  I[12] = batch.length;
  let k = 13;
  for (const d of batch) I[k++] = d;
  for (const s of strides) I[k++] = s;
  run(name, k);
  return X;
}

/** L and U of A in one matrix, the row swaps (counted from 1), and per matrix 0 or the position of the first pivot that is 0. */
export function luRaw(name: string, A: Tensor): { LU: Tensor; pivots: Tensor; info: Tensor } {
  const LU = copy(A);
  const batch = batchOf(A);
  const [m, n] = A.shape.slice(-2);
  const pivots = empty([...batch, Math.min(m, n)], 'int32');
  const info = statusOf(batch);
  if (LU.numel > 0) {
    I[0] = 62;
    I[2] = dtypeCode[LU.dtype];
    I[3] = numelOf(batch);
    I[4] = m;
    I[5] = n;
    I[6] = LU.address;
    I[7] = pivots.address;
    I[8] = info.address;
    run(name, 9);
  }
  return { LU, pivots, info };
}
