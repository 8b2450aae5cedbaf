// Schedules that multiply: by functions of the epoch, in steps, at milestones, for a while, linearly, exponentially, polynomially.

import { ValueError } from '../../runtime/errors.ts';
import { finite, LRScheduler, perGroup, type Scheduled, type SchedulerOptions, wholeNumber } from './scheduler.ts';

/** A function of the epoch. */
export type EpochFunction = (epoch: number) => number;

function checkFunctions(scheduler: string, functions: readonly unknown[]): void {
  const i = functions.findIndex((f) => typeof f !== 'function');
  if (i >= 0)
    throw new ValueError(`${scheduler}: entry ${i} is ${typeof functions[i]}; give a function of the epoch, or one for each group`);
}

/** The first rate times a function of the epoch, one for all groups or one for each. */
export class LambdaLR extends LRScheduler {
  protected readonly functions: EpochFunction[];

  constructor(optimizer: Scheduled, lrLambda: EpochFunction | readonly EpochFunction[], options: SchedulerOptions = {}) {
    super(optimizer, options);
    this.functions = perGroup('LambdaLR', 'lrLambda', lrLambda, optimizer.paramGroups.length);
    checkFunctions('LambdaLR', this.functions);
    this.begin();
  }

  protected rate(i: number): number {
    return this.baseLrs[i] * this.functions[i](this.lastEpoch);
  }
}

/** The rate times a function of the epoch, after each epoch. */
export class MultiplicativeLR extends LRScheduler {
  protected readonly functions: EpochFunction[];

  constructor(optimizer: Scheduled, lrLambda: EpochFunction | readonly EpochFunction[], options: SchedulerOptions = {}) {
    super(optimizer, options);
    this.functions = perGroup('MultiplicativeLR', 'lrLambda', lrLambda, optimizer.paramGroups.length);
    checkFunctions('MultiplicativeLR', this.functions);
    this.begin();
  }

  protected rate(i: number, lr: number): number {
    return this.lastEpoch > 0 ? lr * this.functions[i](this.lastEpoch) : lr;
  }
}

export interface DecayOptions extends SchedulerOptions {
  /** Factor of each decay. Default 0.1. */
  gamma?: number;
}

/** Multiplies the rate by gamma every `stepSize` epochs. */
export class StepLR extends LRScheduler {
  protected readonly stepSize: number;
  protected readonly gamma: number;

  constructor(optimizer: Scheduled, stepSize: number, { gamma = 0.1, ...options }: DecayOptions = {}) {
    super(optimizer, options);
    wholeNumber('StepLR', 'stepSize', stepSize);
    finite('StepLR', 'gamma', gamma);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.begin();
  }

  protected rate(_: number, lr: number): number {
    return this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? lr : lr * this.gamma;
  }

  protected override closedForm(i: number): number {
    return this.baseLrs[i] * this.gamma ** Math.floor(this.lastEpoch / this.stepSize);
  }
}

/** Multiplies the rate by gamma at each milestone (an epoch; one that is listed twice counts twice). */
export class MultiStepLR extends LRScheduler {
  protected readonly milestones: number[];
  protected readonly gamma: number;

  constructor(optimizer: Scheduled, milestones: readonly number[], { gamma = 0.1, ...options }: DecayOptions = {}) {
    super(optimizer, options);
    for (const m of milestones) wholeNumber('MultiStepLR', 'milestone', m, 0);
    finite('MultiStepLR', 'gamma', gamma);
    this.milestones = [...milestones].sort((a, b) => a - b);
    this.gamma = gamma;
    this.begin();
  }

  protected rate(_: number, lr: number): number {
    return lr * this.gamma ** this.milestones.filter((m) => m === this.lastEpoch).length;
  }

  protected override closedForm(i: number): number {
    return this.baseLrs[i] * this.gamma ** this.milestones.filter((m) => m <= this.lastEpoch).length;
  }
}

/** Multiplies the rate by gamma after each epoch. */
export class ExponentialLR extends LRScheduler {
  protected readonly gamma: number;

  constructor(optimizer: Scheduled, gamma: number, options: SchedulerOptions = {}) {
    super(optimizer, options);
    finite('ExponentialLR', 'gamma', gamma);
    this.gamma = gamma;
    this.begin();
  }

