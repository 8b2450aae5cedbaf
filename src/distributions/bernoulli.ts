// Distributions of trials that succeed with a probability: Bernoulli, geometric, binomial, negative binomial; and Poisson's counts. The
// probability is given itself or as its logit.

import { arange } from '../ops/create.ts';
import { bernoulli as drawBernoulli, binomial as drawBinomial, poisson as drawPoisson, logGamma } from '../ops/random.ts';
import { itemSync } from '../ops/read.ts';
import { amax, amin, sum } from '../ops/reduce.ts';
import * as s from '../ops/scalar.ts';
import { reshape } from '../ops/view.ts';
import { ValueError } from '../runtime/errors.ts';
import { checkingValues } from '../runtime/recording.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { boolean, type Constraint, integerInterval, nonnegative, nonnegativeInteger, real, unitInterval } from './constraints.ts';
import { type DistributionOptions, expandTo, type Parameter, type SampleOptions } from './distribution.ts';
import { evaluate, Family, formula, Univariate } from './family.ts';

type E = s.Expr;

/** A probability, or its logit ln(p/(1 - p)). */
export type ProbsOrLogits = DistributionOptions & { probs?: Parameter; logits?: Parameter };

/** The one of probs and logits that was given. ValueError unless it is exactly one. */
export function oneOf<T>(name: string, { probs, logits }: { probs?: T; logits?: T }): { probs: T } | { logits: T } {
  if ((probs === undefined) === (logits === undefined)) throw new ValueError(`${name}: give either probs or logits`);
  return probs !== undefined ? { probs } : { logits: logits as T };
}

/** Distance from 0 and 1 that keeps logarithms of probabilities finite, as in PyTorch: the dtype's unit of rounding. */
export const probabilityMargin = (dtype: string): number => (dtype === 'float64' ? 2 ** -52 : 2 ** -23);

const sigmoid = formula('probs', 1, (l) => s.sigmoid(l));
const toLogits = formula('logits', 3, (p, lo, hi) => {
  const inside = s.clamp(p, lo, hi);
  return s.sub(s.log(inside), s.log1p(s.neg(inside)));
});

/** A family over probs and logits, the first or second of which is given. */
abstract class Trials extends Univariate {
  /** The probability of success. */
  get probs(): Tensor {
    return this.params.probs ?? evaluate(sigmoid, () => this.params.logits);
  }
  /** ln(p/(1 - p)). */
  get logits(): Tensor {
    if (this.params.logits !== undefined) return this.params.logits;
    const margin = probabilityMargin(this.dtype);
    return evaluate(toLogits, (i) => [this.params.probs, margin, 1 - margin][i]);
  }
  protected override param(i: number): Tensor {
    const name = this.family.names[i];
    return name === 'probs' ? this.probs : name === 'logits' ? this.logits : this.params[name];
  }
  override get hasRsample(): boolean {
    return false;
  }
}

/** Values 0 … n-1 as [n, 1, …], or expanded over the batch. */
export function enumerated(n: number, batchShape: Shape, dtype: Tensor['dtype'], expand: boolean): Tensor {
  const values = reshape(arange(0, n, { dtype }), [n, ...batchShape.map(() => 1)]);
  return expand ? expandTo(values, [n, ...batchShape]) : values;
}

const entropyOfTrial = (p: E, l: E): E => s.sub(s.softplus(l), s.mul(l, p));
const bernoulli = new Family({
  params: { probs: unitInterval, logits: real },
  support: boolean,
  logProb: (x, _, l) => s.sub(s.mul(x, l), s.softplus(l)),
  mean: (p) => p,
  mode: (p) => s.where(s.eq(p, 0.5), Number.NaN, s.where(s.gt(p, 0.5), 1, 0)),
  variance: (p) => s.mul(p, s.sub(1, p)),
  entropy: entropyOfTrial,
});

/** 1 with probability p, else 0. */
export class Bernoulli extends Trials {
  constructor({ probs, logits, ...options }: ProbsOrLogits) {
    super(oneOf('Bernoulli', { probs, logits }), bernoulli, options);
  }
  protected get family(): Family {
    return bernoulli;
  }
  override get hasEnumerateSupport(): boolean {
    return true;
  }
  override enumerateSupport({ expand = true }: { expand?: boolean } = {}): Tensor {
    return enumerated(2, this.batchShape, this.dtype, expand);
  }
  protected override drawn(sampleShape: Shape, options: SampleOptions): Tensor {
    return drawBernoulli(expandTo(this.probs, this.sampleShape(sampleShape)), options);
  }
}

const geometric = new Family({
  params: { probs: unitInterval, logits: real },
  support: nonnegativeInteger,
  logProb: (x, p) => s.add(s.where(s.eq(x, 0), 0, s.mul(x, s.log1p(s.neg(p)))), s.log(p)),
  mean: (p) => s.sub(s.recip(p), 1),
  mode: 0,
  variance: (p) => s.div(s.sub(s.recip(p), 1), p),
  entropy: (p, l) => s.div(entropyOfTrial(p, l), p),
  sample: { noise: 'uniform', from: (u, p) => s.floor(s.div(s.log(u), s.log1p(s.neg(p)))) },
});

