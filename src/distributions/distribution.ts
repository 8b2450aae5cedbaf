// Distribution: the base class. Parameters are tensors of one batch shape; a distribution is a batch of independent ones.

import { noGrad } from '../autograd/mode.ts';
import { full } from '../ops/create.ts';
import { dataSync } from '../ops/read.ts';
import { expand } from '../ops/view.ts';
import { FathomError, ShapeError, ValueError } from '../runtime/errors.ts';
import type { Generator } from '../runtime/random.ts';
import { checkingValues } from '../runtime/recording.ts';
import { type DType, isFloating } from '../tensor/dtype.ts';
import { broadcastShapes, checkSizes, type Shape, sameShape, show } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Constraint } from './constraints.ts';

export interface DistributionOptions {
  /** Check parameters and values, and throw a ValueError for one that is out of range. Default true. */
  validateArgs?: boolean;
}
export interface SampleOptions {
  /** Default: the default generator. */
  generator?: Generator;
}
/** A parameter: a number for all of the batch, or a tensor. */
export type Parameter = number | Tensor;

let validateByDefault = true;

/** The dtype of parameters: float64 when a tensor is, else float32. */
function dtypeOf(name: string, params: Readonly<Record<string, Parameter>>): DType {
  let dtype: DType | null = null;
  for (const [key, p] of Object.entries(params)) {
    if (typeof p === 'number') continue;
    if (!(p instanceof Tensor)) throw new ValueError(`${name}: ${key} is ${p === null ? 'null' : typeof p}; give a number or a tensor`);
    if (isFloating(p.dtype) && dtype !== 'float64') dtype = p.dtype;
  }
  return dtype ?? 'float32';
}

/** Base class of the distributions. */
export abstract class Distribution {
  /** Shape of the batch of distributions. */
  readonly batchShape: Shape;
  /** Shape of one value of one of them. */
  readonly eventShape: Shape;
  /** The parameters that were given, as tensors of shape [...batchShape, ...event shape of the parameter]. */
  readonly params: Readonly<Record<string, Tensor>>;
  readonly validateArgs: boolean;

  /** `constraints` of the parameters tell by their eventDim which dimensions are not of the batch. */
  constructor(
    params: Readonly<Record<string, Parameter>>,
    constraints: Readonly<Record<string, Constraint>>,
    { validateArgs = validateByDefault }: DistributionOptions = {},
    eventShape: Shape = [],
  ) {
    const name = new.target.name;
    const dtype = dtypeOf(name, params);
    const dims = (key: string): number => constraints[key].eventDim;
    const tensors = Object.entries(params).map(([key, p]): [string, Tensor] => {
      const t = typeof p === 'number' ? full([], p, { dtype }) : isFloating(p.dtype) ? p : p.to(dtype);
      if (t.ndim < dims(key)) throw new ShapeError(`${name}: ${key} is ${show(t.shape)}; it must have at least ${dims(key)} dimension(s)`);
      return [key, t];
    });
    const split = (key: string, t: Tensor): [Shape, Shape] => [t.shape.slice(0, t.ndim - dims(key)), t.shape.slice(t.ndim - dims(key))];
    this.batchShape = broadcastShapes(name, ...tensors.map(([key, t]) => split(key, t)[0]));
    this.eventShape = eventShape;
    this.validateArgs = validateArgs;
    this.params = Object.fromEntries(tensors.map(([key, t]) => [key, expandTo(t, [...this.batchShape, ...split(key, t)[1]])]));
    if (validateArgs) {
      for (const [key, t] of tensors) {
        const c = constraints[key];
        requireThat(`${name}: ${key}`, c, t);
      }
    }
  }

  /** Whether new distributions check their arguments when they are not told. */
  static setDefaultValidateArgs(on: boolean): void {
    validateByDefault = on;
  }

  /** The values that the distribution gives. */
  abstract get support(): Constraint;
  /** True when `rsample` gives samples with gradients. */
  get hasRsample(): boolean {
    return false;
  }
  /** True when `enumerateSupport` lists all values. */
  get hasEnumerateSupport(): boolean {
    return false;
  }

  /** The dtype of probabilities. */
  get dtype(): DType {
    return Object.values(this.params)[0].dtype;
  }

  abstract get mean(): Tensor;
  abstract get variance(): Tensor;
  /** √variance. */
  get stddev(): Tensor {
    return this.variance.sqrt();
  }
  /** The value of highest probability. */
  get mode(): Tensor {
    return this.missing('mode');
  }

