// Distributions of waiting times and lifetimes: exponential, gamma, chi-squared, inverse gamma, Weibull, Pareto.

import * as s from '../ops/scalar.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { greaterThanEq, nonnegative, positive } from './constraints.ts';
import type { DistributionOptions, Parameter } from './distribution.ts';
import { Family, Univariate } from './family.ts';
import { euler } from './location-scale.ts';

type E = s.Expr;

const exponential = new Family({
  params: { rate: positive },
  support: nonnegative,
  logProb: (x, rate) => s.sub(s.log(rate), s.mul(rate, x)),
  cdf: (x, rate) => s.sub(1, s.exp(s.neg(s.mul(rate, x)))),
  icdf: (p, rate) => s.div(s.neg(s.log1p(s.neg(p))), rate),
  mean: (rate) => s.recip(rate),
  mode: 0,
  variance: (rate) => s.recip(s.square(rate)),
  stddev: (rate) => s.recip(rate),
  entropy: (rate) => s.sub(1, s.log(rate)),
});

/** The exponential distribution of the time to the next of events that come at a rate. */
export class Exponential extends Univariate {
  constructor(rate: Parameter, options?: DistributionOptions) {
    super({ rate }, exponential, options);
  }
  protected get family(): Family {
    return exponential;
  }
  get rate(): Tensor {
    return this.params.rate;
  }
}

// the smallest normal float32, below which a sample of support above 0 would become 0
const tiny = 1.1754943508222875e-38;
const gamma = new Family({
  params: { concentration: positive, rate: positive },
  support: nonnegative,
  logProb: (x, c, rate) => s.sub(s.sub(s.add(s.xlogy(c, rate), s.xlogy(s.sub(c, 1), x)), s.mul(rate, x)), s.lgamma(c)),
  cdf: (x, c, rate) => s.call('igamma', c, s.mul(rate, x)),
  mean: (c, rate) => s.div(c, rate),
  mode: (c, rate) => s.where(s.ge(c, 1), s.div(s.sub(c, 1), rate), 0),
  variance: (c, rate) => s.div(c, s.square(rate)),
  entropy: (c, rate) => s.add(s.sub(s.add(c, s.lgamma(c)), s.log(rate)), s.mul(s.sub(1, c), s.digamma(c))),
  sample: { noise: 'logGamma', from: (logG, _, rate) => s.max(s.div(s.exp(logG), rate), tiny) },
});

/** The gamma distribution with shape `concentration` and a rate. */
export class Gamma extends Univariate {
  constructor(concentration: Parameter, rate: Parameter, options?: DistributionOptions) {
    super({ concentration, rate }, gamma, options);
  }
  protected get family(): Family {
    return gamma;
  }
  get concentration(): Tensor {
    return this.params.concentration;
  }
  get rate(): Tensor {
    return this.params.rate;
  }
}

/** The chi-squared distribution: the sum of `df` squared standard normal numbers. */
export class Chi2 extends Gamma {
  constructor(df: Parameter, options?: DistributionOptions) {
    super(typeof df === 'number' ? df / 2 : df.mul(0.5), 0.5, options);
  }
  get df(): Tensor {
    return this.concentration.mul(2);
  }
}

const inverseGamma = new Family({
  params: { concentration: positive, rate: positive },
  support: positive,
  logProb: (x, c, rate) => s.sub(s.sub(s.sub(s.xlogy(c, rate), s.mul(s.add(c, 1), s.log(x))), s.div(rate, x)), s.lgamma(c)),
  cdf: (x, c, rate) => s.call('igammac', c, s.div(rate, x)),
  mean: (c, rate) => s.where(s.gt(c, 1), s.div(rate, s.sub(s.where(s.gt(c, 1), c, 2), 1)), Number.POSITIVE_INFINITY),
  mode: (c, rate) => s.div(rate, s.add(c, 1)),
  variance: (c, rate) => {
    const safe = s.where(s.gt(c, 2), c, 3);
    return s.where(s.gt(c, 2), s.div(s.square(s.div(rate, s.sub(safe, 1))), s.sub(safe, 2)), Number.POSITIVE_INFINITY);
  },
  entropy: (c, rate) => s.sub(s.add(s.add(c, s.log(rate)), s.lgamma(c)), s.mul(s.add(1, c), s.digamma(c))),
  sample: { noise: 'logGamma', from: (logG, _, rate) => s.div(rate, s.max(s.exp(logG), tiny)) },
});

