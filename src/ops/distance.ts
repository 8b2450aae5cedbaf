// Distances and similarities between vectors: all pairs (cdist, pdist), matching pairs, and scaling to unit norm.

import { isGradEnabled, noGrad } from '../autograd/mode.ts';
import { mustRecord, record } from '../autograd/node.ts';
import { DTypeError, ShapeError, ValueError } from '../runtime/errors.ts';
import { composed } from '../runtime/memory.ts';
import { computeTypeOf, isFloating } from '../tensor/dtype.ts';
import { broadcastShapes, normalizeDim, type Shape, show } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { fromTyped, zeros } from './create.ts';
import { add, clampMin, div, mul, sub } from './elementwise.ts';
import { apply, type ElementwiseOp } from './elementwise-apply.ts';
import { indexSelect } from './gather.ts';
import { empty, loadProgram, type Program, reduceProgram } from './raw.ts';
import { sum } from './reduce.ts';
import { vectorNorm } from './reduce-norm.ts';
import * as s from './scalar.ts';
import { input, param } from './scalar.ts';
import { expand, reshape, unsqueeze } from './view.ts';

const op = (name: string, arity: number, expr: s.Expr): ElementwiseOp => ({ name, doc: name, arity, expr, dtype: 'same' });

function checkFloat(name: string, what: string, t: Tensor): void {
  if (!isFloating(t.dtype)) throw new DTypeError(`${name}: ${what} is ${t.dtype}; needs floating-point values, cast with .to('float32')`);
}

function checkOrder(name: string, p: number): void {
  if (!(p >= 0)) throw new ValueError(`${name}: p ${p} must be at least 0`);
}

// ---------------------------------------------------------------- all pairs

/** What is summed (or maximised) over the coordinates, and its derivative with respect to a: g is the gradient of the distance y. */
interface Metric {
  readonly term: s.Expr;
  readonly slope: ElementwiseOp;
  readonly negative: s.Expr;
  readonly programs: { term: Program | null; slope: Program | null; negative: Program | null };
}

const [g, y] = [input(0), input(1)];
const between = (i: number): s.Expr => s.sub(input(i), input(i + 1));
const metric = (term: (d: s.Expr) => s.Expr, slope: (d: s.Expr) => s.Expr): Metric => {
  const of = slope(between(2));
  return {
    term: term(between(0)),
    slope: op('cdistBackward', 4, of),
    negative: s.neg(of),
    programs: { term: null, slope: null, negative: null },
  };
};
const nonzero = (e: s.Expr): s.Expr => s.where(s.eq(e, 0), 1, e);
const metrics = {
  zero: metric(
    (d) => s.ne(d, 0),
    () => s.mul(g, 0),
  ),
  one: metric(s.abs, (d) => s.mul(g, s.sign(d))),
  two: metric(s.square, (d) => s.where(s.eq(y, 0), 0, s.div(s.mul(g, d), nonzero(y)))),
  most: metric(s.abs, (d) => s.where(s.eq(s.abs(d), y), s.mul(g, s.sign(d)), 0)),
  // sign(d) |d|^(p-1) / y^(p-1), 0 where d is
  power: metric(
    (d) => s.pow(s.abs(d), param(0)),
    (d) =>
      s.where(
        s.logicalOr(s.eq(d, 0), s.eq(y, 0)),
        0,
        s.mul(s.mul(g, s.sign(d)), s.pow(s.where(s.eq(d, 0), 1, s.div(s.abs(d), nonzero(y))), s.sub(param(0), 1))),
      ),
  ),
} as const;
const metricOf = (p: number): Metric =>
  p === 0 ? metrics.zero : p === 1 ? metrics.one : p === 2 ? metrics.two : p === Number.POSITIVE_INFINITY ? metrics.most : metrics.power;
const squareRoot = op('sqrt', 1, s.sqrt(input(0)));
const root = op('root', 1, s.pow(input(0), s.recip(param(0))));

/** The p-norm distance of every row of x1 [..., P, M] from every row of x2 [..., R, M]: [..., P, R]. The gradient at distance 0 is 0. */
export function cdist(x1: Tensor, x2: Tensor, { p = 2 }: { p?: number } = {}): Tensor {
  return composed(() => {
    const name = 'cdist';
    checkOrder(name, p);
    checkFloat(name, 'x1', x1);
    if (x1.dtype !== x2.dtype) throw new DTypeError(`${name}: x1 is ${x1.dtype} and x2 ${x2.dtype}; cast one of them`);
    if (x1.ndim < 2 || x2.ndim < 2)
      throw new ShapeError(`${name}: x1 is ${show(x1.shape)} and x2 ${show(x2.shape)}; both need [..., rows, M]`);
    const M = x1.shape[x1.ndim - 1];
    if (x2.shape[x2.ndim - 1] !== M)
      throw new ShapeError(`${name}: the last dimensions of x1 ${show(x1.shape)} and x2 ${show(x2.shape)} must be equal`);
    const batch = broadcastShapes(name, x1.shape.slice(0, -2), x2.shape.slice(0, -2));
    const [P, R] = [x1.shape[x1.ndim - 2], x2.shape[x2.ndim - 2]];
    const a = unsqueeze(expand(x1, [...batch, P, M]), -2);
    const b = unsqueeze(expand(x2, [...batch, R, M]), -3);
    return allPairs(name, a, b, [...batch, P, R, M], p);
  });
}

