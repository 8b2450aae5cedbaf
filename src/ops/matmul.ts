// Matrix products: one MATMUL instruction over strided operands with broadcast batch dimensions. Transposes are free, so
// the gradients are products with transposed views.

import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, ShapeError } from '../runtime/errors.ts';
import { I, run } from '../runtime/runtime.ts';
import { type DType, dtypeCode, isFloating } from '../tensor/dtype.ts';
import { broadcastShapes, broadcastStrides, numelOf, type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { apply, type ElementwiseOp, helpers } from './elementwise-apply.ts';
import { cast, copy, empty } from './raw.ts';
import { sum } from './reduce.ts';
import { add, input, mul, param } from './scalar.ts';
import { expand, reshape, select, transpose, unsqueeze } from './view.ts';

const combine: ElementwiseOp = {
  name: 'addmm',
  doc: 'beta · a + alpha · b.',
  arity: 2,
  expr: add(mul(param(0), input(0)), mul(param(1), input(1))),
  dtype: 'same',
};

const product: ElementwiseOp = { name: 'outer', doc: 'a · b.', arity: 2, expr: mul(input(0), input(1)), dtype: 'same' };

function checkTensor(name: string, argument: string, x: unknown): void {
  if (!(x instanceof Tensor))
    throw new DTypeError(`${name}: ${argument} must be a tensor, got ${x === null ? 'null' : typeof x}; make one with tensor(...)`);
}

function checkSameDType(name: string, a: Tensor, b: Tensor, what = 'b'): void {
  checkTensor(name, 'a', a);
  checkTensor(name, what, b);
  if (a.dtype !== b.dtype) {
    throw new DTypeError(`${name}: a is ${a.dtype} and ${what} is ${b.dtype}; both must have one dtype, cast one with .to('${a.dtype}')`);
  }
}

/** The dtype in which the instruction computes products of `d`. */
function computeDType(name: string, d: DType): DType {
  if (d === 'float16' || d === 'bfloat16') return 'float32';
  if (d === 'uint8') return 'int64';
  if (d === 'bool') throw new DTypeError(`${name}: bool matrices cannot be multiplied; cast them with .to('float32') or .to('int64')`);
  return d;
}

/** Writes and runs one MATMUL: out[..., M, N] = a[..., M, K] b[..., K, N] (+ bias over N). `out` is contiguous. */
function runMatmul(name: string, a: Tensor, b: Tensor, out: Tensor, bias: Tensor | null): void {
  if (out.numel === 0) return;
  const nd = out.shape.length;
  const M = out.shape[nd - 2];
  const N = out.shape[nd - 1];
  const da = a.shape.length;
  const db = b.shape.length;
  I[0] = 3;
  I[2] = dtypeCode[out.dtype];
  I[3] = M;
  I[4] = N;
  I[5] = a.shape[da - 1];
  I[6] = a.address;
  I[7] = a.strides[da - 2];
  I[8] = a.strides[da - 1];
  I[9] = b.address;
  I[10] = b.strides[db - 2];
  I[11] = b.strides[db - 1];
  I[12] = out.address;
  I[13] = N;
  I[15] = 0;
  I[16] = bias === null ? 0 : bias.address;
  I[17] = 0;
  I[18] = 0;
  if (nd === 2) {
    I[14] = 0;
    run(name, 19);
    return;
  }
  const batch = out.shape.slice(0, -2);
  const sa = broadcastStrides(a.shape.slice(0, -2), a.strides.slice(0, -2), batch);
  const sb = broadcastStrides(b.shape.slice(0, -2), b.strides.slice(0, -2), batch);
  I[14] = batch.length;
  let k = 19;
  for (const n of batch) I[k++] = n;
  for (const s of sa) I[k++] = s;
  for (const s of sb) I[k++] = s;
  let step = M * N;
  for (let i = batch.length - 1; i >= 0; i--) {
    I[k + i] = step;
    step *= batch[i];
  }
  run(name, k + batch.length);
}

/** The product of matrices without gradients, in the operands' dtype. */
function rawProduct(name: string, a: Tensor, b: Tensor, shape: Shape, bias: Tensor | null): Tensor {
  const compute = computeDType(name, a.dtype);
  const out = empty(shape, compute);
  if (compute === a.dtype) {
    runMatmul(name, a, b, out, bias === null || bias.contiguousNow ? bias : copy(bias));
    return out;
  }
  runMatmul(name, cast(a, compute), cast(b, compute), out, bias === null ? null : copy(bias, compute));
  return copy(out, a.dtype);
}

function misfit(name: string, a: Tensor, b: Tensor): ShapeError {
  const K = a.shape[a.ndim - 1];
  const have = b.shape[Math.max(b.ndim - 2, 0)];
  const hint = b.ndim >= 2 && b.shape[b.ndim - 1] === K ? ' Did you mean b.T?' : '';
  return new ShapeError(
    `${name}: a is ${show(a.shape)} and b is ${show(b.shape)}; a's last dimension (${K}) must equal b's ${b.ndim >= 2 ? 'second-to-last' : 'only one'} (${have}).${hint}`,
  );
}

const sumTo = (t: Tensor, shape: Shape): Tensor =>
  sameShape(t.shape, shape) ? t : (helpers.sumTo as (t: Tensor, s: Shape) => Tensor)(t, shape);

/** aᵀ g, in the layout of b: a right operand that is a transposed matrix gets a transposed gradient, which needs no copy on its way back. */
function gradientOfRight(name: string, a: Tensor, b: Tensor, g: Tensor): Tensor {
  const nd = b.shape.length;
  const transposed = b.strides[nd - 2] === 1 && b.strides[nd - 1] >= b.shape[nd - 2] && b.shape[nd - 1] > 1 && b.shape[nd - 2] > 1;
  if (transposed) return transpose(matrices(name, transpose(g, -2, -1), a), -2, -1);
  return matrices(name, transpose(a, -2, -1), g);
}

/** Matrices (both operands with at least two dimensions), recorded. */
function matrices(name: string, a: Tensor, b: Tensor): Tensor {
  const da = a.shape.length;
  const db = b.shape.length;
  if (a.shape[da - 1] !== b.shape[db - 2]) throw misfit(name, a, b);
  const tail = [a.shape[da - 2], b.shape[db - 1]];
  const shape = da === 2 && db === 2 ? tail : [...broadcastShapes(name, a.shape.slice(0, -2), b.shape.slice(0, -2)), ...tail];
  const out = rawProduct(name, a, b, shape, null);
  if (isFloating(a.dtype) && mustRecord([a, b])) {
    record(name, [a, b], [out], [a, b], ([g], [a_, b_], node) => {
      if (g === null) return [null, null];
      return [
        node.needs(0) ? sumTo(matrices(name, g, transpose(b_, -2, -1)), a_.shape) : null,
        node.needs(1) ? sumTo(gradientOfRight(name, a_, b_, g), b_.shape) : null,
      ];
    });
  }
  return out;
}

/**
 * The matrix product with PyTorch's rules: [n]·[n] -> [], [m, k]·[k] -> [m], [k]·[k, n] -> [n], [..., m, k]·[..., k, n] -> [..., m, n] with
 * broadcast leading dimensions. ShapeError when the inner sizes differ, DTypeError when the dtypes do.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkSameDType('matmul', a, b);
  const da = a.shape.length;
  const db = b.shape.length;
  if (da === 0 || db === 0)
    throw new ShapeError(`matmul: a is ${show(a.shape)} and b is ${show(b.shape)}; both need at least one dimension, use mul for scalars`);
  if (da === 2 && db === 2) return matrices('matmul', a, b);
  const inner = db === 1 ? b.shape[0] : b.shape[db - 2];
  if (a.shape[da - 1] !== inner) throw misfit('matmul', a, b);
  if (da === 1 && db === 1) return reshape(matrices('matmul', unsqueeze(a, 0), unsqueeze(b, 1)), []);
  if (da === 1) {
    const y = matrices('matmul', unsqueeze(a, 0), b);
    return select(y, -2, 0);
  }
  // A matrix or vector on the right: all rows of `a` form one tall matrix.
  if (db === 1) {
    const rows = da === 2 ? a : reshape(a, [numelOf(a.shape.slice(0, -1)), inner]);
    return reshape(matrices('matmul', rows, unsqueeze(b, 1)), a.shape.slice(0, -1));
  }
  if (db === 2 && (a.contiguousNow || a.numel === 0)) {
    const y = matrices('matmul', reshape(a, [numelOf(a.shape.slice(0, -1)), inner]), b);
    return reshape(y, [...a.shape.slice(0, -1), b.shape[1]]);
  }
  return matrices('matmul', a, b);
}

function needDims(name: string, argument: string, x: Tensor, ndim: number): void {
  checkTensor(name, argument, x);
  if (x.shape.length !== ndim) {
    const kind = ['a scalar', 'a vector', 'a matrix', 'a batch of matrices'][ndim];
    throw new ShapeError(`${name}: ${argument} has shape ${show(x.shape)}; expected ${kind} (${ndim} dimension(s)), or use matmul`);
  }
}

/** Product of two matrices: [m, k]·[k, n] -> [m, n]. */
export function mm(a: Tensor, b: Tensor): Tensor {
  needDims('mm', 'a', a, 2);
  needDims('mm', 'b', b, 2);
  checkSameDType('mm', a, b);
  return matrices('mm', a, b);
}

/** Products of two batches of matrices: [b, m, k]·[b, k, n] -> [b, m, n]; no broadcasting. */
export function bmm(a: Tensor, b: Tensor): Tensor {
  needDims('bmm', 'a', a, 3);
  needDims('bmm', 'b', b, 3);
  checkSameDType('bmm', a, b);
  if (a.shape[0] !== b.shape[0])
    throw new ShapeError(
      `bmm: a is ${show(a.shape)} and b is ${show(b.shape)}; the batch sizes (${a.shape[0]} and ${b.shape[0]}) must be equal, or use matmul`,
    );
  return matrices('bmm', a, b);
}

/** Matrix times vector: [m, k]·[k] -> [m]. */
export function mv(a: Tensor, b: Tensor): Tensor {
  needDims('mv', 'a', a, 2);
  needDims('mv', 'b', b, 1);
  return matmul(a, b);
}

/** Inner product of two vectors: [n]·[n] -> []. */
export function dot(a: Tensor, b: Tensor): Tensor {
  needDims('dot', 'a', a, 1);
  needDims('dot', 'b', b, 1);
  if (a.shape[0] !== b.shape[0])
    throw new ShapeError(`dot: a has ${a.shape[0]} element(s) and b has ${b.shape[0]}; they must have equally many`);
  return matmul(a, b);
}

/** Outer product of two vectors: [m], [n] -> [m, n]. */
export function outer(a: Tensor, b: Tensor): Tensor {
  needDims('outer', 'a', a, 1);
  needDims('outer', 'b', b, 1);
  return apply(product, [unsqueeze(a, 1), unsqueeze(b, 0)]);
}

export interface AddProductOptions {
  /** Factor of the first argument. */
  beta?: number;
  /** Factor of the product. */
  alpha?: number;
}

function addProduct(name: string, x: Tensor, p: Tensor, { beta = 1, alpha = 1 }: AddProductOptions): Tensor {
  checkSameDType(name, p, x, 'input');
  if (broadcastShapes(name, x.shape, p.shape).length !== p.ndim || !sameShape(broadcastShapes(name, x.shape, p.shape), p.shape))
    throw new ShapeError(`${name}: input has shape ${show(x.shape)} and does not broadcast to the product's ${show(p.shape)}`);
  // beta = 0 ignores the input, NaN included
  if (beta === 0) return apply(combine, [p, p], [0, alpha]);
  return apply(combine, [x, p], [beta, alpha]);
}

/** beta · x + alpha · (a b) for matrices. */
export const addmm = (x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor =>
  addProduct('addmm', x, mm(a, b), options);
/** beta · x + alpha · (a b) for a matrix and a vector. */
export const addmv = (x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor =>
  addProduct('addmv', x, mv(a, b), options);
/** beta · x + alpha · (a ⊗ b) for two vectors. */
export const addr = (x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor =>
  addProduct('addr', x, outer(a, b), options);
/** beta · x + alpha · (a b) for batches of matrices. */
export const baddbmm = (x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor =>
  addProduct('baddbmm', x, bmm(a, b), options);
/** beta · x + alpha · Σ (a b) summed over the batch. */
export const addbmm = (x: Tensor, a: Tensor, b: Tensor, options: AddProductOptions = {}): Tensor =>
  addProduct('addbmm', x, sum(bmm(a, b), { dim: 0 }), options);

/**
 * x · weightᵀ + bias: x [..., in], weight [out, in] (or [in] for one output without a dimension), bias [out] -> [..., out]. The bias is
 * added by the product's own instruction.
 */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  checkSameDType('linear', x, weight, 'weight');
  if (bias !== null) checkSameDType('linear', x, bias, 'bias');
  const nd = x.shape.length;
  if (weight.shape.length === 1) {
    if (bias !== null && bias.ndim > 0)
      throw new ShapeError(`linear: weight ${show(weight.shape)} has one output, so the bias must be a scalar, got ${show(bias.shape)}`);
    const y = matmul(x, weight);
    return bias === null ? y : apply(combine, [y, bias], [1, 1]);
  }
  if (nd === 0 || weight.shape.length !== 2 || x.shape[nd - 1] !== weight.shape[1]) {
    throw new ShapeError(
      `linear: x is ${show(x.shape)} and weight is ${show(weight.shape)}; x's last dimension must equal weight's second (${weight.shape[1] ?? 'none'}), weight being [out, in]`,
    );
  }
  const outFeatures = weight.shape[0];
  if (bias !== null && (bias.shape.length !== 1 || bias.shape[0] !== outFeatures)) {
    // PyTorch takes any bias that broadcasts
    const y = matmul(x, transpose(weight, 0, 1));
    const shape = broadcastShapes('linear', y.shape, bias.shape);
    if (!sameShape(shape, y.shape))
      throw new ShapeError(
        `linear: bias is ${show(bias.shape)}; expected [${outFeatures}], one for each row of weight ${show(weight.shape)}`,
      );
    return apply(combine, [y, expand(bias, y.shape)], [1, 1]);
  }
  if (nd !== 2) {
    const rows = reshape(x, [numelOf(x.shape.slice(0, -1)), x.shape[nd - 1]]);
    return reshape(linear2d(rows, weight, bias), [...x.shape.slice(0, -1), outFeatures]);
  }
  return linear2d(x, weight, bias);
}

/** x [n, in], weight [out, in], bias [out]. */
function linear2d(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const shape = [x.shape[0], weight.shape[0]];
  const wT = transposedRaw(weight);
  const out = rawProduct('linear', x, wT, shape, bias);
  wT.dispose();
  const inputs = bias === null ? [x, weight] : [x, weight, bias];
  if (isFloating(x.dtype) && mustRecord(inputs)) {
    const none = inputs.map(() => null); // the closure must hold no tensor
    record('linear', inputs, [out], [x, weight], ([g], [x_, w_], node) => {
      if (g === null) return none;
      const gx = node.needs(0) ? matrices('linear', g, w_) : null;
      const gw = node.needs(1) ? matrices('linear', transpose(g, 0, 1), x_) : null;
      return none.length === 2 ? [gx, gw] : [gx, gw, node.needs(2) ? sum(g, { dim: 0 }) : null];
    });
  }
  return out;
}

/** A transposed view without history. */
const transposedRaw = (w: Tensor): Tensor =>
  new Tensor(w.storage, [w.shape[1], w.shape[0]], [w.strides[1], w.strides[0]], w.offset, w.dtype);

export const matmulMethods = { matmul, mm, bmm, mv, dot, outer, ger: outer, addmm, addmv, addr, baddbmm, addbmm };
