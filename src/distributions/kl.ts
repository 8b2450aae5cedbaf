// Kullback-Leibler divergences by pairs of families. A pair's formula is one fused operation where both are of one number.

import { solveTriangular } from '../linalg/triangular.ts';
import { full } from '../ops/create.ts';
import { where } from '../ops/elementwise.ts';
import { sum } from '../ops/reduce.ts';
import * as s from '../ops/scalar.ts';
import { FathomError } from '../runtime/errors.ts';
import { broadcastShapes } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Bernoulli, Binomial, Geometric, Poisson } from './bernoulli.ts';
import { Beta, Dirichlet } from './beta.ts';
import { Categorical, OneHotCategorical } from './categorical.ts';
import { Independent } from './composite.ts';
import { type Distribution, expandTo } from './distribution.ts';
import { evaluate, formula } from './family.ts';
import { Exponential, Gamma, Pareto } from './gamma.ts';
import { Cauchy, euler, Gumbel, Laplace, Uniform } from './location-scale.ts';
import { halfLogDet, MultivariateNormal, squaredDistance } from './multivariate-normal.ts';
import { HalfNormal, LogNormal, Normal } from './normal.ts';

type E = s.Expr;
// biome-ignore lint/suspicious/noExplicitAny: classes with any constructor
type Class<D extends Distribution> = abstract new (...args: any[]) => D;
/** ∫ p ln(p/q) of two distributions, of their broadcast batch shape. */
export type Divergence<P extends Distribution, Q extends Distribution> = (p: P, q: Q) => Tensor;

interface Entry {
  P: Class<Distribution>;
  Q: Class<Distribution>;
  divergence: Divergence<Distribution, Distribution>;
}
const registry: Entry[] = [];

/** Makes a divergence known for two classes (and their subclasses); a later one for the same classes takes its place. */
export function registerKl<P extends Distribution, Q extends Distribution>(P: Class<P>, Q: Class<Q>, divergence: Divergence<P, Q>): void {
  const old = registry.findIndex((e) => e.P === P && e.Q === Q);
  if (old >= 0) registry.splice(old, 1);
  registry.push({ P, Q, divergence: divergence as Divergence<Distribution, Distribution> });
}

/** How many classes lie between an object's class and C; -1 when it is no C. */
function distance(d: Distribution, C: Class<Distribution>): number {
  let k = 0;
  for (let p = Object.getPrototypeOf(d); p !== null; p = Object.getPrototypeOf(p), k++) if (p === C.prototype) return k;
  return -1;
}

/** The Kullback-Leibler divergence of p from q, ∫ p ln(p/q), in nats. FathomError for a pair of families without a known form. */
export function klDivergence(p: Distribution, q: Distribution): Tensor {
  let best: Entry | null = null;
  let nearest = Number.POSITIVE_INFINITY;
  for (const e of registry) {
    const [a, b] = [distance(p, e.P), distance(q, e.Q)];
    if (a >= 0 && b >= 0 && a + b < nearest) {
      best = e;
      nearest = a + b;
    }
  }
  if (best === null)
    throw new FathomError(`klDivergence: no form is known for ${p.constructor.name} and ${q.constructor.name}; add one with registerKl`);
  return best.divergence(p, q);
}

/** A divergence by a formula over tensors that both distributions give, the result broadcast to both batches. */
function byFormula<P extends Distribution, Q extends Distribution>(
  P: Class<P>,
  Q: Class<Q>,
  args: (p: P, q: Q) => Tensor[],
  f: (...args: E[]) => E,
): void {
  const name = `kl${P.name}${Q.name}`;
  let compiled: ReturnType<typeof formula> | null = null;
  registerKl(P, Q, (p, q) => {
    const list = args(p, q);
    compiled ??= formula(name, list.length, f);
    return expandTo(
      evaluate(compiled, (i) => list[i]),
      broadcastShapes('klDivergence', p.batchShape, q.batchShape),
    );
  });
}

/** A pair whose divergence is infinite. */
const infinite = <P extends Distribution, Q extends Distribution>(P: Class<P>, Q: Class<Q>): void =>
  registerKl(P, Q, (p, q) =>
    full(broadcastShapes('klDivergence', p.batchShape, q.batchShape), Number.POSITIVE_INFINITY, { dtype: p.dtype }),
  );

