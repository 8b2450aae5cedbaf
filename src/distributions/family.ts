// Families of distributions of one number, given by formulas. A formula is a scalar expression over the value and the parameters: one
// fused pass over memory forward and one backward, with derivatives of any order.

import { noGrad } from '../autograd/mode.ts';
import { full, rand, randn } from '../ops/create.ts';
import { apply, type ElementwiseOp } from '../ops/elementwise-apply.ts';
import { logGamma } from '../ops/random.ts';
import { type Expr, input, inputsOf, lit, max, substitute } from '../ops/scalar.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Constraint, unitInterval } from './constraints.ts';
import { Distribution, type DistributionOptions, expandTo, type Parameter, type SampleOptions } from './distribution.ts';

/** A formula over the value (or noise) and the parameters in their order. */
type OfValue = (x: Expr, ...params: Expr[]) => Expr;
/** A formula over the parameters in their order. */
type OfParams = (...params: Expr[]) => Expr;

/** The noise that samples are made of. */
type Noise = 'uniform' | 'normal' | 'logGamma';

export interface FamilyFormulas {
  params: Readonly<Record<string, Constraint>>;
  support: Constraint | ((params: Readonly<Record<string, Tensor>>) => Constraint);
  logProb: OfValue;
  cdf?: OfValue;
  icdf?: OfValue;
  mean: OfParams | number;
  variance: OfParams | number;
  stddev?: OfParams;
  mode?: OfParams | number;
  entropy?: OfParams;
  /** How samples come from noise. Default: icdf of a uniform number above 0. logGamma noise has the first parameter as its shape. */
  sample?: { noise: Noise; from: OfValue };
  /** Samples have gradients. Default true. */
  reparameterized?: boolean;
}

/** A formula that reads only some of its arguments: the operation over those, and which they are. */
interface Compiled {
  op: ElementwiseOp;
  reads: readonly number[];
}

/** An elementwise operation with the given number of inputs. */
export function formula(name: string, arity: number, f: (...args: Expr[]) => Expr): Compiled {
  const expr = f(...Array.from({ length: arity }, (_, i) => input(i)));
  const reads = [...inputsOf(expr)].sort((a, b) => a - b);
  const renumbered = substitute(expr, (e) => (e.op === 'in' ? input(reads.indexOf(e.value)) : undefined));
  return { op: { name, doc: name, arity: reads.length, expr: renumbered, dtype: 'float' }, reads };
}

/** Applies a formula; `arg` gives the arguments that it reads. The result has their broadcast shape. */
export const evaluate = ({ op, reads }: Compiled, arg: (i: number) => Parameter): Tensor => apply(op, reads.map(arg));

// the smallest normal float32
const tiny = lit(1.1754943508222875e-38);

/** Formulas compiled as they are used. */
export class Family {
  readonly formulas: FamilyFormulas;
  readonly names: readonly string[];
  readonly #compiled = new Map<string, Compiled>();

  constructor(formulas: FamilyFormulas) {
    this.formulas = formulas;
    this.names = Object.keys(formulas.params);
  }

  compiled(key: string, f: (...args: Expr[]) => Expr, extra: number): Compiled {
    let c = this.#compiled.get(key);
    if (c === undefined) this.#compiled.set(key, (c = formula(key, this.names.length + extra, f)));
    return c;
  }
}

/** A distribution of one number whose class has a `family`. */
export abstract class Univariate extends Distribution {
  protected constructor(params: Readonly<Record<string, Parameter>>, family: Family, options?: DistributionOptions) {
    super(params, family.formulas.params, options);
  }

  protected abstract get family(): Family;

  /** Parameter number i of the family. */
  protected param(i: number): Tensor {
    return this.params[this.family.names[i]];
  }

  /** A formula whose first argument is `first`, the others being the parameters. */
  private at(c: Compiled, first: Tensor): Tensor {
    return evaluate(c, (i) => (i === 0 ? first : this.param(i - 1)));
  }

  override get support(): Constraint {
    const { support } = this.family.formulas;
    return typeof support === 'function' ? support(this.params) : support;
  }
  override get hasRsample(): boolean {
    const { reparameterized = true, sample, icdf } = this.family.formulas;
    return reparameterized && (sample ?? icdf) !== undefined;
  }

  private ofValue(what: 'logProb' | 'cdf' | 'icdf', value: Tensor): Tensor {
    const f = this.family.formulas[what];
    if (f === undefined) return this.missing(what);
    return this.at(this.family.compiled(what, f, 1), value);
  }
  private ofParams(what: 'mean' | 'variance' | 'stddev' | 'mode' | 'entropy'): Tensor {
    const f = this.family.formulas[what];
    if (f === undefined) return this.missing(what);
    if (typeof f === 'number') return full(this.batchShape, f, { dtype: this.dtype });
    return evaluate(this.family.compiled(what, f, 0), (i) => this.param(i));
  }

  override logProb(value: Parameter): Tensor {
    return this.ofValue('logProb', this.checked('logProb', value));
  }
  override cdf(value: Parameter): Tensor {
    return this.ofValue('cdf', this.checked('cdf', value));
  }
  override icdf(p: Parameter): Tensor {
    return this.ofValue('icdf', this.checked('icdf', p, unitInterval));
  }
  override get mean(): Tensor {
    return this.ofParams('mean');
  }
  override get variance(): Tensor {
    return this.ofParams('variance');
  }
  override get stddev(): Tensor {
    return this.family.formulas.stddev === undefined ? super.stddev : this.ofParams('stddev');
  }
  override get mode(): Tensor {
    return this.ofParams('mode');
  }
  override entropy(): Tensor {
    return this.ofParams('entropy');
  }

  /** Samples made of noise. */
  protected drawn(sampleShape: Shape, options: SampleOptions): Tensor {
    const shape = this.sampleShape(sampleShape);
    const { sample, icdf } = this.family.formulas;
    const from = sample?.from ?? icdf;
    if (from === undefined) return this.missing('sample');
    const noise = sample?.noise ?? 'uniform';
    const drawOptions = { ...options, dtype: this.dtype };
    const z =
      noise === 'normal'
        ? randn(shape, drawOptions)
        : noise === 'uniform'
          ? rand(shape, drawOptions)
          : logGamma(expandTo(this.param(0), shape), options);
    const f = noise === 'uniform' ? (u: Expr, ...p: Expr[]) => from(max(u, tiny), ...p) : from;
    return this.at(this.family.compiled('sample', f, 1), z);
  }

  override rsample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    return this.hasRsample ? this.drawn(sampleShape, options) : this.missing('rsample');
  }
  override sample(sampleShape: Shape = [], options: SampleOptions = {}): Tensor {
    return noGrad(() => this.drawn(sampleShape, options));
  }
}
