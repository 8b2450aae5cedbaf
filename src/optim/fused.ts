// The fused update instructions: one instruction a parameter, many parameters in one call of the kernels.

import { dense } from '../ops/raw.ts';
import { DTypeError, ShapeError } from '../runtime/errors.ts';
import { recording } from '../runtime/recording.ts';
import { I, instructionWords, runMany, start } from '../runtime/runtime.ts';
import { dtypeCode } from '../tensor/dtype.ts';
import { sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A parameter with its gradient, ready for a fused instruction. */
export interface Pair {
  param: Tensor;
  grad: Tensor;
}

/** The parameters that have gradients; gradients are made dense. */
export function withGradients(params: readonly Tensor[]): Pair[] {
  const out: Pair[] = [];
  for (const param of params) {
    const grad = param.gradInternal;
    if (grad === null) continue;
    if ((param.dtype !== 'float32' && param.dtype !== 'float64') || !param.contiguousNow) {
      throw new DTypeError(
        `optimizer: a parameter of shape ${show(param.shape)} is ${param.dtype}${param.contiguousNow ? '' : ' and not contiguous'}; parameters must be contiguous float32 or float64`,
      );
    }
    if (grad.dtype !== param.dtype || !sameShape(grad.shape, param.shape)) {
      throw new ShapeError(
        `optimizer: the gradient is ${grad.dtype} of shape ${show(grad.shape)}, its parameter ${param.dtype} of shape ${show(param.shape)}; both must be equal`,
      );
    }
    out.push({ param, grad: dense(grad) });
  }
  return out;
}

/**
 * Writes one instruction per pair and executes all of them. `operands` gives the words from word 6 on (behind dtype, n, param and
 * grad) and may allocate: it is called for all pairs before the first word is written.
 */
export function runFused(name: string, opcode: number, pairs: readonly Pair[], operands: (pair: Pair) => number[]): void {
  if (pairs.length === 0) return;
  start();
  const lists = pairs.map(operands);
  let at = 0;
  let count = 0;
  const execute = (upTo: number): void => {
    if (recording !== null)
      recording.rewriting(
        pairs.slice(upTo - count, upTo).map((pair, i) => ({
          values: () => operands(pair),
          places: lists[upTo - count + i].map((_, v) => [v + 6, v] as const),
        })),
      );
    runMany(name, count);
  };
  for (const [k, pair] of pairs.entries()) {
    const list = lists[k];
    const length = list.length + 6;
    if (at + length > instructionWords) {
      execute(k);
      at = count = 0;
    }
    I[at] = opcode;
    I[at + 1] = length;
    I[at + 2] = dtypeCode[pair.param.dtype];
    I[at + 3] = pair.param.numel;
    I[at + 4] = pair.param.address;
    I[at + 5] = pair.grad.address;
    for (let i = 0; i < list.length; i++) I[at + 6 + i] = list[i];
    at += length;
    count++;
  }
  execute(pairs.length);
  for (const { param } of pairs) param.storage.version++;
}
