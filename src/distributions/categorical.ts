// Distributions over k classes: one class (as a number or as a vector with one 1), or counts of many draws.

import { noGrad } from '../autograd/mode.ts';
import { arange, empty, eye, full, writeValues } from '../ops/create.ts';
import { maximum, where } from '../ops/elementwise.ts';
import { gather } from '../ops/gather.ts';
import { multinomial as drawClasses, numbersOf } from '../ops/random.ts';
import { sampleBinomial } from '../ops/random-host.ts';
import { argmax, sum } from '../ops/reduce.ts';
import { logsumexp } from '../ops/reduce-more.ts';
import { softmax } from '../ops/softmax.ts';
import { expand, reshape, squeeze, transpose, unsqueeze } from '../ops/view.ts';
import { ShapeError, ValueError } from '../runtime/errors.ts';
import { HostRandom } from '../runtime/random.ts';
import { broadcastShapes, numelOf, type Shape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { Binomial, enumerated, oneOf, probabilityMargin } from './bernoulli.ts';
import { type Constraint, integerInterval, multinomialCounts, oneHot, realVector, simplex } from './constraints.ts';
import { Distribution, type DistributionOptions, expandTo, type Parameter, type SampleOptions } from './distribution.ts';

/** Probabilities of the classes [..., k], which are divided by their sum, or logarithms of them up to a constant. */
export type ClassOptions = DistributionOptions & { probs?: Tensor; logits?: Tensor };

const constraints = { probs: simplex, logits: realVector };
const last = { dim: -1, keepdim: true } as const;

function normalized(name: string, options: ClassOptions): { probs: Tensor } | { logits: Tensor } {
  const given = oneOf(name, options);
  const t = 'probs' in given ? given.probs : given.logits;
  if (!(t instanceof Tensor) || t.ndim < 1)
    throw new ShapeError(`${name}: ${'probs' in given ? 'probs' : 'logits'} must be a tensor of at least one dimension, the classes`);
  return 'probs' in given ? { probs: t.div(sum(t, last)) } : { logits: t.sub(logsumexp(t, -1, { keepdim: true })) };
}

/** What the distributions over classes share. */
abstract class Classes extends Distribution {
  protected constructor(name: string, { validateArgs, ...given }: ClassOptions, eventShape: (k: number) => Shape) {
    const params = normalized(name, given);
    super(params, constraints, { validateArgs }, eventShape(Object.values(params)[0].shape.at(-1) as number));
  }
  /** Probabilities of the classes. */
  get probs(): Tensor {
    return this.params.probs ?? softmax(this.params.logits, -1);
  }
  /** Logarithms of the probabilities; zeros count as the dtype's unit of rounding. */
  get logits(): Tensor {
    if (this.params.logits !== undefined) return this.params.logits;
    const margin = probabilityMargin(this.dtype);
    return this.params.probs.clamp({ min: margin, max: 1 - margin }).log();
  }
  /** Number of classes. */
  get numEvents(): number {
    return Object.values(this.params)[0].shape.at(-1) as number;
  }
  override entropy(): Tensor {
    // the lowest number in place of -∞, so that impossible classes count as 0
    const lowest = this.dtype === 'float64' ? -Number.MAX_VALUE : -3.4028234663852886e38;
    return sum(maximum(this.logits, lowest).mul(this.probs), { dim: -1 }).neg();
  }

  /** Class numbers [...sampleShape, ...batchShape], int64. */
  protected drawnClasses(sampleShape: Shape, options: SampleOptions): Tensor {
    return noGrad(() => {
      const rows = reshape(this.probs, [-1, this.numEvents]);
      const n = numelOf(sampleShape);
      const shape = [...sampleShape, ...this.batchShape];
      if (n === 0 || rows.shape[0] === 0) return empty(shape, { dtype: 'int64' });
      return reshape(transpose(drawClasses(rows, n, { replacement: true, ...options }), 0, 1), shape);
    });
  }

  /** Log-probabilities of class numbers. */
  protected logProbOfClass(classes: Tensor): Tensor {
    const shape = broadcastShapes('logProb', classes.shape, this.batchShape);
    const index = unsqueeze(expandTo(classes.to('int64'), shape), -1);
    return squeeze(gather(expandTo(this.logits, [...shape, this.numEvents]), -1, index), -1);
  }
}

/** One of k classes, as its number. */
export class Categorical extends Classes {
  constructor(options: ClassOptions) {
    super('Categorical', options, () => []);
  }
  override get support(): Constraint {
    return integerInterval(0, this.numEvents - 1);
  }
  override get hasEnumerateSupport(): boolean {
    return true;
  }
  override enumerateSupport({ expand: full = true }: { expand?: boolean } = {}): Tensor {
    return enumerated(this.numEvents, this.batchShape, 'int64', full);
  }
  /** NaN: the numbers of classes have no mean. */
  override get mean(): Tensor {
    return full(this.batchShape, Number.NaN, { dtype: this.dtype });
  }
  /** NaN: the numbers of classes have no variance. */
  override get variance(): Tensor {
    return this.mean;
  }
  override get mode(): Tensor {
    return argmax(this.probs.detach(), -1);
  }
  override logProb(value: Parameter): Tensor {
    return this.logProbOfClass(this.checked('logProb', value));
  }
  override sample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    this.sampleShape(sampleShape);
    return this.drawnClasses(sampleShape, options);
  }
}

