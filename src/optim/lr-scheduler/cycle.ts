// Schedules that count steps rather than epochs: rates that go up and down again and again, and the one-cycle policy.

import { ValueError } from '../../runtime/errors.ts';
import { finite, LRScheduler, perGroup, type Scheduled, type ScheduledGroup, type SchedulerOptions, wholeNumber } from './scheduler.ts';

/** Whether a group's momentum is called betas[0]. ValueError for an optimizer without momentum. */
function momentumIsBeta(scheduler: string, optimizer: Scheduled): boolean {
  const [g] = optimizer.paramGroups;
  if (g.betas !== undefined) return true;
  if (g.momentum !== undefined) return false;
  throw new ValueError(`${scheduler}: the optimizer has no momentum to cycle; pass { cycleMomentum: false }`);
}

function setMomentum(g: ScheduledGroup, value: number): void {
  if (g.betas !== undefined) g.betas = [value, g.betas[1]];
  else g.momentum = value;
}

export interface CyclicOptions extends SchedulerOptions {
  /** Steps of the rising half. Default 2000. */
  stepSizeUp?: number;
  /** Steps of the falling half. Default: as many. */
  stepSizeDown?: number;
  /** 'triangular' keeps the height, 'triangular2' halves it each cycle, 'exp_range' multiplies it by gamma each step. */
  mode?: 'triangular' | 'triangular2' | 'exp_range';
  /** Factor a step of 'exp_range'. Default 1. */
  gamma?: number;
  /** Factor of the height, in place of a mode. */
  scaleFn?: (x: number) => number;
  /** What scaleFn is a function of: the number of the cycle from 1, or of the step. Default 'cycle'. */
  scaleMode?: 'cycle' | 'iterations';
  /** Moves the momentum the other way. Default true. */
  cycleMomentum?: boolean;
  /** Default 0.8. */
  baseMomentum?: number | readonly number[];
  /** Default 0.9. */
  maxMomentum?: number | readonly number[];
}

/** Rates that go linearly between baseLr and maxLr and back (Smith, 2017). Call `step` after each batch. */
export class CyclicLR extends LRScheduler {
  protected readonly maxLrs: number[];
  protected readonly totalSize: number;
  protected readonly upShare: number;
  protected readonly baseMomenta: number[];
  protected readonly maxMomenta: number[];
  protected readonly cycleMomentum: boolean;
  protected readonly scaleMode: 'cycle' | 'iterations';
  readonly #scale: (x: number) => number;

  constructor(
    optimizer: Scheduled,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    {
      stepSizeUp = 2000,
      stepSizeDown = stepSizeUp,
      mode = 'triangular',
      gamma = 1,
      scaleFn,
      scaleMode = 'cycle',
      cycleMomentum = true,
      baseMomentum = 0.8,
      maxMomentum = 0.9,
      lastEpoch = -1,
    }: CyclicOptions = {},
  ) {
    const groups = optimizer.paramGroups;
    const base = perGroup('CyclicLR', 'baseLr', baseLr, groups.length);
    if (lastEpoch === -1)
      groups.forEach((g, i) => {
        g.lr = g.initialLr = base[i];
      });
    super(optimizer, { lastEpoch });
    for (const [name, n] of [
      ['stepSizeUp', stepSizeUp],
      ['stepSizeDown', stepSizeDown],
    ] as const)
      if (!(n > 0)) throw new ValueError(`CyclicLR: ${name} ${n} must be above 0`);
    if (scaleMode !== 'cycle' && scaleMode !== 'iterations')
      throw new ValueError(`CyclicLR: scaleMode '${String(scaleMode)}' is unknown; use 'cycle' or 'iterations'`);
    const modes: Record<string, [(x: number) => number, 'cycle' | 'iterations']> = {
      triangular: [() => 1, 'cycle'],
      triangular2: [(x) => 1 / 2 ** (x - 1), 'cycle'],
      exp_range: [(x) => gamma ** x, 'iterations'],
    };
    if (scaleFn === undefined && !Object.hasOwn(modes, mode))
      throw new ValueError(`CyclicLR: mode '${String(mode)}' is unknown; use ${Object.keys(modes).join(', ')}, or give scaleFn`);
    [this.#scale, this.scaleMode] = scaleFn === undefined ? modes[mode] : [scaleFn, scaleMode];
    this.maxLrs = perGroup('CyclicLR', 'maxLr', maxLr, groups.length);
    this.totalSize = stepSizeUp + stepSizeDown;
    this.upShare = stepSizeUp / this.totalSize;
    this.cycleMomentum = cycleMomentum;
    this.baseMomenta = perGroup('CyclicLR', 'baseMomentum', baseMomentum, groups.length);
    this.maxMomenta = perGroup('CyclicLR', 'maxMomentum', maxMomentum, groups.length);
    if (cycleMomentum) momentumIsBeta('CyclicLR', optimizer);
    this.begin();
  }

  /** How far up the triangle is, 0 to 1, times the scale of the height. */
  #height(): number {
    const cycle = Math.floor(1 + this.lastEpoch / this.totalSize);
    const x = 1 + this.lastEpoch / this.totalSize - cycle;
    const up = x <= this.upShare ? x / this.upShare : (x - 1) / (this.upShare - 1);
    return up * this.#scale(this.scaleMode === 'cycle' ? cycle : this.lastEpoch);
  }

  protected rate(i: number): number {
    const height = this.#height();
    if (this.cycleMomentum)
      setMomentum(this.optimizer.paramGroups[i], this.maxMomenta[i] - (this.maxMomenta[i] - this.baseMomenta[i]) * height);
    return this.baseLrs[i] + (this.maxLrs[i] - this.baseLrs[i]) * height;
  }
}

