// Reductions: sum, mean, product, extremes, any and all.

import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, IndexError } from '../runtime/errors.ts';
import { checkDType, computeTypeOf, type DType, isFloating } from '../tensor/dtype.ts';
import { normalizeDims, numelOf, type Shape, sameShape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { to } from './cast.ts';
import { apply, type ElementwiseOp, helpers } from './elementwise-apply.ts';
import { empty, identity, loadProgram, type Program, type Reduction, reduceProgram } from './raw.ts';
import { div, type Expr, eq, input, isnan, logicalAnd, logicalOr, mul, param } from './scalar.ts';
import { expand, reshape, sumToSlot } from './view.ts';

export interface ReduceOptions {
  /** Dimensions to reduce; all of them by default. */
  dim?: number | readonly number[] | null;
  /** Keep reduced dimensions with size 1. */
  keepdim?: boolean;
  /** The values are cast to this dtype first. */
  dtype?: DType;
}
/** A bare dimension (or several), or options. */
export type DimArgument = number | readonly number[] | ReduceOptions | null;

/** Values and where they were found along the dimension. */
export interface ValuesAndIndices {
  values: Tensor;
  indices: Tensor;
}

/** Options from what a reduction takes as its second argument. */
export const dimOptions = (d: DimArgument | undefined): ReduceOptions =>
  d === undefined || d === null
    ? {}
    : typeof d === 'number' || Array.isArray(d)
      ? { dim: d as number | readonly number[] }
      : (d as ReduceOptions);

/** The shape that is left when `dims` are reduced. */
export const reducedShape = (shape: Shape, dims: readonly number[], keepdim: boolean): number[] =>
  keepdim ? shape.map((n, i) => (dims.includes(i) ? 1 : n)) : shape.filter((_, i) => !dims.includes(i));

/** Reduces without recording. */
export function reduceRaw(
  name: string,
  reduction: Reduction,
  x: Tensor,
  dims: readonly number[],
  keepdim: boolean,
  dtype: DType,
  scale = 1,
): Tensor {
  const out = empty(reducedShape(x.shape, dims, keepdim), dtype);
  const compute =
    reduction === 'any' || reduction === 'all' || reduction === 'argmax' || reduction === 'argmin'
      ? computeTypeOf[x.dtype]
      : computeTypeOf[dtype];
  reduceProgram(name, reduction, identity(), out, [x], x.shape, dims, [], compute, scale);
  return out;
}

const programs = new Map<Expr, Program>();

/**
 * Reduces a scalar expression over `ins` (broadcast to the shape of the first) without recording. Results of integer dtype are computed in
 * double precision when the inputs are floating point, so that counts stay exact.
 */
export function reduceExpr(
  name: string,
  reduction: Reduction,
  expr: Expr,
  ins: readonly Tensor[],
  dims: readonly number[],
  keepdim: boolean,
  dtype: DType,
  params: readonly number[] = [],
  scale = 1,
): Tensor {
  let program = programs.get(expr);
  if (program === undefined) programs.set(expr, (program = loadProgram([expr], ins.length)));
  const out = empty(reducedShape(ins[0].shape, dims, keepdim), dtype);
  const compute = !isFloating(dtype) && isFloating(ins[0].dtype) ? 1 : computeTypeOf[dtype];
  reduceProgram(name, reduction, program, out, ins, ins[0].shape, dims, params, compute, scale);
  return out;
}

/** A reduced tensor put back under the full shape: reduced dimensions are 1 again and expanded. */
export function restore(t: Tensor, shape: Shape, dims: readonly number[], keepdim: boolean): Tensor {
  const kept = keepdim ? t : reshape(t, reducedShape(shape, dims, true));
  return expand(kept, shape);
}

const scaleBy: ElementwiseOp = { name: 'scale', doc: 'x·c', arity: 1, expr: mul(input(0), param(0)), dtype: 'same' };

function sumLike(name: string, x: Tensor, arg: DimArgument | undefined, mean: boolean): Tensor {
  const { dim, keepdim = false, dtype } = dimOptions(arg);
  if (dtype !== undefined) checkDType(dtype, `${name}: dtype`);
  const dims = normalizeDims(name, dim, x.ndim);
  const type = dtype ?? (isFloating(x.dtype) ? x.dtype : 'int64');
  if (mean && !isFloating(type))
    throw new DTypeError(`mean: the mean of a ${x.dtype} tensor is not defined; cast it with .to('float32') or give { dtype: 'float32' }`);
  const source = isFloating(type) && x.dtype !== type ? to(x, type) : x;
  const from = x.shape; // closures must not hold x
  const n = dims.reduce((p, d) => p * from[d], 1);
  const out = reduceRaw(name, 'sum', source, dims, keepdim, type, mean ? 1 / n : 1);
  if (isFloating(type) && mustRecord([source])) {
    record(name, [source], [out], [], ([g]) => {
      if (g === null) return [null];
      const full = restore(g, from, dims, keepdim);
      return [mean ? apply(scaleBy, [full], [1 / n]) : full];
    });
  }
  return out;
}

/** Sum over the given dimensions. Integers sum to int64. */
export const sum = (x: Tensor, arg?: DimArgument): Tensor => sumLike('sum', x, arg, false);
/** Mean over the given dimensions. DTypeError for integers. */
export const mean = (x: Tensor, arg?: DimArgument): Tensor => sumLike('mean', x, arg, true);

/** Sums `x` down to `shape`, the reverse of broadcasting. */
export function sumToShape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.ndim - shape.length;
  const dims = x.shape.map((_, i) => i).filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
  return reshape(dims.length === 0 ? x : sum(x, { dim: dims, keepdim: true }), shape);
}
helpers.sumTo = sumToShape;
sumToSlot.fn = sumToShape;

