// The normal distribution and those made of it: log-normal, half-normal, Student's t.

import { randn } from '../ops/create.ts';
import { logGamma } from '../ops/random.ts';
import * as s from '../ops/scalar.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { nonnegative, positive, real } from './constraints.ts';
import { type DistributionOptions, expandTo, type Parameter, type SampleOptions } from './distribution.ts';
import { evaluate, Family, formula, Univariate } from './family.ts';

type E = s.Expr;
const halfLog2Pi = 0.5 * Math.log(2 * Math.PI);
const standardized = (x: E, loc: E, scale: E): E => s.div(s.sub(x, loc), scale);
const logDensity = (x: E, loc: E, scale: E): E =>
  s.sub(s.sub(s.mul(-0.5, s.square(standardized(x, loc, scale))), s.log(scale)), halfLog2Pi);
const cdf = (x: E, loc: E, scale: E): E => s.mul(0.5, s.add(1, s.erf(s.mul(standardized(x, loc, scale), Math.SQRT1_2))));
const icdf = (p: E, loc: E, scale: E): E => s.add(loc, s.mul(scale, s.mul(Math.SQRT2, s.call('erfinv', s.sub(s.mul(2, p), 1)))));
const shifted = (z: E, loc: E, scale: E): E => s.add(loc, s.mul(scale, z));

const normal = new Family({
  params: { loc: real, scale: positive },
  support: real,
  logProb: logDensity,
  cdf,
  icdf,
  mean: (loc) => loc,
  mode: (loc) => loc,
  variance: (_, scale) => s.square(scale),
  stddev: (_, scale) => scale,
  entropy: (_, scale) => s.add(s.log(scale), 0.5 + halfLog2Pi),
  sample: { noise: 'normal', from: shifted },
});

/** The normal distribution with mean `loc` and standard deviation `scale`. */
export class Normal extends Univariate {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    super({ loc, scale }, normal, options);
  }
  protected get family(): Family {
    return normal;
  }
  get loc(): Tensor {
    return this.params.loc;
  }
  get scale(): Tensor {
    return this.params.scale;
  }
}

const logNormal = new Family({
  params: { loc: real, scale: positive },
  support: positive,
  logProb: (x, loc, scale) => s.sub(logDensity(s.log(x), loc, scale), s.log(x)),
  cdf: (x, loc, scale) => cdf(s.log(x), loc, scale),
  icdf: (p, loc, scale) => s.exp(icdf(p, loc, scale)),
  mean: (loc, scale) => s.exp(s.add(loc, s.mul(0.5, s.square(scale)))),
  mode: (loc, scale) => s.exp(s.sub(loc, s.square(scale))),
  variance: (loc, scale) => s.mul(s.expm1(s.square(scale)), s.exp(s.add(s.mul(2, loc), s.square(scale)))),
  entropy: (loc, scale) => s.add(s.add(s.log(scale), 0.5 + halfLog2Pi), loc),
  sample: { noise: 'normal', from: (z, loc, scale) => s.exp(shifted(z, loc, scale)) },
});

/** e to a normal number with mean `loc` and standard deviation `scale`. */
export class LogNormal extends Univariate {
  constructor(loc: Parameter, scale: Parameter, options?: DistributionOptions) {
    super({ loc, scale }, logNormal, options);
  }
  protected get family(): Family {
    return logNormal;
  }
  get loc(): Tensor {
    return this.params.loc;
  }
  get scale(): Tensor {
    return this.params.scale;
  }
}

const zero = s.lit(0);
const halfNormal = new Family({
  params: { scale: positive },
  support: nonnegative,
  logProb: (x, scale) => s.where(s.ge(x, 0), s.add(logDensity(x, zero, scale), Math.LN2), Number.NEGATIVE_INFINITY),
  cdf: (x, scale) => s.erf(s.mul(s.div(x, scale), Math.SQRT1_2)),
  icdf: (p, scale) => s.mul(scale, s.mul(Math.SQRT2, s.call('erfinv', p))),
  mean: (scale) => s.mul(scale, Math.sqrt(2 / Math.PI)),
  mode: 0,
  variance: (scale) => s.mul(s.square(scale), 1 - 2 / Math.PI),
  entropy: (scale) => s.add(s.log(scale), 0.5 + halfLog2Pi - Math.LN2),
  sample: { noise: 'normal', from: (z, scale) => s.mul(scale, s.abs(z)) },
});

/** The absolute value of a normal number with mean 0 and standard deviation `scale`. */
export class HalfNormal extends Univariate {
  constructor(scale: Parameter, options?: DistributionOptions) {
    super({ scale }, halfNormal, options);
  }
  protected get family(): Family {
    return halfNormal;
  }
  get scale(): Tensor {
    return this.params.scale;
  }
}

const half = (df: E): E => s.mul(0.5, df);
const halfMore = (df: E): E => s.mul(0.5, s.add(df, 1));
const studentT = new Family({
  params: { df: positive, loc: real, scale: positive },
  support: real,
  logProb: (x, df, loc, scale) => {
    const tail = s.mul(halfMore(df), s.log1p(s.div(s.square(standardized(x, loc, scale)), df)));
    const norm = s.add(s.add(s.log(scale), s.mul(0.5, s.log(df))), s.sub(s.lgamma(half(df)), s.lgamma(halfMore(df))));
    return s.sub(s.sub(s.neg(tail), norm), 0.5 * Math.log(Math.PI));
  },
  mean: (df, loc) => s.where(s.le(df, 1), Number.NaN, loc),
  mode: (_, loc) => loc,
  variance: (df, _, scale) =>
    s.where(
      s.gt(df, 2),
      s.mul(s.square(scale), s.div(df, s.sub(s.where(s.gt(df, 2), df, 3), 2))),
      s.where(s.gt(df, 1), Number.POSITIVE_INFINITY, Number.NaN),
    ),
  entropy: (df, _, scale) => {
    const logBeta = s.sub(s.add(s.lgamma(half(df)), 0.5 * Math.log(Math.PI)), s.lgamma(halfMore(df)));
    const slope = s.mul(halfMore(df), s.sub(s.digamma(halfMore(df)), s.digamma(half(df))));
    return s.add(s.add(s.log(scale), slope), s.add(s.mul(0.5, s.log(df)), logBeta));
  },
});
// loc + scale·z/√(chi²/df), where chi² is twice a gamma number of shape df/2
const drawT = formula('studentT', 5, (z, logG, df, loc, scale) =>
  s.add(loc, s.mul(scale, s.mul(z, s.sqrt(s.div(s.mul(0.5, df), s.exp(logG)))))),
);

/** Student's t distribution with `df` degrees of freedom, moved and scaled. */
export class StudentT extends Univariate {
  constructor(df: Parameter, { loc = 0, scale = 1, ...options }: DistributionOptions & { loc?: Parameter; scale?: Parameter } = {}) {
    super({ df, loc, scale }, studentT, options);
  }
  protected get family(): Family {
    return studentT;
  }
  override get hasRsample(): boolean {
    return true;
  }
  get df(): Tensor {
    return this.params.df;
  }
  get loc(): Tensor {
    return this.params.loc;
  }
  get scale(): Tensor {
    return this.params.scale;
  }
  protected override drawn(sampleShape: Shape, options: SampleOptions): Tensor {
    const shape = this.sampleShape(sampleShape);
    const z = randn(shape, { ...options, dtype: this.dtype });
    const logG = logGamma(expandTo(this.df.mul(0.5), shape), options);
    return evaluate(drawT, (i) => [z, logG, this.df, this.loc, this.scale][i]);
  }
}
