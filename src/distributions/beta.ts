// Distributions of probabilities: beta, and Dirichlet for several that sum to 1.

import { arange } from '../ops/create.ts';
import { maximum, where, xlogy } from '../ops/elementwise.ts';
import { logGamma } from '../ops/random.ts';
import { all, argmax, sum } from '../ops/reduce.ts';
import * as s from '../ops/scalar.ts';
import { softmax } from '../ops/softmax.ts';
import { unsqueeze } from '../ops/view.ts';
import { ShapeError } from '../runtime/errors.ts';
import type { Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Constraint, independent, positive, simplex, unitInterval } from './constraints.ts';
import { Distribution, type DistributionOptions, expandTo, type Parameter, type SampleOptions } from './distribution.ts';
import { evaluate, Family, formula, Univariate } from './family.ts';

const beta = new Family({
  params: { concentration1: positive, concentration0: positive },
  support: unitInterval,
  logProb: (x, a, b) =>
    s.add(s.add(s.xlogy(s.sub(a, 1), x), s.xlogy(s.sub(b, 1), s.sub(1, x))), s.sub(s.sub(s.lgamma(s.add(a, b)), s.lgamma(a)), s.lgamma(b))),
  mean: (a, b) => s.div(a, s.add(a, b)),
  mode: (a, b) => {
    const [m1, m0] = [s.max(s.sub(a, 1), 0), s.max(s.sub(b, 1), 0)];
    // both ends are modes when both are below 1: PyTorch gives the first
    const ends = s.logicalAnd(s.lt(a, 1), s.lt(b, 1));
    return s.where(ends, 1, s.div(m1, s.where(ends, 1, s.add(m1, m0))));
  },
  variance: (a, b) => {
    const total = s.add(a, b);
    return s.div(s.mul(a, b), s.mul(s.square(total), s.add(total, 1)));
  },
  entropy: (a, b) => {
    const total = s.add(a, b);
    const logBeta = s.sub(s.add(s.lgamma(a), s.lgamma(b)), s.lgamma(total));
    const slopes = s.add(s.mul(s.sub(a, 1), s.digamma(a)), s.mul(s.sub(b, 1), s.digamma(b)));
    return s.sub(s.add(logBeta, s.mul(s.sub(total, 2), s.digamma(total))), slopes);
  },
});
// the smallest normal float32: a sample of 0 would have no finite density
const tiny = 1.1754943508222875e-38;
const share = formula('beta', 2, (logG1, logG0) => s.max(s.sigmoid(s.sub(logG1, logG0)), tiny));

/** The beta distribution over [0, 1]: density ∝ x^(concentration1 - 1)·(1 - x)^(concentration0 - 1). */
export class Beta extends Univariate {
  constructor(concentration1: Parameter, concentration0: Parameter, options?: DistributionOptions) {
    super({ concentration1, concentration0 }, beta, options);
  }
  protected get family(): Family {
    return beta;
  }
  override get hasRsample(): boolean {
    return true;
  }
  get concentration1(): Tensor {
    return this.params.concentration1;
  }
  get concentration0(): Tensor {
    return this.params.concentration0;
  }
  /** The share of one of two gamma numbers in their sum, from their logarithms. */
  protected override drawn(sampleShape: Shape, options: SampleOptions): Tensor {
    const shape = this.sampleShape(sampleShape);
    const logs = [this.concentration1, this.concentration0].map((c) => logGamma(expandTo(c, shape), options));
    return evaluate(share, (i) => logs[i]);
  }
}

const constraints = { concentration: independent(positive, 1) };
const last = { dim: -1 } as const;

/** The Dirichlet distribution of k probabilities that sum to 1; concentration is [..., k]. */
export class Dirichlet extends Distribution {
  constructor(concentration: Tensor, options?: DistributionOptions) {
    if (!(concentration instanceof Tensor) || concentration.ndim < 1)
      throw new ShapeError('Dirichlet: concentration must be a tensor of at least one dimension');
    super({ concentration }, constraints, options, concentration.shape.slice(-1));
  }
  get concentration(): Tensor {
    return this.params.concentration;
  }
  override get support(): Constraint {
    return simplex;
  }
  override get hasRsample(): boolean {
    return true;
  }
  override rsample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    return softmax(logGamma(expandTo(this.concentration, this.sampleShape(sampleShape)), options), -1).clampMin(tiny);
  }
  override logProb(value: Parameter): Tensor {
    const x = this.checked('logProb', value);
    const c = this.concentration;
    return sum(xlogy(c.sub(1), x), last)
      .add(sum(c, last).lgamma())
      .sub(sum(c.lgamma(), last));
  }
  override get mean(): Tensor {
    return this.concentration.div(sum(this.concentration, { dim: -1, keepdim: true }));
  }
  override get mode(): Tensor {
    const m = maximum(this.concentration.sub(1), 0);
    const shares = m.div(sum(m, { dim: -1, keepdim: true }));
    // all below 1: every corner is a mode, the first is given
    const corners = all(this.concentration.lt(1), { dim: -1, keepdim: true });
    const first = arange(0, this.eventShape[0]).eq(unsqueeze(argmax(shares.detach(), -1), -1));
    return where(corners, first.to(this.dtype), shares);
  }
  override get variance(): Tensor {
    const total = sum(this.concentration, { dim: -1, keepdim: true });
    return this.concentration.mul(total.sub(this.concentration)).div(total.square().mul(total.add(1)));
  }
  override entropy(): Tensor {
    const c = this.concentration;
    const total = sum(c, last);
    return sum(c.lgamma(), last)
      .sub(total.lgamma())
      .sub(total.rsub(this.eventShape[0]).mul(total.digamma()))
      .sub(sum(c.sub(1).mul(c.digamma()), last));
  }
}