export function needElements(name: string, x: Tensor, dims: readonly number[]): void {
  const empties = dims.filter((d) => x.shape[d] === 0);
  if (empties.length > 0 && numelOf(reducedShape(x.shape, dims, false)) !== 0)
    throw new IndexError(`${name}: the reduced dimension ${empties[0]} of shape ${show(x.shape)} is empty and has no ${name}`);
}

// places that hold the value; NaN counts as equal to NaN
const held = logicalOr(eq(input(0), input(1)), logicalAnd(isnan(input(0)), isnan(input(1))));
const equals: ElementwiseOp = { name: 'equals', doc: 'x = y', arity: 2, expr: held, dtype: 'same' };
const spread: ElementwiseOp = {
  name: 'spread',
  doc: 'g/count where x = y',
  arity: 4,
  expr: div(mul(input(2), held), input(3)),
  dtype: 'same',
};
/** `g` spread evenly over the places where x has the reduced value y; g and y as the reduction left them. */
export function spreadEvenly(g: Tensor, x: Tensor, y: Tensor, dims: readonly number[], keepdim: boolean): Tensor {
  const full = restore(y, x.shape, dims, keepdim);
  const count = sum(apply(equals, [x, full]), { dim: dims, keepdim: true });
  return apply(spread, [x, full, restore(g, x.shape, dims, keepdim), count]);
}

function extreme(name: 'amax' | 'amin', x: Tensor, arg: DimArgument | undefined): Tensor {
  const { dim, keepdim = false } = dimOptions(arg);
  const dims = normalizeDims(name, dim, x.ndim);
  needElements(name, x, dims);
  const out = reduceRaw(name, name === 'amax' ? 'max' : 'min', x, dims, keepdim, x.dtype);
  if (mustRecord([x])) {
    record(name, [x], [out], [x, out], ([g], [sx, sy]) => {
      return [g === null ? null : spreadEvenly(g, sx, sy, dims, keepdim)];
    });
  }
  return out;
}
/** Largest value over the given dimensions; equal values share the gradient. */
export const amax = (x: Tensor, arg?: DimArgument): Tensor => extreme('amax', x, arg);
/** Smallest value over the given dimensions; equal values share the gradient. */
export const amin = (x: Tensor, arg?: DimArgument): Tensor => extreme('amin', x, arg);

function argExtreme(name: 'argmax' | 'argmin', x: Tensor, arg: DimArgument | undefined): Tensor {
  const { dim, keepdim = false } = dimOptions(arg);
  if (Array.isArray(dim))
    throw new IndexError(`${name}: takes one dimension, got ${show(dim)}; leave it out for the position in the flattened tensor`);
  const dims = normalizeDims(name, dim, x.ndim);
  if (x.dtype === 'bool') throw new DTypeError(`${name}: is not defined for bool tensors; cast with .to('uint8')`);
  needElements(name, x, dims);
  return reduceRaw(name, name, x, dims, keepdim, 'int64');
}
/** Position of the largest value along a dimension (of the flattened tensor without one); the first among equals. */
export const argmax = (x: Tensor, arg?: DimArgument): Tensor => argExtreme('argmax', x, arg);
/** Position of the smallest value along a dimension (of the flattened tensor without one); the first among equals. */
export const argmin = (x: Tensor, arg?: DimArgument): Tensor => argExtreme('argmin', x, arg);

/** True where any value is not 0. */
export function any(x: Tensor, arg?: DimArgument): Tensor {
  const { dim, keepdim = false } = dimOptions(arg);
  return reduceRaw('any', 'any', x, normalizeDims('any', dim, x.ndim), keepdim, x.dtype === 'uint8' ? 'uint8' : 'bool');
}
/** True where all values are not 0. */
export function all(x: Tensor, arg?: DimArgument): Tensor {
  const { dim, keepdim = false } = dimOptions(arg);
  return reduceRaw('all', 'all', x, normalizeDims('all', dim, x.ndim), keepdim, x.dtype === 'uint8' ? 'uint8' : 'bool');
}

export const reduceMethods = { sum, mean, amax, amin, argmax, argmin, any, all, sumToShape };
