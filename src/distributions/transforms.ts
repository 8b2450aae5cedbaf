// Transforms: invertible functions with the logarithm of their Jacobian determinant, for TransformedDistribution.

import { ones } from '../ops/create.ts';
import { apply, type ElementwiseOp } from '../ops/elementwise-apply.ts';
import { cat } from '../ops/join.ts';
import { sum } from '../ops/reduce.ts';
import * as s from '../ops/scalar.ts';
import { cumprod, cumsum } from '../ops/scan.ts';
import { softmax } from '../ops/softmax.ts';
import { narrow } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Constraint, interval, nonnegative, positive, real, realVector, simplex, unitInterval } from './constraints.ts';

/** An invertible function. */
export abstract class Transform {
  /** Values that go in, and values that come out. */
  abstract readonly domain: Constraint;
  abstract readonly codomain: Constraint;
  /** 1 when it rises everywhere, -1 when it falls, null when neither. */
  get sign(): 1 | -1 | Tensor | null {
    return null;
  }
  /** Dimensions of one value that goes in, and of one that comes out. */
  get domainDim(): number {
    return this.domain.eventDim;
  }
  get codomainDim(): number {
    return this.codomain.eventDim;
  }
  /** y from x. */
  abstract call(x: Tensor): Tensor;
  /** x from y. */
  abstract inverse(y: Tensor): Tensor;
  /** ln |det dy/dx|, without the dimensions of a value. */
  abstract logAbsDetJacobian(x: Tensor, y: Tensor): Tensor;
  /** Shape of y from the shape of x. */
  forwardShape(shape: Shape): Shape {
    return shape;
  }
  /** The transform back. */
  get inv(): Transform {
    return new InverseTransform(this);
  }
  toString(): string {
    return this.constructor.name;
  }
}

class InverseTransform extends Transform {
  readonly #of: Transform;
  constructor(of: Transform) {
    super();
    this.#of = of;
  }
  get domain(): Constraint {
    return this.#of.codomain;
  }
  get codomain(): Constraint {
    return this.#of.domain;
  }
  override get domainDim(): number {
    return this.#of.codomainDim;
  }
  override get codomainDim(): number {
    return this.#of.domainDim;
  }
  override get sign(): 1 | -1 | Tensor | null {
    return this.#of.sign;
  }
  call(x: Tensor): Tensor {
    return this.#of.inverse(x);
  }
  inverse(y: Tensor): Tensor {
    return this.#of.call(y);
  }
  logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return this.#of.logAbsDetJacobian(y, x).neg();
  }
  override get inv(): Transform {
    return this.#of;
  }
  override toString(): string {
    return `${String(this.#of)}.inv`;
  }
}

const x = s.input(0);
/** A transform of single numbers, given by three formulas. */
interface Formulas {
  domain: Constraint;
  codomain: Constraint;
  sign: 1 | -1 | null;
  forward: s.Expr;
  inverse: s.Expr;
  logDerivative: s.Expr;
}
const op = (name: string, expr: s.Expr): ElementwiseOp => ({ name, doc: name, arity: 1, expr, dtype: 'float' });

class ElementwiseTransform extends Transform {
  readonly domain: Constraint;
  readonly codomain: Constraint;
  readonly #formulas: Formulas;
  readonly #ops: readonly [ElementwiseOp, ElementwiseOp, ElementwiseOp];

