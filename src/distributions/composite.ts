// Distributions made of distributions: batch dimensions taken as dimensions of one value, mixtures, and values sent through transforms.

import { noGrad } from '../autograd/mode.ts';
import { gather } from '../ops/gather.ts';
import { sum } from '../ops/reduce.ts';
import { logsumexp } from '../ops/reduce-more.ts';
import { logSoftmax } from '../ops/softmax.ts';
import { reshape, squeeze, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Categorical } from './categorical.ts';
import { Constraint, independent } from './constraints.ts';
import { Distribution, type DistributionOptions, expandTo, type Parameter, type SampleOptions } from './distribution.ts';
import { ComposeTransform, type Transform } from './transforms.ts';

/** A distribution over other distributions: its parameters are theirs. */
abstract class Composite extends Distribution {
  protected constructor(batchShape: Shape, eventShape: Shape, options?: DistributionOptions) {
    super({}, {}, options, eventShape);
    Object.assign(this, { batchShape });
  }
}

const lastDims = (n: number): number[] => Array.from({ length: n }, (_, i) => i - n);
const sumLast = (t: Tensor, n: number): Tensor => (n === 0 ? t : sum(t, { dim: lastDims(n) }));

/** A distribution whose last `dims` batch dimensions are taken as dimensions of one value: log-probabilities are summed over them. */
export class Independent extends Composite {
  readonly base: Distribution;
  readonly dims: number;

  constructor(base: Distribution, dims: number, options?: DistributionOptions) {
    const rank = base.batchShape.length;
    if (!(Number.isInteger(dims) && dims >= 0 && dims <= rank))
      throw new ValueError(`Independent: ${dims} dimensions cannot be taken from the batch shape ${show(base.batchShape)}`);
    const at = rank - dims;
    super(base.batchShape.slice(0, at), [...base.batchShape.slice(at), ...base.eventShape], options);
    this.base = base;
    this.dims = dims;
  }
  override get dtype(): Tensor['dtype'] {
    return this.base.dtype;
  }
  override get support(): Constraint {
    return this.dims === 0 ? this.base.support : independent(this.base.support, this.dims);
  }
  override get hasRsample(): boolean {
    return this.base.hasRsample;
  }
  override get mean(): Tensor {
    return this.base.mean;
  }
  override get mode(): Tensor {
    return this.base.mode;
  }
  override get variance(): Tensor {
    return this.base.variance;
  }
  override sample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    return this.base.sample(sampleShape, options);
  }
  override rsample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    return this.base.rsample(sampleShape, options);
  }
  override logProb(value: Parameter): Tensor {
    return sumLast(this.base.logProb(value), this.dims);
  }
  override entropy(): Tensor {
    return sumLast(this.base.entropy(), this.dims);
  }
  override expand(batchShape: Shape): this {
    const own = this.eventShape.slice(0, this.dims);
    return this.copyWith({ batchShape, base: this.base.expand([...batchShape, ...own]) });
  }
  override toString(): string {
    return `Independent(${String(this.base)}, ${this.dims})`;
  }
}

/** A mixture: a class is drawn, then a value of that component, which is the last batch dimension of `component`. */
export class MixtureSameFamily extends Composite {
  readonly mixture: Categorical;
  readonly component: Distribution;

  constructor(mixture: Categorical, component: Distribution, options?: DistributionOptions) {
    const rank = component.batchShape.length;
    const k = component.batchShape[rank - 1];
    if (rank < 1 || k !== mixture.numEvents)
      throw new ShapeError(
        `MixtureSameFamily: the mixture has ${mixture.numEvents} classes, the component's batch shape is ${show(component.batchShape)}; its last dimension must be the classes`,
      );
    const batch = component.batchShape.slice(0, -1);
    if (!sameShape(batch, mixture.batchShape) && mixture.batchShape.length > 0)
      throw new ShapeError(
        `MixtureSameFamily: the mixture's batch shape is ${show(mixture.batchShape)}, the component's without its classes ${show(batch)}; they must be equal`,
      );
    super(batch, component.eventShape, options);
    this.mixture = mixture;
    this.component = component;
  }
  override get dtype(): Tensor['dtype'] {
    return this.component.dtype;
  }
  override get support(): Constraint {
    const { support } = this.component;
    // bounds of the components lie along the classes
    return new Constraint(support.name, (x) => support.check(this.pad(x)).select(-1, 0), {
      eventDim: support.eventDim,
      isDiscrete: support.isDiscrete,
    });
  }
  /** A value with a dimension for the classes. */
  private pad(x: Tensor): Tensor {
    return unsqueeze(x, -1 - this.eventShape.length);
  }
  /** Probabilities of the classes with dimensions for the event. */
  private get weights(): Tensor {
    const { probs } = this.mixture;
    return reshape(probs, [...probs.shape, ...this.eventShape.map(() => 1)]);
  }
  override get mean(): Tensor {
    return sum(this.weights.mul(this.component.mean), { dim: -1 - this.eventShape.length });
  }
  /** The mean of the variances plus the variance of the means. */
  override get variance(): Tensor {
    const dim = { dim: -1 - this.eventShape.length };
    const spread = this.component.mean.sub(this.pad(this.mean)).square();
    return sum(this.weights.mul(this.component.variance.add(spread)), dim);
  }
  override cdf(value: Parameter): Tensor {
    return sum(this.component.cdf(this.pad(this.checked('cdf', value))).mul(this.mixture.probs), { dim: -1 });
  }
  override logProb(value: Parameter): Tensor {
    const each = this.component.logProb(this.pad(this.checked('logProb', value)));
    return logsumexp(each.add(logSoftmax(this.mixture.logits, -1)), -1);
  }
  override sample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    return noGrad(() => {
      const shape = this.sampleShape(sampleShape);
      const batch = shape.slice(0, shape.length - this.eventShape.length);
      const mixture = this.mixture.batchShape.length === this.batchShape.length ? this.mixture : this.mixture.expand(this.batchShape);
      const classes = mixture.sample(sampleShape, options);
      const values = this.component.sample(sampleShape, options);
      const index = expandTo(reshape(classes, [...batch, 1, ...this.eventShape.map(() => 1)]), [...batch, 1, ...this.eventShape]);
      const dim = batch.length;
      return squeeze(gather(values, dim, index), dim);
    });
  }
  override expand(batchShape: Shape): this {
    const k = this.mixture.numEvents;
    return this.copyWith({ batchShape, mixture: this.mixture.expand(batchShape), component: this.component.expand([...batchShape, k]) });
  }
  override toString(): string {
    return `MixtureSameFamily(${String(this.mixture)}, ${String(this.component)})`;
  }
}