/** The reciprocal of a gamma number. */
export class InverseGamma extends Univariate {
  constructor(concentration: Parameter, rate: Parameter, options?: DistributionOptions) {
    super({ concentration, rate }, inverseGamma, options);
  }
  protected get family(): Family {
    return inverseGamma;
  }
  get concentration(): Tensor {
    return this.params.concentration;
  }
  get rate(): Tensor {
    return this.params.rate;
  }
}

const gammaAt = (k: E, n: number): E => s.exp(s.lgamma(s.add(1, s.div(n, k))));
const weibull = new Family({
  params: { scale: positive, concentration: positive },
  support: positive,
  logProb: (x, scale, k) => s.sub(s.add(s.log(s.div(k, scale)), s.mul(s.sub(k, 1), s.log(s.div(x, scale)))), s.pow(s.div(x, scale), k)),
  cdf: (x, scale, k) => s.neg(s.expm1(s.neg(s.pow(s.div(x, scale), k)))),
  icdf: (p, scale, k) => s.mul(scale, s.pow(s.neg(s.log1p(s.neg(p))), s.recip(k))),
  mean: (scale, k) => s.mul(scale, gammaAt(k, 1)),
  mode: (scale, k) => s.mul(scale, s.pow(s.div(s.sub(k, 1), k), s.recip(k))),
  variance: (scale, k) => s.mul(s.square(scale), s.sub(gammaAt(k, 2), s.square(gammaAt(k, 1)))),
  entropy: (scale, k) => s.add(s.add(s.mul(euler, s.sub(1, s.recip(k))), s.log(s.div(scale, k))), 1),
});

/** The Weibull distribution of lifetimes with a scale and a shape `concentration`. */
export class Weibull extends Univariate {
  constructor(scale: Parameter, concentration: Parameter, options?: DistributionOptions) {
    super({ scale, concentration }, weibull, options);
  }
  protected get family(): Family {
    return weibull;
  }
  get scale(): Tensor {
    return this.params.scale;
  }
  get concentration(): Tensor {
    return this.params.concentration;
  }
}

const pareto = new Family({
  params: { scale: positive, alpha: positive },
  support: ({ scale }) => greaterThanEq(scale),
  logProb: (x, scale, a) => s.sub(s.add(s.log(a), s.mul(a, s.log(scale))), s.mul(s.add(a, 1), s.log(x))),
  cdf: (x, scale, a) => s.sub(1, s.pow(s.div(scale, x), a)),
  icdf: (p, scale, a) => s.mul(scale, s.exp(s.div(s.neg(s.log1p(s.neg(p))), a))),
  mean: (scale, a) => s.where(s.gt(a, 1), s.div(s.mul(a, scale), s.sub(s.where(s.gt(a, 1), a, 2), 1)), Number.POSITIVE_INFINITY),
  mode: (scale) => scale,
  variance: (scale, a) => {
    const safe = s.where(s.gt(a, 2), a, 3);
    const value = s.div(s.mul(s.square(scale), safe), s.mul(s.square(s.sub(safe, 1)), s.sub(safe, 2)));
    return s.where(s.gt(a, 2), value, Number.POSITIVE_INFINITY);
  },
  entropy: (scale, a) => s.add(s.log(s.div(scale, a)), s.add(1, s.recip(a))),
});

/** The Pareto distribution: a power law of exponent alpha from `scale` on. */
export class Pareto extends Univariate {
  constructor(scale: Parameter, alpha: Parameter, options?: DistributionOptions) {
    super({ scale, alpha }, pareto, options);
  }
  protected get family(): Family {
    return pareto;
  }
  get scale(): Tensor {
    return this.params.scale;
  }
  get alpha(): Tensor {
    return this.params.alpha;
  }
}