  constructor(f: Formulas, ops: readonly [ElementwiseOp, ElementwiseOp, ElementwiseOp]) {
    super();
    this.domain = f.domain;
    this.codomain = f.codomain;
    this.#formulas = f;
    this.#ops = ops;
  }
  override get sign(): 1 | -1 | null {
    return this.#formulas.sign;
  }
  call(t: Tensor): Tensor {
    return apply(this.#ops[0], [t]);
  }
  inverse(t: Tensor): Tensor {
    return apply(this.#ops[1], [t]);
  }
  logAbsDetJacobian(t: Tensor): Tensor {
    return apply(this.#ops[2], [t]);
  }
}

function elementwise(name: string, f: Formulas): new () => ElementwiseTransform {
  const ops = [op(name, f.forward), op(`${name}.inverse`, f.inverse), op(`${name}.logAbsDetJacobian`, f.logDerivative)] as const;
  return class extends ElementwiseTransform {
    constructor() {
      super(f, ops);
    }
  };
}

/** y = eˣ. */
export class ExpTransform extends elementwise('ExpTransform', {
  domain: real,
  codomain: positive,
  sign: 1,
  forward: s.exp(x),
  inverse: s.log(x),
  logDerivative: x,
}) {}
/** y = 1/(1 + e⁻ˣ). */
export class SigmoidTransform extends elementwise('SigmoidTransform', {
  domain: real,
  codomain: unitInterval,
  sign: 1,
  forward: s.sigmoid(x),
  inverse: s.sub(s.log(x), s.log1p(s.neg(x))),
  logDerivative: s.neg(s.add(s.softplus(s.neg(x)), s.softplus(x))),
}) {}
/** y = tanh x. */
export class TanhTransform extends elementwise('TanhTransform', {
  domain: real,
  codomain: interval(-1, 1),
  sign: 1,
  forward: s.tanh(x),
  inverse: s.call('atanh', x),
  logDerivative: s.mul(2, s.sub(s.sub(Math.LN2, x), s.softplus(s.mul(-2, x)))),
}) {}
/** y = ln(1 + eˣ). */
export class SoftplusTransform extends elementwise('SoftplusTransform', {
  domain: real,
  codomain: positive,
  sign: 1,
  forward: s.softplus(x),
  inverse: s.add(s.log(s.neg(s.expm1(s.neg(x)))), x),
  logDerivative: s.neg(s.softplus(s.neg(x))),
}) {}
/** y = |x|; the inverse gives the positive one. */
export class AbsTransform extends elementwise('AbsTransform', {
  domain: real,
  codomain: nonnegative,
  sign: null,
  forward: s.abs(x),
  inverse: x,
  logDerivative: s.mul(0, x),
}) {}

/** y = loc + scale·x. */
export class AffineTransform extends Transform {
  readonly domain = real;
  readonly codomain = real;
  readonly loc: number | Tensor;
  readonly scale: number | Tensor;
  constructor(loc: number | Tensor, scale: number | Tensor) {
    super();
    if (scale === 0) throw new ValueError('AffineTransform: scale is 0, which has no inverse');
    this.loc = loc;
    this.scale = scale;
  }
  override get sign(): 1 | -1 | Tensor {
    return this.scale instanceof Tensor ? this.scale.detach().sign() : this.scale > 0 ? 1 : -1;
  }
  call(t: Tensor): Tensor {
    return t.mul(this.scale).add(this.loc);
  }
  inverse(t: Tensor): Tensor {
    return t.sub(this.loc).div(this.scale);
  }
  logAbsDetJacobian(t: Tensor): Tensor {
    return t.mul(0).add(this.scale instanceof Tensor ? this.scale.abs().log() : Math.log(Math.abs(this.scale)));
  }
}

/** y = x^exponent, for numbers above 0. */
export class PowerTransform extends Transform {
  readonly domain = positive;
  readonly codomain = positive;
  readonly exponent: number | Tensor;
  constructor(exponent: number | Tensor) {
    super();
    this.exponent = exponent;
  }
  override get sign(): 1 | -1 | Tensor {
    return this.exponent instanceof Tensor ? this.exponent.detach().sign() : this.exponent > 0 ? 1 : -1;
  }
  call(t: Tensor): Tensor {
    return t.pow(this.exponent);
  }
  inverse(t: Tensor): Tensor {
    return t.pow(this.exponent instanceof Tensor ? this.exponent.reciprocal() : 1 / this.exponent);
  }
  logAbsDetJacobian(t: Tensor, y: Tensor): Tensor {
    return y.div(t).mul(this.exponent).abs().log();
  }
}

/** y = softmax x over the last dimension. It is not invertible: the inverse gives ln y, and there is no Jacobian determinant. */
export class SoftmaxTransform extends Transform {
  readonly domain = realVector;
  readonly codomain = simplex;
  call(t: Tensor): Tensor {
    return softmax(t, -1);
  }
  inverse(t: Tensor): Tensor {
    return t.log();
  }
  logAbsDetJacobian(): Tensor {
    throw new ValueError('SoftmaxTransform: has no Jacobian determinant, as it is not invertible; use StickBreakingTransform');
  }
}

/** Vectors of k numbers to k + 1 probabilities, by breaking a stick (Betancourt, "Cruising the simplex", 2012). */
export class StickBreakingTransform extends Transform {
  readonly domain = realVector;
  readonly codomain = simplex;
  /** ln of the number of pieces that are still to come, the same for all values: [k]. */
  #offset(k: number, like: Tensor): Tensor {
    return cumsum(ones([k], { dtype: like.dtype }), 0)
      .rsub(k + 1)
      .log();
  }
  call(t: Tensor): Tensor {
    const k = t.shape[t.ndim - 1];
    const z = t.sub(this.#offset(k, t)).sigmoid();
    const rest = cumprod(z.rsub(1), -1);
    const one = ones([...t.shape.slice(0, -1), 1], { dtype: t.dtype });
    return cat([z, one], -1).mul(cat([one, rest], -1));
  }
  inverse(y: Tensor): Tensor {
    const k = y.shape[y.ndim - 1] - 1;
    const head = narrow(y, -1, 0, k);
    const left = cumsum(head, -1).rsub(1);
    return head.log().sub(left.log()).add(this.#offset(k, y));
  }
  logAbsDetJacobian(t: Tensor, y: Tensor): Tensor {
    const k = t.shape[t.ndim - 1];
    const shifted = t.sub(this.#offset(k, t));
    const rest = apply(logRest, [shifted]);
    return sum(rest.add(narrow(y, -1, 0, k).log()), { dim: -1 });
  }
  override forwardShape(shape: Shape): Shape {
    if (shape.length < 1) throw new ShapeError(`StickBreakingTransform: needs vectors, got the shape ${show(shape)}`);
    return [...shape.slice(0, -1), shape[shape.length - 1] + 1];
  }
}
// ln(1 - sigmoid(x))
const logRest = op('logRest', s.neg(s.softplus(x)));

/** Transforms one after another. */
export class ComposeTransform extends Transform {
  readonly parts: readonly Transform[];
  constructor(parts: readonly Transform[]) {
    super();
    this.parts = parts;
  }
  get domain(): Constraint {
    return this.parts.length === 0 ? real : this.parts[0].domain;
  }
  get codomain(): Constraint {
    return this.parts.length === 0 ? real : this.parts[this.parts.length - 1].codomain;
  }
  override get domainDim(): number {
    // dimensions that a later part needs are there from the start
    let dim = this.codomainDim;
    for (const p of [...this.parts].reverse()) dim = Math.max(p.domainDim, dim + p.domainDim - p.codomainDim);
    return dim;
  }
  override get codomainDim(): number {
    let dim = this.parts.length === 0 ? 0 : this.parts[0].domainDim;
    for (const p of this.parts) dim = Math.max(p.codomainDim, dim + p.codomainDim - p.domainDim);
    return dim;
  }
  override get sign(): 1 | -1 | Tensor | null {
    const signs = this.parts.map((p) => p.sign);
    if (signs.includes(null)) return null;
    const number = signs.reduce<number>((v, own) => (typeof own === 'number' ? v * own : v), 1) as 1 | -1;
    const tensors = signs.filter((own): own is Tensor => own instanceof Tensor);
    return tensors.length === 0 ? number : tensors.reduce((v, own) => v.mul(own)).mul(number);
  }
  call(t: Tensor): Tensor {
    return this.parts.reduce((v, p) => p.call(v), t);
  }
  inverse(t: Tensor): Tensor {
    return this.parts.reduceRight((v, p) => p.inverse(v), t);
  }
  logAbsDetJacobian(t: Tensor): Tensor {
    let total: Tensor | null = null;
    let v = t;
    let dim = this.domainDim;
    for (const p of this.parts) {
      const next = p.call(v);
      const own = p.logAbsDetJacobian(v, next);
      const more = dim - p.domainDim;
      const term = more === 0 ? own : sum(own, { dim: Array.from({ length: more }, (_, i) => i - more) });
      total = total === null ? term : total.add(term);
      dim += p.codomainDim - p.domainDim;
      v = next;
    }
    return total ?? t.mul(0);
  }
  override forwardShape(shape: Shape): Shape {
    return this.parts.reduce((v, p) => p.forwardShape(v), shape);
  }
  override toString(): string {
    return `ComposeTransform(${this.parts.map(String).join(', ')})`;
  }
}
