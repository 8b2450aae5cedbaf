// Distributions that a location and a scale (or two ends) describe: Laplace, Cauchy, half-Cauchy, Gumbel, uniform.

import { itemSync } from '../ops/read.ts';
import { all } from '../ops/reduce.ts';
import * as s from '../ops/scalar.ts';
import { ValueError } from '../runtime/errors.ts';
import { checkingValues } from '../runtime/recording.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Constraint, interval, nonnegative, positive, real } from './constraints.ts';
import type { DistributionOptions, Parameter } from './distribution.ts';
import { Family, Univariate } from './family.ts';

type E = s.Expr;
const standardized = (x: E, loc: E, scale: E): E => s.div(s.sub(x, loc), scale);

/** A distribution with the parameters loc and scale. */
abstract class LocationScale extends Univariate {
  get loc(): Tensor {
    return this.params.loc;
  }
  get scale(): Tensor {
    return this.params.scale;
  }
}

const laplace = new Family({
  params: { loc: real, scale: positive },
  support: real,
  logProb: (x, loc, scale) => s.sub(s.neg(s.log(s.mul(2, scale))), s.div(s.abs(s.sub(x, loc)), scale)),
  cdf: (x, loc, scale) => s.sub(0.5, s.mul(s.mul(0.5, s.sign(s.sub(x, loc))), s.expm1(s.div(s.neg(s.abs(s.sub(x, loc))), scale)))),
  icdf: (p, loc, scale) => {
    const term = s.sub(p, 0.5);
    return s.sub(loc, s.mul(s.mul(scale, s.sign(term)), s.log1p(s.mul(-2, s.abs(term)))));
  },
  mean: (loc) => loc,
  mode: (loc) => loc,
  variance: (_, scale) => s.mul(2, s.square(scale)),
  stddev: (_, scale) => s.mul(Math.SQRT2, scale),
  entropy: (_, scale) => s.add(1, s.log(s.mul(2, scale))),
});

/** The Laplace distribution: exponential to both sides of `loc`. */
export class Laplace extends LocationScale {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    super({ loc, scale }, laplace, options);
  }
  protected get family(): Family {
    return laplace;
  }
}

const cauchy = new Family({
  params: { loc: real, scale: positive },
  support: real,
  logProb: (x, loc, scale) => s.sub(s.sub(-Math.log(Math.PI), s.log(scale)), s.log1p(s.square(standardized(x, loc, scale)))),
  cdf: (x, loc, scale) => s.add(0.5, s.mul(1 / Math.PI, s.call('atan', standardized(x, loc, scale)))),
  icdf: (p, loc, scale) => s.add(loc, s.mul(scale, s.tan(s.mul(Math.PI, s.sub(p, 0.5))))),
  mean: Number.NaN,
  mode: (loc) => loc,
  variance: Number.POSITIVE_INFINITY,
  entropy: (_, scale) => s.add(Math.log(4 * Math.PI), s.log(scale)),
});

/** The Cauchy distribution, which has no mean. */
export class Cauchy extends LocationScale {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    super({ loc, scale }, cauchy, options);
  }
  protected get family(): Family {
    return cauchy;
  }
}

const halfCauchy = new Family({
  params: { scale: positive },
  support: nonnegative,
  logProb: (x, scale) =>
    s.where(
      s.ge(x, 0),
      s.sub(s.sub(Math.LN2 - Math.log(Math.PI), s.log(scale)), s.log1p(s.square(s.div(x, scale)))),
      Number.NEGATIVE_INFINITY,
    ),
  cdf: (x, scale) => s.mul(2 / Math.PI, s.call('atan', s.div(x, scale))),
  icdf: (p, scale) => s.mul(scale, s.tan(s.mul(Math.PI / 2, p))),
  mean: Number.POSITIVE_INFINITY,
  mode: 0,
  variance: Number.POSITIVE_INFINITY,
  entropy: (scale) => s.log(s.mul(2 * Math.PI, scale)),
});

/** The absolute value of a Cauchy number around 0. */
export class HalfCauchy extends Univariate {
  constructor(scale: Parameter, options?: DistributionOptions) {
    super({ scale }, halfCauchy, options);
  }
  protected get family(): Family {
    return halfCauchy;
  }
  get scale(): Tensor {
    return this.params.scale;
  }
}

/** Euler's constant. */
export const euler = 0.5772156649015329;
const gumbel = new Family({
  params: { loc: real, scale: positive },
  support: real,
  logProb: (x, loc, scale) => {
    const y = s.div(s.sub(loc, x), scale);
    return s.sub(s.sub(y, s.exp(y)), s.log(scale));
  },
  cdf: (x, loc, scale) => s.exp(s.neg(s.exp(s.div(s.sub(loc, x), scale)))),
  icdf: (p, loc, scale) => s.sub(loc, s.mul(scale, s.log(s.neg(s.log(p))))),
  mean: (loc, scale) => s.add(loc, s.mul(euler, scale)),
  mode: (loc) => loc,
  variance: (_, scale) => s.mul(Math.PI ** 2 / 6, s.square(scale)),
  stddev: (_, scale) => s.mul(Math.PI / Math.sqrt(6), scale),
  entropy: (_, scale) => s.add(s.log(scale), 1 + euler),
});

/** The Gumbel distribution of the largest of many numbers. */
export class Gumbel extends LocationScale {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    super({ loc, scale }, gumbel, options);
  }
  protected get family(): Family {
    return gumbel;
  }
}

const uniform = new Family({
  params: { low: real, high: real },
  support: ({ low, high }): Constraint => interval(low, high),
  logProb: (x, low, high) => s.where(s.logicalAnd(s.ge(x, low), s.lt(x, high)), s.neg(s.log(s.sub(high, low))), Number.NEGATIVE_INFINITY),
  cdf: (x, low, high) => s.clamp(s.div(s.sub(x, low), s.sub(high, low)), 0, 1),
  icdf: (p, low, high) => s.add(low, s.mul(p, s.sub(high, low))),
  mean: (low, high) => s.mul(0.5, s.add(low, high)),
  mode: Number.NaN,
  variance: (low, high) => s.mul(1 / 12, s.square(s.sub(high, low))),
  stddev: (low, high) => s.mul(1 / Math.sqrt(12), s.sub(high, low)),
  entropy: (low, high) => s.log(s.sub(high, low)),
});

/** The uniform distribution over [low, high). */
export class Uniform extends Univariate {
  constructor(low: Parameter, high: Parameter, options?: DistributionOptions) {
    super({ low, high }, uniform, options);
    if (this.validateArgs && checkingValues(() => itemSync(all(this.low.lt(this.high)))) === 0)
      throw new ValueError('Uniform: low must be below high everywhere');
  }
  protected get family(): Family {
    return uniform;
  }
  get low(): Tensor {
    return this.params.low;
  }
  get high(): Tensor {
    return this.params.high;
  }
}
