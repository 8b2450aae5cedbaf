// A schedule that follows a measure of success: it lowers the rate when the measure has stopped improving.

import { ValueError } from '../../runtime/errors.ts';
import { recording } from '../../runtime/recording.ts';
import { dataOf, perGroup, restoreData, type Scheduled, type SchedulerState, wholeNumber } from './scheduler.ts';

export interface PlateauOptions {
  /** Whether the measure is to fall or to rise. Default 'min'. */
  mode?: 'min' | 'max';
  /** The rate is multiplied by it. Default 0.1. */
  factor?: number;
  /** Epochs without improvement that are tolerated. Default 10. */
  patience?: number;
  /** Smallest change that counts as improvement. Default 1e-4. */
  threshold?: number;
  /** Whether the threshold is a share of the best measure or a difference. Default 'rel'. */
  thresholdMode?: 'rel' | 'abs';
  /** Epochs after a reduction in which bad ones are not counted. Default 0. */
  cooldown?: number;
  /** Smallest rate, for all groups or for each. Default 0. */
  minLr?: number | readonly number[];
  /** Reductions by less are not made. Default 1e-8. */
  eps?: number;
}

/** Lowers the rate when a measure has stopped improving: call `step(measure)` after each epoch. */
export class ReduceLROnPlateau {
  readonly optimizer: Scheduled;
  lastEpoch = 0;
  protected readonly mode: 'min' | 'max';
  protected readonly factor: number;
  protected readonly patience: number;
  protected readonly threshold: number;
  protected readonly relative: boolean;
  protected readonly cooldown: number;
  protected readonly minLrs: number[];
  protected readonly eps: number;
  /** Best measure so far; null before the first. */
  protected best: number | null = null;
  protected badEpochs = 0;
  protected cooldownLeft = 0;
  protected lastLr: number[];

  constructor(
    optimizer: Scheduled,
    {
      mode = 'min',
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      thresholdMode = 'rel',
      cooldown = 0,
      minLr = 0,
      eps = 1e-8,
    }: PlateauOptions = {},
  ) {
    if (mode !== 'min' && mode !== 'max') throw new ValueError(`ReduceLROnPlateau: mode '${String(mode)}' is unknown; use 'min' or 'max'`);
    if (thresholdMode !== 'rel' && thresholdMode !== 'abs')
      throw new ValueError(`ReduceLROnPlateau: thresholdMode '${String(thresholdMode)}' is unknown; use 'rel' or 'abs'`);
    if (!(factor < 1 && factor >= 0)) throw new ValueError(`ReduceLROnPlateau: factor ${factor} must be at least 0 and below 1`);
    wholeNumber('ReduceLROnPlateau', 'patience', patience, 0);
    wholeNumber('ReduceLROnPlateau', 'cooldown', cooldown, 0);
    this.optimizer = optimizer;
    this.mode = mode;
    this.factor = factor;
    this.patience = patience;
    this.threshold = threshold;
    this.relative = thresholdMode === 'rel';
    this.cooldown = cooldown;
    this.minLrs = perGroup('ReduceLROnPlateau', 'minLr', minLr, optimizer.paramGroups.length);
    this.eps = eps;
    this.lastLr = optimizer.paramGroups.map((g) => g.lr);
  }

  #improves(measure: number): boolean {
    if (this.best === null) return true;
    const sign = this.mode === 'min' ? -1 : 1;
    const bound = this.relative ? this.best * (1 + sign * this.threshold) : this.best + sign * this.threshold;
    return sign * (measure - bound) > 0;
  }

  /** Takes the measure of an epoch, a number. */
  step(measure: number): void {
    if (recording !== null) recording.refuse('a learning-rate schedule steps');
    if (typeof measure !== 'number')
      throw new ValueError('ReduceLROnPlateau: step needs the measure as a number; await item() of a tensor first');
    this.lastEpoch++;
    if (this.#improves(measure)) {
      this.best = measure;
      this.badEpochs = 0;
    } else this.badEpochs++;
    if (this.cooldownLeft > 0) {
      this.cooldownLeft--;
      this.badEpochs = 0;
    }
    if (this.badEpochs > this.patience) {
      this.optimizer.paramGroups.forEach((g, i) => {
        const lower = Math.max(g.lr * this.factor, this.minLrs[i]);
        if (g.lr - lower > this.eps) g.lr = lower;
      });
      this.cooldownLeft = this.cooldown;
      this.badEpochs = 0;
    }
    this.lastLr = this.optimizer.paramGroups.map((g) => g.lr);
  }

  /** Rates of the groups after the last step. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** What changes from epoch to epoch, and the numbers of the schedule. */
  stateDict(): SchedulerState {
    return dataOf(this);
  }

  /** Goes on where `stateDict` was taken; load the optimizer's state as well. */
  loadStateDict(state: SchedulerState): void {
    restoreData(this, state);
  }
}