const locScale = (d: { loc: Tensor; scale: Tensor }): Tensor[] => [d.loc, d.scale];
const halfLog2Pi = 0.5 * Math.log(2 * Math.PI);

const normalNormal = (m1: E, s1: E, m2: E, s2: E): E => {
  const ratio = s.square(s.div(s1, s2));
  const shift = s.square(s.div(s.sub(m1, m2), s2));
  return s.mul(0.5, s.sub(s.sub(s.add(ratio, shift), 1), s.log(ratio)));
};
byFormula(Normal, Normal, (p, q) => [...locScale(p), ...locScale(q)], normalNormal);
byFormula(LogNormal, LogNormal, (p, q) => [...locScale(p), ...locScale(q)], normalNormal);
byFormula(
  HalfNormal,
  HalfNormal,
  (p, q) => [p.scale, q.scale],
  (s1, s2) => normalNormal(s.lit(0), s1, s.lit(0), s2),
);
byFormula(
  Normal,
  Laplace,
  (p, q) => [...locScale(p), ...locScale(q)],
  (m, sd, loc, scale) => {
    const d = s.sub(m, loc);
    const z = s.div(d, sd);
    // the expected distance |x - loc| of a normal x
    const distanceMean = s.add(
      s.mul(s.mul(Math.sqrt(2 / Math.PI), sd), s.exp(s.mul(-0.5, s.square(z)))),
      s.mul(d, s.erf(s.mul(Math.SQRT1_2, z))),
    );
    const entropy = s.add(s.log(sd), 0.5 + halfLog2Pi);
    return s.sub(s.add(s.div(distanceMean, scale), s.log(s.mul(2, scale))), entropy);
  },
);
byFormula(
  Laplace,
  Laplace,
  (p, q) => [...locScale(p), ...locScale(q)],
  (m1, b1, m2, b2) => {
    const d = s.abs(s.sub(m1, m2));
    const ratio = s.div(b1, b2);
    return s.sub(s.add(s.add(s.neg(s.log(ratio)), s.div(d, b2)), s.mul(ratio, s.exp(s.neg(s.div(d, b1))))), 1);
  },
);
/** Against a normal: -entropy of p plus the expected cost under q, from mean and variance of p. */
const againstNormal = (negativeEntropy: E, mean: E, variance: E, loc: E, scale: E): E =>
  s.add(
    s.add(negativeEntropy, s.add(s.log(scale), halfLog2Pi)),
    s.div(s.mul(0.5, s.add(variance, s.square(s.sub(mean, loc)))), s.square(scale)),
  );