/** The number of failures before the first success: 0, 1, 2, … */
export class Geometric extends Trials {
  constructor({ probs, logits, ...options }: ProbsOrLogits) {
    super(oneOf('Geometric', { probs, logits }), geometric, options);
    if (this.validateArgs && this.probs.numel > 0 && !(checkingValues(() => itemSync(amin(this.probs.detach()))) > 0))
      throw new ValueError('Geometric: probs must be above 0; a trial that never succeeds has no first success');
  }
  protected get family(): Family {
    return geometric;
  }
}

const logChoose = (n: E, k: E): E => s.sub(s.sub(s.lgamma(s.add(n, 1)), s.lgamma(s.add(k, 1))), s.lgamma(s.add(s.sub(n, k), 1)));
const binomial = new Family({
  params: { totalCount: nonnegativeInteger, probs: unitInterval, logits: real },
  support: ({ totalCount }): Constraint => integerInterval(0, totalCount),
  logProb: (x, n, _, l) => s.add(s.sub(s.mul(x, l), s.mul(n, s.softplus(l))), logChoose(n, x)),
  mean: (n, p) => s.mul(n, p),
  mode: (n, p) => s.min(s.floor(s.mul(s.add(n, 1), p)), n),
  variance: (n, p) => s.mul(s.mul(n, p), s.sub(1, p)),
});

/** The number of successes in totalCount trials. */
export class Binomial extends Trials {
  constructor({ totalCount = 1, probs, logits, ...options }: ProbsOrLogits & { totalCount?: Parameter }) {
    super({ totalCount, ...oneOf('Binomial', { probs, logits }) }, binomial, options);
  }
  protected get family(): Family {
    return binomial;
  }
  get totalCount(): Tensor {
    return this.params.totalCount;
  }
  override get hasEnumerateSupport(): boolean {
    return true;
  }
  /** The count that all of the batch share. */
  private commonCount(what: string): number {
    if (this.totalCount.numel === 0) return 0;
    const most = itemSync(amax(this.totalCount));
    if (itemSync(amin(this.totalCount)) !== most)
      throw new ValueError(`Binomial.${what}: totalCount differs within the batch, which has no common support; use one count`);
    return most;
  }
  override enumerateSupport({ expand = true }: { expand?: boolean } = {}): Tensor {
    return enumerated(this.commonCount('enumerateSupport') + 1, this.batchShape, this.dtype, expand);
  }
  override entropy(): Tensor {
    const logs = this.logProb(this.enumerateSupport({ expand: false }));
    return sum(logs.exp().mul(logs), { dim: 0 }).neg();
  }
  protected override drawn(sampleShape: Shape, options: SampleOptions): Tensor {
    return drawBinomial(this.totalCount, expandTo(this.probs, this.sampleShape(sampleShape)), options);
  }
}

const negativeBinomial = new Family({
  params: { totalCount: nonnegative, probs: unitInterval, logits: real },
  support: nonnegativeInteger,
  logProb: (x, n, _, l) => {
    const norm = s.sub(s.sub(s.lgamma(s.add(n, x)), s.lgamma(s.add(1, x))), s.lgamma(n));
    return s.add(s.add(s.mul(n, s.logSigmoid(s.neg(l))), s.mul(x, s.logSigmoid(l))), s.where(s.eq(s.add(n, x), 0), 0, norm));
  },
  mean: (n, _, l) => s.mul(n, s.exp(l)),
  mode: (n, _, l) => s.max(s.floor(s.mul(s.sub(n, 1), s.exp(l))), 0),
  variance: (n, _, l) => s.div(s.mul(n, s.exp(l)), s.sigmoid(s.neg(l))),
});
const gammaRate = formula('negativeBinomial', 2, (logG, l) => s.exp(s.add(logG, l)));

/** The number of successes (of probability `probs`) before totalCount failures, which need not be whole. */
export class NegativeBinomial extends Trials {
  constructor(totalCount: Parameter, { probs, logits, ...options }: ProbsOrLogits) {
    super({ totalCount, ...oneOf('NegativeBinomial', { probs, logits }) }, negativeBinomial, options);
  }
  protected get family(): Family {
    return negativeBinomial;
  }
  get totalCount(): Tensor {
    return this.params.totalCount;
  }
  /** Poisson numbers of gamma rates. */
  protected override drawn(sampleShape: Shape, options: SampleOptions): Tensor {
    const logG = logGamma(expandTo(this.totalCount, this.sampleShape(sampleShape)), options);
    return drawPoisson(
      evaluate(gammaRate, (i) => [logG, this.logits][i]),
      options,
    );
  }
}

const poisson = new Family({
  params: { rate: nonnegative },
  support: nonnegativeInteger,
  logProb: (x, rate) => s.sub(s.sub(s.xlogy(x, rate), rate), s.lgamma(s.add(x, 1))),
  mean: (rate) => rate,
  mode: (rate) => s.floor(rate),
  variance: (rate) => rate,
});

/** The number of events that come at a rate, in one unit of time. */
export class Poisson extends Univariate {
  constructor(rate: Parameter, options?: DistributionOptions) {
    super({ rate }, poisson, options);
  }
  protected get family(): Family {
    return poisson;
  }
  get rate(): Tensor {
    return this.params.rate;
  }
  protected override drawn(sampleShape: Shape, options: SampleOptions): Tensor {
    return drawPoisson(expandTo(this.rate, this.sampleShape(sampleShape)), options);
  }
}
