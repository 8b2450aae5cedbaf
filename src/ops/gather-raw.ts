// Encoders of the INDEX and GATHER instructions: reads and writes at positions that tensors hold.

import { I, run } from '../runtime/runtime.ts';
import { dtypeCode } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** What happens to the tensor at the positions; 'get' reads. */
export const scatterModes = { get: 0, set: 1, add: 2, mul: 3, max: 4, min: 5 } as const;
export type ScatterMode = keyof typeof scatterModes;

/** GATHER: `values` and `self` meet along `dim` at the positions of `index` (int64); shapes are those of `index`. */
export function gatherRaw(name: string, mode: ScatterMode, self: Tensor, dim: number, index: Tensor, values: Tensor): void {
  if (index.numel === 0) return;
  const n = index.ndim;
  I[0] = 14;
  I[2] = scatterModes[mode];
  I[3] = dtypeCode[self.dtype];
  I[4] = self.address;
  I[5] = index.address;
  I[6] = values.address;
  I[7] = n;
  I[8] = dim;
  I[9] = self.shape[dim] ?? 1;
  let k = 10;
  for (const list of [index.shape, self.strides, index.strides, values.strides]) for (let i = 0; i < n; i++) I[k++] = list[i];
  run(name, k);
}

/**
 * INDEX: the dimensions `first` … `first + indices.length - 1` of `self` are addressed by the index tensors (int64, contiguous, equally
 * long); `values` is contiguous [outer..., nI, inner...].
 */
export function indexRaw(name: string, mode: ScatterMode, self: Tensor, first: number, indices: readonly Tensor[], values: Tensor): void {
  if (values.numel === 0) return;
  const last = first + indices.length;
  const outer = (list: Shape): Shape => list.slice(0, first);
  const inner = (list: Shape): Shape => list.slice(last);
  I[0] = 13;
  I[2] = scatterModes[mode];
  I[3] = dtypeCode[self.dtype];
  I[4] = self.address;
  I[5] = values.address;
  I[6] = first;
  I[7] = indices[0].numel;
  I[8] = indices.length;
  I[9] = self.ndim - last;
  let k = 10;
  for (const list of [outer(self.shape), outer(self.strides), inner(self.shape), inner(self.strides)]) for (const v of list) I[k++] = v;
  indices.forEach((t, i) => {
    I[k++] = t.address;
    I[k++] = self.shape[first + i];
    I[k++] = self.strides[first + i];
  });
  run(name, k);
}
