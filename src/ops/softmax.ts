// Softmax and log-softmax along one dimension, fused forward and backward; derivatives of the backward are composed.

import { isGradEnabled } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError } from '../runtime/errors.ts';
import { I, run } from '../runtime/runtime.ts';
import { checkDType, type DType, dtypeCode, isFloating } from '../tensor/dtype.ts';
import { normalizeDim } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { cast, copy, dense, empty } from './raw.ts';
import { sum } from './reduce.ts';
import { exp, input, mul, neg, sub } from './scalar.ts';

export interface SoftmaxOptions {
  /** Cast before computing. */
  dtype?: DType;
}

const times: ElementwiseOp = { name: 'mul', doc: 'a · b.', arity: 2, expr: mul(input(0), input(1)), dtype: 'same' };
const softmaxGrad: ElementwiseOp = {
  name: 'softmaxBackward',
  doc: 'y · (g - s).',
  arity: 3,
  expr: mul(input(0), sub(input(1), input(2))),
  dtype: 'same',
};
const logSoftmaxGrad: ElementwiseOp = {
  name: 'logSoftmaxBackward',
  doc: 'g - exp(y) · s.',
  arity: 3,
  expr: sub(input(1), mul(exp(input(0)), input(2))),
  dtype: 'same',
};
const negation: ElementwiseOp = { name: 'neg', doc: '-x.', arity: 1, expr: neg(input(0)), dtype: 'same' };

function layout(x: Tensor, dim: number): { outer: number; n: number; inner: number } {
  let outer = 1;
  let inner = 1;
  for (let i = 0; i < dim; i++) outer *= x.shape[i];
  for (let i = dim + 1; i < x.shape.length; i++) inner *= x.shape[i];
  return { outer, n: x.shape[dim] ?? 1, inner };
}

function write(opcode: 9 | 10, kind: 0 | 1, x: Tensor, dim: number): void {
  const { outer, n, inner } = layout(x, dim);
  I[0] = opcode;
  I[2] = dtypeCode[x.dtype];
  I[3] = kind;
  I[4] = outer;
  I[5] = n;
  I[6] = inner;
}

function fused(name: string, kind: 0 | 1, input_: Tensor, dim: number, { dtype }: SoftmaxOptions): Tensor {
  let x = dtype === undefined ? input_ : to(input_, checkDType(dtype));
  const d = normalizeDim(name, dim, x.ndim);
  if (!isFloating(x.dtype))
    throw new DTypeError(`${name}: x is ${x.dtype}; needs floating-point values, cast with .to('float32') or give { dtype: 'float32' }`);
  if (x.dtype === 'float16' || x.dtype === 'bfloat16') x = to(x, 'float32');
  const y = empty(x.shape, x.dtype);
  if (y.numel > 0) {
    const from = dense(x);
    write(9, kind, x, d);
    I[7] = from.address;
    I[8] = y.address;
    I[9] = 0;
    I[10] = 0;
    run(name, 11);
    if (from !== x) from.dispose();
  }
  if (mustRecord([x])) {
    record(name, [x], [y], [y], ([g], [y_]) => {
      if (g === null) return [null];
      if (isGradEnabled()) {
        if (kind === 0) return [apply(softmaxGrad, [y_, g, sum(apply(times, [g, y_]), { dim: d, keepdim: true })])];
        return [apply(logSoftmaxGrad, [y_, g, sum(g, { dim: d, keepdim: true })])];
      }
      const dx = empty(y_.shape, y_.dtype);
      if (dx.numel > 0) {
        const dy = dense(cast(g, y_.dtype));
        write(10, kind, y_, d);
        I[7] = 0;
        I[8] = y_.address;
        I[9] = dy.address;
        I[10] = dx.address;
        run(`${name}Backward`, 11);
      }
      return [dx];
    });
  }
  return (input_.dtype === 'float16' || input_.dtype === 'bfloat16') && dtype === undefined ? copy(y, input_.dtype) : y;
}

/** exp(x) / Σ exp(x) along `dim`, computed without overflow. Same shape as x. */
export const softmax = (x: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor => fused('softmax', 0, x, dim, options);

/** log(softmax(x)) along `dim`, computed without overflow. Same shape as x. */
export const logSoftmax = (x: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor => fused('logSoftmax', 1, x, dim, options);

/** softmax(-x) along `dim`. */
export const softmin = (x: Tensor, dim: number, options: SoftmaxOptions = {}): Tensor => softmax(apply(negation, [x]), dim, options);

export const softmaxMethods = { softmax, logSoftmax };
