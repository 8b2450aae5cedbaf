// Constraints: which values parameters and samples may have. A constraint of one number is a scalar expression, checked in one pass.

import { choleskyEx } from '../linalg/cholesky.ts';
import { apply, type ElementwiseOp } from '../ops/elementwise-apply.ts';
import { all, sum } from '../ops/reduce.ts';
import { abs, add, type Expr, eq, floor, ge, gt, input, le, logicalAnd, lt, mul, param, sub } from '../ops/scalar.ts';
import { diagonal, transpose } from '../ops/view.ts';
import { Tensor } from '../tensor/tensor.ts';

/** A number, or a tensor that broadcasts against the values. */
export type Bound = number | Tensor;

/** A set of values. */
export class Constraint {
  /** As it reads in a message: 'positive', 'in [0, 1]'. */
  readonly name: string;
  /** Last dimensions that make one value: 0 for numbers, 1 for vectors. */
  readonly eventDim: number;
  readonly isDiscrete: boolean;
  readonly #check: (x: Tensor) => Tensor;

  constructor(
    name: string,
    check: (x: Tensor) => Tensor,
    { eventDim = 0, isDiscrete = false }: { eventDim?: number; isDiscrete?: boolean } = {},
  ) {
    this.name = name;
    this.eventDim = eventDim;
    this.isDiscrete = isDiscrete;
    this.#check = check;
  }

  /** True where the values are in the set; without the last eventDim dimensions. */
  check(x: Tensor): Tensor {
    return this.#check(x);
  }

  toString(): string {
    return this.name;
  }
}

const x = input(0);
const scalar = (name: string, expr: Expr, isDiscrete = false): Constraint => {
  const op: ElementwiseOp = { name: 'check', doc: name, arity: 1, expr, dtype: 'bool' };
  return new Constraint(name, (t) => apply(op, [t]), { isDiscrete });
};

export const real = scalar('a real number', eq(x, x));
export const positive = scalar('above 0', gt(x, 0));
export const nonnegative = scalar('at least 0', ge(x, 0));
export const unitInterval = scalar('from 0 to 1', logicalAnd(ge(x, 0), le(x, 1)));
export const boolean = scalar('0 or 1', add(eq(x, 0), eq(x, 1)), true);
export const nonnegativeInteger = scalar('a whole number of at least 0', logicalAnd(ge(x, 0), eq(floor(x), x)), true);

const withBounds = (arity: number, expr: Expr): ElementwiseOp => ({ name: 'check', doc: 'within bounds', arity, expr, dtype: 'bool' });
const [lo, hi] = [input(1), input(2)];
const intervalCheck = withBounds(3, logicalAnd(ge(x, lo), le(x, hi)));
const integerCheck = withBounds(3, logicalAnd(logicalAnd(ge(x, lo), le(x, hi)), eq(floor(x), x)));
const above = withBounds(2, gt(x, lo));
const atLeast = withBounds(2, ge(x, lo));
const below = withBounds(2, lt(x, lo));
const show = (b: Bound): string => (b instanceof Tensor ? 'its bound' : String(b));

/** Numbers from `lower` to `upper`. */
export const interval = (lower: Bound, upper: Bound): Constraint =>
  new Constraint(`from ${show(lower)} to ${show(upper)}`, (t) => apply(intervalCheck, [t, lower, upper]));
/** Whole numbers from `lower` to `upper`. */
export const integerInterval = (lower: Bound, upper: Bound): Constraint =>
  new Constraint(`a whole number from ${show(lower)} to ${show(upper)}`, (t) => apply(integerCheck, [t, lower, upper]), {
    isDiscrete: true,
  });
/** Numbers above a bound. */
export const greaterThan = (lower: Bound): Constraint => new Constraint(`above ${show(lower)}`, (t) => apply(above, [t, lower]));
/** Numbers of at least a bound. */
export const greaterThanEq = (lower: Bound): Constraint => new Constraint(`at least ${show(lower)}`, (t) => apply(atLeast, [t, lower]));
/** Numbers below a bound. */
export const lessThan = (upper: Bound): Constraint => new Constraint(`below ${show(upper)}`, (t) => apply(below, [t, upper]));

/** The last `dims` dimensions make one value, all parts of which must be in the set. */
export const independent = (base: Constraint, dims: number): Constraint =>
  new Constraint(base.name, (t) => all(base.check(t), { dim: Array.from({ length: dims }, (_, i) => -1 - i) }), {
    eventDim: base.eventDim + dims,
    isDiscrete: base.isDiscrete,
  });
export const realVector = independent(real, 1);

const closeToOne = withBounds(1, logicalAnd(le(x, add(1, param(0))), ge(x, sub(1, param(0)))));
const sumsToOne = (t: Tensor): Tensor => apply(closeToOne, [sum(t, { dim: -1 })], [1e-5]);
/** Vectors of numbers that are at least 0 and sum to 1. */
export const simplex = new Constraint(
  'a vector of numbers that are at least 0 and sum to 1',
  (t) => all(t.ge(0), { dim: -1 }).logicalAnd(sumsToOne(t)),
  {
    eventDim: 1,
  },
);
/** Vectors with a single 1 among zeros. */
export const oneHot = new Constraint(
  'a vector with one 1 among zeros',
  (t) => all(boolean.check(t), { dim: -1 }).logicalAnd(sumsToOne(t)),
  {
    eventDim: 1,
    isDiscrete: true,
  },
);
/** Vectors of counts that sum to at most `total`. */
export const multinomialCounts = (total: number): Constraint =>
  new Constraint(
    `a vector of whole numbers that sum to ${total}`,
    (t) => all(nonnegativeInteger.check(t), { dim: -1 }).logicalAnd(sum(t, { dim: -1 }).eq(total)),
    { eventDim: 1, isDiscrete: true },
  );

/** Lower triangular matrices with a positive diagonal. */
export const lowerCholesky = new Constraint(
  'a lower triangular matrix with a positive diagonal',
  (t) => all(t.tril().eq(t), { dim: [-2, -1] }).logicalAnd(all(diagonal(t, { dim1: -2, dim2: -1 }).gt(0), { dim: -1 })),
  { eventDim: 2 },
);

const symmetric = withBounds(2, le(abs(sub(x, lo)), add(1e-6, mul(1e-5, abs(lo)))));
/** Symmetric matrices with positive eigenvalues: those that have a Cholesky factor. */
export const positiveDefinite = new Constraint(
  'a positive definite matrix',
  (t) => all(apply(symmetric, [t, transpose(t, -2, -1)]), { dim: [-2, -1] }).logicalAnd(choleskyEx(t).info.eq(0)),
  { eventDim: 2 },
);