export interface OneCycleOptions extends SchedulerOptions {
  /** Steps of the whole run; or give epochs and stepsPerEpoch. */
  totalSteps?: number;
  epochs?: number;
  stepsPerEpoch?: number;
  /** Share of the steps in which the rate rises. Default 0.3. */
  pctStart?: number;
  /** Default 'cos'. */
  annealStrategy?: 'cos' | 'linear';
  /** Moves the momentum the other way. Default true. */
  cycleMomentum?: boolean;
  /** Default 0.85. */
  baseMomentum?: number | readonly number[];
  /** Default 0.95. */
  maxMomentum?: number | readonly number[];
  /** The first rate is maxLr/divFactor. Default 25. */
  divFactor?: number;
  /** The last rate is the first/finalDivFactor. Default 1e4. */
  finalDivFactor?: number;
  /** Falls as long as it rose, then to the last rate in a third phase. Default false. */
  threePhase?: boolean;
}

/** A phase that ends with step `end`: rate and momentum go from one of their levels to another. */
interface Phase {
  end: number;
  rates: readonly [number, number];
  momenta: readonly [number, number];
}

// levels of the rate: 0 first, 1 highest, 2 last; of the momentum: 0 base, 1 highest
const up = (end: number): Phase => ({ end, rates: [0, 1], momenta: [1, 0] });

/** One cycle for the whole run: up to maxLr, then down far below the first rate (Smith and Topin, 2018). Call `step` after each batch. */
export class OneCycleLR extends LRScheduler {
  readonly totalSteps: number;
  protected readonly levels: number[][];
  protected readonly momenta: number[][];
  protected readonly cycleMomentum: boolean;
  protected readonly linear: boolean;
  readonly #phases: Phase[];

  constructor(
    optimizer: Scheduled,
    maxLr: number | readonly number[],
    {
      totalSteps,
      epochs,
      stepsPerEpoch,
      pctStart = 0.3,
      annealStrategy = 'cos',
      cycleMomentum = true,
      baseMomentum = 0.85,
      maxMomentum = 0.95,
      divFactor = 25,
      finalDivFactor = 1e4,
      threePhase = false,
      lastEpoch = -1,
    }: OneCycleOptions = {},
  ) {
    const groups = optimizer.paramGroups;
    const highest = perGroup('OneCycleLR', 'maxLr', maxLr, groups.length);
    for (const lr of highest) finite('OneCycleLR', 'maxLr', lr);
    for (const [name, n] of [
      ['divFactor', divFactor],
      ['finalDivFactor', finalDivFactor],
    ] as const)
      if (!(n > 0)) throw new ValueError(`OneCycleLR: ${name} ${n} must be above 0`);
    if (lastEpoch === -1)
      groups.forEach((g, i) => {
        g.lr = g.initialLr = highest[i] / divFactor;
      });
    super(optimizer, { lastEpoch });
    if (totalSteps === undefined && (epochs === undefined || stepsPerEpoch === undefined))
      throw new ValueError('OneCycleLR: the length of the run is missing; give totalSteps, or epochs and stepsPerEpoch');
    this.totalSteps = totalSteps ?? (epochs as number) * (stepsPerEpoch as number);
    wholeNumber('OneCycleLR', 'totalSteps', this.totalSteps);
    if (!(pctStart >= 0 && pctStart <= 1)) throw new ValueError(`OneCycleLR: pctStart ${pctStart} must be from 0 to 1`);
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear')
      throw new ValueError(`OneCycleLR: annealStrategy '${String(annealStrategy)}' is unknown; use 'cos' or 'linear'`);
    this.linear = annealStrategy === 'linear';
    this.levels = highest.map((lr) => [lr / divFactor, lr, lr / divFactor / finalDivFactor]);
    this.cycleMomentum = cycleMomentum;
    const most = perGroup('OneCycleLR', 'maxMomentum', maxMomentum, groups.length);
    this.momenta = perGroup('OneCycleLR', 'baseMomentum', baseMomentum, groups.length).map((m, i) => [m, most[i]]);
    if (cycleMomentum) momentumIsBeta('OneCycleLR', optimizer);
    const [rise, last] = [pctStart * this.totalSteps, this.totalSteps - 1];
    this.#phases = threePhase
      ? [up(rise - 1), { end: 2 * rise - 2, rates: [1, 0], momenta: [0, 1] }, { end: last, rates: [0, 2], momenta: [1, 1] }]
      : [up(rise - 1), { end: last, rates: [1, 2], momenta: [0, 1] }];
    this.begin();
  }

  /** Goes to the next step. ValueError beyond the last one. */
  override step(): void {
    if (this.lastEpoch + 1 > this.totalSteps)
      throw new ValueError(`OneCycleLR: step was called more often than the ${this.totalSteps} steps of the cycle; make the cycle longer`);
    super.step();
  }

  protected rate(i: number): number {
    const at = this.lastEpoch;
    const k = this.#phases.findIndex((p, j) => at <= p.end || j === this.#phases.length - 1);
    const phase = this.#phases[k];
    const begin = k === 0 ? 0 : this.#phases[k - 1].end;
    const x = (at - begin) / (phase.end - begin);
    const between = (levels: readonly number[], [from, to]: readonly [number, number]): number => {
      const share = this.linear ? x : (1 - Math.cos(Math.PI * x)) / 2;
      return levels[from] + (levels[to] - levels[from]) * share;
    };
    if (this.cycleMomentum) setMomentum(this.optimizer.paramGroups[i], between(this.momenta[i], phase.momenta));
    return between(this.levels[i], phase.rates);
  }
}