  /** Samples of shape [...sampleShape, ...batchShape, ...eventShape], without gradients. */
  sample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    return noGrad(() => this.rsample(sampleShape, options));
  }
  /** Samples that carry gradients to the parameters (the noise is held). */
  rsample(_sampleShape: Shape = [], _options: SampleOptions = {}): Tensor {
    return this.missing('rsample');
  }
  /** Logarithm of the probability, or of its density, of values of shape [...batchShape, ...eventShape] (broadcast). */
  abstract logProb(value: Parameter): Tensor;
  /** Probability of values up to `value`. */
  cdf(_value: Parameter): Tensor {
    return this.missing('cdf');
  }
  /** The value up to which the probability is `p`. */
  icdf(_p: Parameter): Tensor {
    return this.missing('icdf');
  }
  /** Entropy in nats, of shape batchShape. */
  entropy(): Tensor {
    return this.missing('entropy');
  }
  /** e to the entropy. */
  perplexity(): Tensor {
    return this.entropy().exp();
  }
  /** All values: [number of values, ...batchShape, ...eventShape]; with `expand: false` the batch's dimensions are 1. */
  enumerateSupport(_options: { expand?: boolean } = {}): Tensor {
    return this.missing('enumerateSupport');
  }

  /** This distribution with its batch broadcast to a larger shape. */
  expand(batchShape: Shape): this {
    checkSizes('expand', batchShape);
    const own = this.batchShape.length;
    return this.copyWith({
      batchShape,
      params: Object.fromEntries(Object.entries(this.params).map(([k, t]) => [k, expand(t, [...batchShape, ...t.shape.slice(own)])])),
    });
  }

  /** A copy with some fields replaced; it has no private (#) members, so distributions must not use them. */
  protected copyWith(fields: Readonly<Record<string, unknown>>): this {
    return Object.assign(Object.create(Object.getPrototypeOf(this)), this, fields) as this;
  }

  /** Shape of samples. */
  protected sampleShape(sampleShape: Shape): Shape {
    checkSizes(`${this.constructor.name}.sample`, sampleShape);
    return [...sampleShape, ...this.batchShape, ...this.eventShape];
  }

  /** A value as a tensor, checked. ShapeError when it does not broadcast, ValueError when it is not in the support. */
  protected checked(what: string, value: Parameter, support: Constraint = this.support): Tensor {
    const name = `${this.constructor.name}.${what}`;
    if (typeof value !== 'number' && !(value instanceof Tensor))
      throw new ValueError(`${name}: the value is ${typeof value}; give a number or a tensor`);
    const t = typeof value === 'number' ? full([], value, { dtype: this.dtype }) : value;
    if (!this.validateArgs) return t;
    const shape = [...this.batchShape, ...this.eventShape];
    const event = this.eventShape.length;
    if (t.ndim < event || !sameShape(t.shape.slice(t.ndim - event), this.eventShape))
      throw new ShapeError(`${name}: the value is ${show(t.shape)}; its last dimensions must be the event's, ${show(this.eventShape)}`);
    broadcastShapes(name, t.shape, shape);
    requireThat(`${name}: the value`, support, t);
    return t;
  }

  protected missing(what: string): never {
    throw new FathomError(`${this.constructor.name}: ${what} has no known form`);
  }

  toString(): string {
    const list = Object.entries(this.params).map(([k, t]) => `${k}: ${t.numel === 1 ? dataSync(t)[0] : show(t.shape)}`);
    return `${this.constructor.name}(${list.join(', ')})`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** `t` itself when it has the shape, else expanded. */
export const expandTo = (t: Tensor, shape: Shape): Tensor => (sameShape(t.shape, shape) ? t : expand(t, shape));

/** Throws a ValueError that shows the first value outside of the constraint. */
function requireThat(what: string, constraint: Constraint, t: Tensor): void {
  if (t.numel === 0) return;
  const check = (): void => {
    const ok = dataSync(constraint.check(t).contiguous()) as Uint8Array;
    const at = ok.indexOf(0);
    if (at < 0) return;
    const found = constraint.eventDim === 0 ? ` ${Number(dataSync(t.contiguous())[at % t.numel])}` : '';
    const place = constraint.eventDim === 0 && t.ndim > 0 ? ` at flat position ${at}` : '';
    throw new ValueError(
      `${what} must be ${constraint.name}; a tensor of shape ${show(t.shape)} has${found === '' ? ' another value' : found}${place}`,
    );
  };
  checkingValues(() => noGrad(check));
}