/** Distances of a [..., P, 1, M] and b [..., 1, R, M], which broadcast to `full`. */
function allPairs(name: string, a: Tensor, b: Tensor, full: Shape, p: number): Tensor {
  const m = metricOf(p);
  const last = full.length - 1;
  const compute = computeTypeOf[a.dtype];
  const total = empty(full.slice(0, -1), a.dtype);
  if (full[last] === 0) return zeros(total.shape, { dtype: a.dtype });
  m.programs.term ??= loadProgram([m.term], 2);
  reduceProgram(name, p === Number.POSITIVE_INFINITY ? 'max' : 'sum', m.programs.term, total, [a, b], full, [last], [p], compute);
  const out = noGrad(() => (m === metrics.two ? apply(squareRoot, [total]) : m === metrics.power ? apply(root, [total], [p]) : total));
  if (mustRecord([a, b])) {
    record(name, [a, b], [out], [a, b, out], ([g_], [a_, b_, y_], node) => {
      if (g_ === null) return [null, null];
      const operands = [unsqueeze(g_, -1), unsqueeze(y_, -1), a_, b_];
      if (isGradEnabled()) {
        const slopes = apply(m.slope, operands, [p]);
        return [
          node.needs(0) ? sum(slopes, { dim: last - 1, keepdim: true }) : null,
          node.needs(1) ? mul(sum(slopes, { dim: last - 2, keepdim: true }), -1) : null,
        ];
      }
      const reduceOver = (program: Program, dim: number, like: Tensor): Tensor => {
        const r = empty(like.shape, like.dtype);
        reduceProgram(`${name}Backward`, 'sum', program, r, operands, full, [dim], [p], compute);
        return r;
      };
      m.programs.slope ??= loadProgram([m.slope.expr], 4);
      m.programs.negative ??= loadProgram([m.negative], 4);
      return [
        node.needs(0) ? reduceOver(m.programs.slope, last - 1, a_) : null,
        node.needs(1) ? reduceOver(m.programs.negative, last - 2, b_) : null,
      ];
    });
  }
  return out;
}

/** The p-norm distances between the rows of x [N, M], each pair once: [N (N - 1) / 2], in the order (0, 1), (0, 2), … (1, 2), … */
export function pdist(x: Tensor, { p = 2 }: { p?: number } = {}): Tensor {
  return composed(() => {
    checkOrder('pdist', p);
    checkFloat('pdist', 'x', x);
    if (x.ndim !== 2) throw new ShapeError(`pdist: x is ${show(x.shape)}; expected [N, M]`);
    const n = x.shape[0];
    const count = (n * (n - 1)) / 2;
    const [rows, columns] = [new BigInt64Array(count), new BigInt64Array(count)];
    for (let i = 0, k = 0; i < n; i++)
      for (let j = i + 1; j < n; j++, k++) {
        rows[k] = BigInt(i);
        columns[k] = BigInt(j);
      }
    // each pair is a batch of its own: one row against one row
    const pick = (at: BigInt64Array): Tensor => reshape(indexSelect(x, 0, fromTyped(at, [count])), [count, 1, 1, x.shape[1]]);
    return reshape(allPairs('pdist', pick(rows), pick(columns), [count, 1, 1, x.shape[1]], p), [count]);
  });
}

// ---------------------------------------------------------------- matching pairs

/** The p-norm of x1 - x2 + eps over the last dimension; x1 and x2 broadcast. */
export function pairwiseDistance(
  x1: Tensor,
  x2: Tensor,
  { p = 2, eps = 1e-6, keepdim = false }: { p?: number; eps?: number; keepdim?: boolean } = {},
): Tensor {
  return composed(() => {
    checkFloat('pairwiseDistance', 'x1', x1);
    return vectorNorm(add(sub(x1, x2), eps), { ord: p, dim: -1, keepdim });
  });
}

/** x1 · x2 / (|x1| |x2|) along `dim`, each norm at least eps; x1 and x2 broadcast. */
export function cosineSimilarity(x1: Tensor, x2: Tensor, { dim = 1, eps = 1e-8 }: { dim?: number; eps?: number } = {}): Tensor {
  return composed(() => {
    const name = 'cosineSimilarity';
    checkFloat(name, 'x1', x1);
    checkFloat(name, 'x2', x2);
    const shape = broadcastShapes(name, x1.shape, x2.shape);
    const d = normalizeDim(name, dim, shape.length);
    const unit = (x: Tensor): Tensor => {
      const wide = expand(x, shape);
      return div(wide, clampMin(vectorNorm(wide, { dim: d, keepdim: true }), eps));
    };
    return sum(mul(unit(x1), unit(x2)), { dim: d });
  });
}

/** x divided by its p-norm along `dim` (at least eps). */
export function normalize(
  x: Tensor,
  { p = 2, dim = 1, eps = 1e-12 }: { p?: number; dim?: number | readonly number[]; eps?: number } = {},
): Tensor {
  return composed(() => {
    checkFloat('normalize', 'x', x);
    return div(x, clampMin(vectorNorm(x, { ord: p, dim, keepdim: true }), eps));
  });
}