/** The distribution of a base distribution's values after transforms. */
export class TransformedDistribution extends Composite {
  readonly base: Distribution;
  readonly transform: Transform;

  constructor(base: Distribution, transforms: Transform | readonly Transform[], options?: DistributionOptions) {
    const transform = Array.isArray(transforms) ? new ComposeTransform(transforms as readonly Transform[]) : (transforms as Transform);
    // batch dimensions that the transform mixes become dimensions of the value
    const missing = Math.max(0, transform.domainDim - base.eventShape.length);
    if (missing > base.batchShape.length)
      throw new ShapeError(
        `TransformedDistribution: the transform acts on ${transform.domainDim} dimension(s), the base has ${base.batchShape.length + base.eventShape.length}`,
      );
    const inner = missing > 0 ? new Independent(base, missing) : base;
    const shape = transform.forwardShape([...inner.batchShape, ...inner.eventShape]);
    const eventDims = transform.codomainDim + inner.eventShape.length - transform.domainDim;
    const at = shape.length - eventDims;
    super(shape.slice(0, at), shape.slice(at), options);
    this.base = inner;
    this.transform = transform;
  }
  override get dtype(): Tensor['dtype'] {
    return this.base.dtype;
  }
  override get support(): Constraint {
    const { codomain } = this.transform;
    const more = this.eventShape.length - codomain.eventDim;
    return more > 0 ? independent(codomain, more) : codomain;
  }
  override get hasRsample(): boolean {
    return this.base.hasRsample;
  }
  override get mean(): Tensor {
    return this.missing('mean');
  }
  override get variance(): Tensor {
    return this.missing('variance');
  }
  override sample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    return noGrad(() => this.transform.call(this.base.sample(sampleShape, options)));
  }
  override rsample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    return this.transform.call(this.base.rsample(sampleShape, options));
  }
  override logProb(value: Parameter): Tensor {
    const y = this.checked('logProb', value);
    const x = this.transform.inverse(y);
    const jacobian = sumLast(this.transform.logAbsDetJacobian(x, y), this.eventShape.length - this.transform.codomainDim);
    return this.base.logProb(x).sub(jacobian);
  }
  /** A falling transform turns the tails around. */
  private turned(p: Tensor): Tensor {
    const sign = this.transform.sign;
    if (sign === null) return this.missing('cdf of a transform that does not only rise or only fall');
    return sign instanceof Tensor ? p.sub(0.5).mul(sign).add(0.5) : sign > 0 ? p : p.rsub(1);
  }
  override cdf(value: Parameter): Tensor {
    const y = this.checked('cdf', value);
    return this.turned(this.base.cdf(this.transform.inverse(y)));
  }
  override icdf(p: Parameter): Tensor {
    const t = p instanceof Tensor ? p : this.checked('icdf', p, this.support);
    return this.transform.call(this.base.icdf(this.turned(t)));
  }
  override expand(batchShape: Shape): this {
    const own = this.base.batchShape.length - this.batchShape.length;
    return this.copyWith({
      batchShape,
      base: this.base.expand([...batchShape, ...this.base.batchShape.slice(this.base.batchShape.length - own)]),
    });
  }
  override toString(): string {
    return `TransformedDistribution(${String(this.base)}, ${String(this.transform)})`;
  }
}