byFormula(
  Laplace,
  Normal,
  (p, q) => [...locScale(p), ...locScale(q)],
  (m, b, loc, scale) => againstNormal(s.neg(s.add(1, s.log(s.mul(2, b)))), m, s.mul(2, s.square(b)), loc, scale),
);
byFormula(
  Uniform,
  Normal,
  (p, q) => [p.low, p.high, ...locScale(q)],
  (lo, hi, loc, scale) =>
    againstNormal(s.neg(s.log(s.sub(hi, lo))), s.mul(0.5, s.add(lo, hi)), s.mul(1 / 12, s.square(s.sub(hi, lo))), loc, scale),
);
byFormula(
  Exponential,
  Normal,
  (p, q) => [p.rate, ...locScale(q)],
  (rate, loc, scale) => againstNormal(s.sub(s.log(rate), 1), s.recip(rate), s.recip(s.square(rate)), loc, scale),
);
registerKl(Beta, Normal, (p, q) =>
  expandTo(
    evaluate(costUnderNormal, (i) => [p.entropy(), p.mean, p.variance, q.loc, q.scale][i]),
    broadcastShapes('klDivergence', p.batchShape, q.batchShape),
  ),
);
const costUnderNormal = formula('klBetaNormal', 5, (h, mean, variance, loc, scale) => againstNormal(s.neg(h), mean, variance, loc, scale));
byFormula(
  Uniform,
  Uniform,
  (p, q) => [p.low, p.high, q.low, q.high],
  (lo1, hi1, lo2, hi2) =>
    s.where(s.logicalOr(s.gt(lo2, lo1), s.lt(hi2, hi1)), Number.POSITIVE_INFINITY, s.log(s.div(s.sub(hi2, lo2), s.sub(hi1, lo1)))),
);
byFormula(
  Cauchy,
  Cauchy,
  (p, q) => [...locScale(p), ...locScale(q)],
  // Chyzak and Nielsen, "A closed-form formula for the Kullback-Leibler divergence between Cauchy distributions", 2019
  (m1, g1, m2, g2) => s.sub(s.log(s.add(s.square(s.add(g1, g2)), s.square(s.sub(m1, m2)))), s.log(s.mul(4, s.mul(g1, g2)))),
);
byFormula(
  Gumbel,
  Gumbel,
  (p, q) => [...locScale(p), ...locScale(q)],
  (m1, b1, m2, b2) => {
    const ratio = s.div(b1, b2);
    const [z2, z1] = [s.div(m2, b2), s.div(m1, b2)];
    const t = s.sub(z2, z1);
    const cost = s.exp(s.add(t, s.lgamma(s.add(1, ratio))));
    return s.sub(s.add(s.sub(s.mul(euler, ratio), t), s.sub(cost, s.log(ratio))), 1 + euler);
  },
);
byFormula(
  Exponential,
  Exponential,
  (p, q) => [p.rate, q.rate],
  (r1, r2) => s.sub(s.sub(s.div(r2, r1), s.log(s.div(r2, r1))), 1),
);
byFormula(
  Exponential,
  Gamma,
  (p, q) => [p.rate, q.concentration, q.rate],
  (r1, c, r2) => {
    const ratio = s.div(r2, r1);
    return s.sub(s.add(s.add(s.sub(ratio, s.mul(c, s.log(ratio))), s.lgamma(c)), s.mul(euler, c)), 1 + euler);
  },
);
byFormula(
  Gamma,
  Exponential,
  (p, q) => [p.concentration, p.rate, q.rate],
  (c, r1, r2) => {
    const negativeEntropy = s.sub(s.add(s.neg(c), s.log(r1)), s.add(s.lgamma(c), s.mul(s.sub(1, c), s.digamma(c))));
    return s.add(s.sub(negativeEntropy, s.log(r2)), s.mul(r2, s.div(c, r1)));
  },
);
byFormula(
  Gamma,
  Gamma,
  (p, q) => [p.concentration, p.rate, q.concentration, q.rate],
  (c1, r1, c2, r2) =>
    s.add(
      s.add(s.mul(c2, s.log(s.div(r1, r2))), s.sub(s.lgamma(c2), s.lgamma(c1))),
      s.add(s.mul(s.sub(c1, c2), s.digamma(c1)), s.mul(s.sub(r2, r1), s.div(c1, r1))),
    ),
);
byFormula(
  Pareto,
  Pareto,
  (p, q) => [p.scale, p.alpha, q.scale, q.alpha],
  (s1, a1, s2, a2) =>
    s.where(
      s.lt(s1, s2),
      Number.POSITIVE_INFINITY,
      s.sub(s.add(s.mul(a2, s.log(s.div(s1, s2))), s.add(s.neg(s.log(s.div(a2, a1))), s.div(a2, a1))), 1),
    ),
);
byFormula(
  Beta,
  Beta,
  (p, q) => [p.concentration1, p.concentration0, q.concentration1, q.concentration0],
  (a1, b1, a2, b2) => {
    const [n1, n2] = [s.add(a1, b1), s.add(a2, b2)];
    const logBeta = (a: E, b: E, n: E): E => s.sub(s.add(s.lgamma(a), s.lgamma(b)), s.lgamma(n));
    const slopes = s.add(s.mul(s.sub(a1, a2), s.digamma(a1)), s.mul(s.sub(b1, b2), s.digamma(b1)));
    return s.add(s.add(s.sub(logBeta(a2, b2, n2), logBeta(a1, b1, n1)), slopes), s.mul(s.sub(n2, n1), s.digamma(n1)));
  },
);
registerKl(Dirichlet, Dirichlet, (p, q) => {
  const [a, b] = [p.concentration, q.concentration];
  const total = (t: Tensor, keepdim = false): Tensor => sum(t, { dim: -1, keepdim });
  const slopes = a.sub(b).mul(a.digamma().sub(total(a, true).digamma()));
  return total(a)
    .lgamma()
    .sub(total(b).lgamma())
    .sub(total(a.lgamma().sub(b.lgamma())))
    .add(total(slopes));
});

