// Vector norms over dimensions, with PyTorch's subgradients, and renorm.

import { noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, IndexError, ValueError } from '../runtime/errors.ts';
import { checkDType, isFloating } from '../tensor/dtype.ts';
import { normalizeDim, normalizeDims, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { abs, mul, sign } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { type ReduceOptions, reduceExpr, restore, spreadEvenly } from './reduce.ts';
import * as s from './scalar.ts';
import { input, param } from './scalar.ts';

const magnitude = s.abs(input(0));
const squared = s.square(input(0));
const powered = s.pow(magnitude, param(0));
const present = s.ne(input(0), 0);

const op = (name: string, arity: number, expr: s.Expr): ElementwiseOp => ({ name, doc: name, arity, expr, dtype: 'same' });
const [g, x, y] = [input(0), input(1), input(2)];
// Where the norm is 0 (or x is, for p < 2) the subgradient is 0; the divisors are kept away from 0 so that derivatives stay finite.
const safe = (e: s.Expr): s.Expr => s.where(s.eq(e, 0), 1, e);
const root = op('sqrt', 1, s.sqrt(input(0)));
const rootP = op('root', 1, s.pow(input(0), s.recip(param(0))));
const backward1 = op('norm1Backward', 2, s.mul(g, s.sign(x)));
const backward2 = op('norm2Backward', 3, s.mul(g, s.where(s.eq(y, 0), 0, s.div(x, safe(y)))));
// g · sign(x) |x|^(p-1) / y^(p-1) = g · sign(x) (|x|/y)^(p-1)
const ratio = s.div(s.abs(x), safe(y));
const backwardP = op(
  'normBackward',
  3,
  s.mul(g, s.mul(s.sign(x), s.where(s.logicalOr(s.eq(y, 0), s.eq(x, 0)), 0, s.pow(s.where(s.eq(x, 0), 1, ratio), s.sub(param(0), 1))))),
);

export interface VectorNormOptions extends ReduceOptions {
  /** Order of the norm: any number, ±Infinity, 0 (counts what is not 0). */
  ord?: number;
}

function forward(name: string, x: Tensor, p: number, dims: readonly number[], keepdim: boolean): Tensor {
  const sumOf = (e: s.Expr, params: number[] = []): Tensor => reduceExpr(name, 'sum', e, [x], dims, keepdim, x.dtype, params);
  if (p === Number.POSITIVE_INFINITY) return reduceExpr(name, 'max', magnitude, [x], dims, keepdim, x.dtype);
  if (p === Number.NEGATIVE_INFINITY) return reduceExpr(name, 'min', magnitude, [x], dims, keepdim, x.dtype);
  if (p === 0) return sumOf(present);
  if (p === 1) return sumOf(magnitude);
  if (p === 2) return apply(root, [sumOf(squared)]);
  return apply(rootP, [sumOf(powered, [p])], [p]);
}

/** (Σ |x|^ord)^(1/ord) over the given dimensions (all by default); ±Infinity: the extreme of |x|. DTypeError for integers. */
export function vectorNorm(input_: Tensor, { ord = 2, dim, keepdim = false, dtype }: VectorNormOptions = {}): Tensor {
  const from = dtype === undefined ? input_ : to(input_, checkDType(dtype, 'vectorNorm: dtype'));
  return normOver('vectorNorm', from, ord, dim, keepdim);
}

function normOver(name: string, from: Tensor, p: number, dim: ReduceOptions['dim'], keepdim: boolean): Tensor {
  if (!isFloating(from.dtype)) throw new DTypeError(`${name}: x is ${from.dtype}; needs floating-point values, cast with .to('float32')`);
  if (typeof p !== 'number' || Number.isNaN(p)) throw new ValueError(`${name}: the order ${String(p)} is no number`);
  const dims = normalizeDims(name, dim, from.ndim);
  if (!Number.isFinite(p) && dims.some((d) => from.shape[d] === 0))
    throw new IndexError(`${name}: order ${p} over an empty dimension of shape ${show(from.shape)} is not defined`);
  const out = noGrad(() => forward(name, from, p, dims, keepdim));
  if (mustRecord([from])) {
    record(name, [from], [out], [from, out], ([g_], [x_, y_]) => {
      if (g_ === null) return [null];
      if (p === 0) return [mul(x_, 0)];
      const [gw, yw] = [g_, y_].map((t) => restore(t, x_.shape, dims, keepdim));
      if (p === 1) return [apply(backward1, [gw, x_])];
      if (p === 2) return [apply(backward2, [gw, x_, yw])];
      if (!Number.isFinite(p)) return [mul(sign(x_), spreadEvenly(g_, abs(x_), y_, dims, keepdim))];
      return [apply(backwardP, [gw, x_, yw], [p])];
    });
  }
  return out;
}

const shrink = op('renorm', 1, s.where(s.gt(input(0), param(0)), s.div(param(0), s.add(input(0), 1e-7)), 1));
/** x with every slice along `dim` scaled down to a p-norm of at most `maxnorm`. */
export function renorm(x: Tensor, p: number, dim: number, maxnorm: number): Tensor {
  const d = normalizeDim('renorm', dim, x.ndim);
  if (x.ndim < 2) throw new ValueError(`renorm: needs at least 2 dimensions, got shape ${show(x.shape)}`);
  if (!(p > 0)) throw new ValueError(`renorm: p ${p} must be positive`);
  if (!(maxnorm >= 0)) throw new ValueError(`renorm: maxnorm ${maxnorm} must be at least 0`);
  const others = x.shape.map((_, i) => i).filter((i) => i !== d);
  const norms = normOver('renorm', x, p, others, true);
  return mul(x, apply(shrink, [norms], [maxnorm]));
}

export const reduceNormMethods = { renorm };