  protected rate(_: number, lr: number): number {
    return this.lastEpoch === 0 ? lr : lr * this.gamma;
  }

  protected override closedForm(i: number): number {
    return this.baseLrs[i] * this.gamma ** this.lastEpoch;
  }
}

export interface ConstantOptions extends SchedulerOptions {
  /** Factor of the first epochs. Default 1/3. */
  factor?: number;
  /** How many epochs. Default 5. */
  totalIters?: number;
}

/** Multiplies the rate by a factor for the first epochs. */
export class ConstantLR extends LRScheduler {
  protected readonly factor: number;
  protected readonly totalIters: number;

  constructor(optimizer: Scheduled, { factor = 1 / 3, totalIters = 5, ...options }: ConstantOptions = {}) {
    super(optimizer, options);
    if (!(factor > 0 && factor <= 1)) throw new ValueError(`ConstantLR: factor ${factor} must be above 0 and at most 1`);
    wholeNumber('ConstantLR', 'totalIters', totalIters, 0);
    this.factor = factor;
    this.totalIters = totalIters;
    this.begin();
  }

  protected rate(_: number, lr: number): number {
    if (this.lastEpoch === 0) return lr * this.factor;
    return this.lastEpoch === this.totalIters ? lr / this.factor : lr;
  }

  protected override closedForm(i: number): number {
    return this.baseLrs[i] * (this.lastEpoch >= this.totalIters ? 1 : this.factor);
  }
}

export interface LinearOptions extends SchedulerOptions {
  /** Factor at epoch 0. Default 1/3. */
  startFactor?: number;
  /** Factor from epoch totalIters on. Default 1. */
  endFactor?: number;
  /** Default 5. */
  totalIters?: number;
}

/** Multiplies the first rate by a factor that goes linearly from startFactor to endFactor. */
export class LinearLR extends LRScheduler {
  protected readonly startFactor: number;
  protected readonly endFactor: number;
  protected readonly totalIters: number;

  constructor(optimizer: Scheduled, { startFactor = 1 / 3, endFactor = 1, totalIters = 5, ...options }: LinearOptions = {}) {
    super(optimizer, options);
    if (!(startFactor > 0 && startFactor <= 1)) throw new ValueError(`LinearLR: startFactor ${startFactor} must be above 0 and at most 1`);
    if (!(endFactor >= 0 && endFactor <= 1)) throw new ValueError(`LinearLR: endFactor ${endFactor} must be from 0 to 1`);
    wholeNumber('LinearLR', 'totalIters', totalIters);
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.begin();
  }

  #factor(epoch: number): number {
    return this.startFactor + ((this.endFactor - this.startFactor) * Math.min(epoch, this.totalIters)) / this.totalIters;
  }

  protected rate(_: number, lr: number): number {
    if (this.lastEpoch === 0) return lr * this.startFactor;
    return this.lastEpoch > this.totalIters ? lr : (lr * this.#factor(this.lastEpoch)) / this.#factor(this.lastEpoch - 1);
  }

  protected override closedForm(i: number): number {
    return this.baseLrs[i] * this.#factor(this.lastEpoch);
  }
}

export interface PolynomialOptions extends SchedulerOptions {
  /** Epoch at which the rate reaches 0. Default 5. */
  totalIters?: number;
  /** Default 1. */
  power?: number;
}

/** The first rate times (1 - epoch/totalIters)^power. */
export class PolynomialLR extends LRScheduler {
  protected readonly totalIters: number;
  protected readonly power: number;

  constructor(optimizer: Scheduled, { totalIters = 5, power = 1, ...options }: PolynomialOptions = {}) {
    super(optimizer, options);
    wholeNumber('PolynomialLR', 'totalIters', totalIters);
    finite('PolynomialLR', 'power', power);
    this.totalIters = totalIters;
    this.power = power;
    this.begin();
  }

  protected rate(_: number, lr: number): number {
    const [e, n] = [this.lastEpoch, this.totalIters];
    return e === 0 || e > n ? lr : lr * ((n - e) / (n - e + 1)) ** this.power;
  }

  protected override closedForm(i: number): number {
    return this.baseLrs[i] * (1 - Math.min(this.lastEpoch, this.totalIters) / this.totalIters) ** this.power;
  }
}