/** p·ln(p/q), 0 where p is 0. */
const share = (p: E, q: E): E => s.where(s.eq(p, 0), 0, s.where(s.eq(q, 0), Number.POSITIVE_INFINITY, s.mul(p, s.log(s.div(p, q)))));
const trial = (p: E, q: E): E => s.add(share(p, q), share(s.sub(1, p), s.sub(1, q)));
byFormula(Bernoulli, Bernoulli, (p, q) => [p.probs, q.probs], trial);
byFormula(
  Bernoulli,
  Poisson,
  (p, q) => [p.probs, q.rate],
  (p, rate) => s.add(s.sub(s.add(s.xlogy(p, p), s.xlogy(s.sub(1, p), s.sub(1, p))), s.mul(p, s.log(rate))), rate),
);
byFormula(
  Binomial,
  Binomial,
  (p, q) => [p.totalCount, p.probs, q.totalCount, q.probs],
  // fewer trials in q: some counts of p are impossible there; more trials have no closed form
  (n1, p, n2, q) => s.where(s.gt(n1, n2), Number.POSITIVE_INFINITY, s.where(s.lt(n1, n2), Number.NaN, s.mul(n1, trial(p, q)))),
);
byFormula(
  Geometric,
  Geometric,
  (p, q) => [p.probs, q.probs],
  (p, q) => s.div(trial(p, q), p),
);
byFormula(
  Poisson,
  Poisson,
  (p, q) => [p.rate, q.rate],
  (a, b) => s.sub(s.sub(s.xlogy(a, a), s.xlogy(a, b)), s.sub(a, b)),
);
const classes = (p: Categorical | OneHotCategorical, q: Categorical | OneHotCategorical): Tensor => {
  const terms = p.probs.mul(p.logits.sub(q.logits));
  const infiniteWhere = where(q.probs.eq(0), Number.POSITIVE_INFINITY, terms);
  return sum(where(p.probs.eq(0), 0, infiniteWhere), { dim: -1 });
};
registerKl(Categorical, Categorical, classes);
registerKl(OneHotCategorical, OneHotCategorical, classes);

registerKl(MultivariateNormal, MultivariateNormal, (p, q) => {
  const trace = sum(solveTriangular(q.scaleTril, p.scaleTril, { upper: false }).square(), { dim: [-2, -1] });
  return trace
    .add(squaredDistance(q.scaleTril, q.loc.sub(p.loc)))
    .sub(p.eventShape[0])
    .mul(0.5)
    .add(halfLogDet(q.scaleTril).sub(halfLogDet(p.scaleTril)));
});

// continuous against something that does not cover its support
for (const P of [Normal, Laplace, Cauchy, Gumbel] as Class<Distribution>[])
  for (const Q of [Exponential, Gamma, Beta, Uniform, Pareto] as Class<Distribution>[]) infinite(P, Q);
for (const P of [Exponential, Gamma, Pareto] as Class<Distribution>[])
  for (const Q of [Beta, Uniform] as Class<Distribution>[]) infinite(P, Q);
infinite(Poisson, Bernoulli);
infinite(Poisson, Binomial);
infinite(Exponential, Pareto);
infinite(Gamma, Pareto);

registerKl(Independent, Independent, (p, q) => {
  if (p.dims !== q.dims)
    throw new FathomError(
      `klDivergence: one distribution takes ${p.dims} batch dimension(s) as the event, the other ${q.dims}; they must be equal`,
    );
  const each = klDivergence(p.base, q.base);
  return p.dims === 0 ? each : sum(each, { dim: Array.from({ length: p.dims }, (_, i) => i - p.dims) });
});