/** One of k classes, as a vector with one 1. */
export class OneHotCategorical extends Classes {
  constructor(options: ClassOptions) {
    super('OneHotCategorical', options, (k) => [k]);
  }
  override get support(): Constraint {
    return oneHot;
  }
  override get hasEnumerateSupport(): boolean {
    return true;
  }
  override enumerateSupport({ expand: full = true }: { expand?: boolean } = {}): Tensor {
    const k = this.numEvents;
    const values = reshape(eye(k, { dtype: this.dtype }), [k, ...this.batchShape.map(() => 1), k]);
    return full ? expand(values, [k, ...this.batchShape, k]) : values;
  }
  override get mean(): Tensor {
    return this.probs;
  }
  override get variance(): Tensor {
    return this.probs.mul(this.probs.rsub(1));
  }
  override get mode(): Tensor {
    return this.hot(argmax(this.probs.detach(), -1));
  }
  private hot(classes: Tensor): Tensor {
    return arange(0, this.numEvents).eq(unsqueeze(classes, -1)).to(this.dtype);
  }
  override logProb(value: Parameter): Tensor {
    return this.logProbOfClass(argmax(this.checked('logProb', value), -1));
  }
  override sample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    this.sampleShape(sampleShape);
    return this.hot(this.drawnClasses(sampleShape, options));
  }
}

/** Counts of the classes in totalCount draws: vectors of k numbers that sum to totalCount. */
export class Multinomial extends Classes {
  readonly totalCount: number;

  constructor({ totalCount = 1, ...options }: ClassOptions & { totalCount?: number }) {
    if (!(Number.isInteger(totalCount) && totalCount >= 0))
      throw new ValueError(
        `Multinomial: totalCount ${String(totalCount)} must be a whole number of at least 0, the same for all of the batch`,
      );
    super('Multinomial', options, (k) => [k]);
    this.totalCount = totalCount;
  }
  override get support(): Constraint {
    return multinomialCounts(this.totalCount);
  }
  override get mean(): Tensor {
    return this.probs.mul(this.totalCount);
  }
  override get variance(): Tensor {
    return this.probs.mul(this.totalCount).mul(this.probs.rsub(1));
  }
  override logProb(value: Parameter): Tensor {
    const counts = this.checked('logProb', value);
    const logits = this.logits;
    // a class of probability 0 that was not drawn takes no part
    const terms = where(counts.eq(0).logicalAnd(logits.eq(Number.NEGATIVE_INFINITY)), 0, logits.mul(counts));
    return sum(counts, { dim: -1 })
      .to(this.dtype)
      .add(1)
      .lgamma()
      .sub(sum(counts.to(this.dtype).add(1).lgamma(), { dim: -1 }))
      .add(sum(terms, { dim: -1 }));
  }
  override entropy(): Tensor {
    const n = this.totalCount;
    const logFactorial = full([], n + 1, { dtype: this.dtype }).lgamma();
    const one = super.entropy().mul(n).sub(logFactorial);
    if (n === 0) return one;
    // the expected ln(count!) of each class, whose counts are binomial
    const each = new Binomial({ totalCount: n, probs: this.probs, validateArgs: false });
    const support = each.enumerateSupport({ expand: false }).slice(0, 1);
    return one.add(sum(each.logProb(support).exp().mul(support.add(1).lgamma()), { dim: [0, -1] }));
  }
  /** Binomial numbers class by class, out of what is left. */
  override sample(sampleShape: Shape = [], { generator }: SampleOptions = {}): Tensor {
    const shape = this.sampleShape(sampleShape);
    const k = this.numEvents;
    const probs = numbersOf(this.probs.detach());
    const random = new HostRandom(generator);
    const counts = new Float64Array(numelOf(shape));
    for (let at = 0; at < counts.length; at += k) {
      const row = probs.subarray(at % probs.length, (at % probs.length) + k);
      const end = row.findLastIndex((p) => p > 0); // it takes what is left, whatever rounding says
      let left = this.totalCount;
      let mass = 1;
      for (let i = 0; i <= end; i++) {
        const drawn = i === end || row[i] >= mass ? left : sampleBinomial(left, row[i] / mass, random);
        counts[at + i] = drawn;
        left -= drawn;
        mass -= row[i];
      }
    }
    const out = empty(shape, { dtype: this.dtype });
    writeValues(out, counts);
    return out;
  }
  override toString(): string {
    return `Multinomial(totalCount: ${this.totalCount}, classes: ${show(this.eventShape)})`;
  }
}
