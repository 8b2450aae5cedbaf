// Cosine annealing, once or with warm restarts (Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts", 2017).

import { ValueError } from '../../runtime/errors.ts';
import { finite, LRScheduler, type Scheduled, type SchedulerOptions, wholeNumber } from './scheduler.ts';

export interface CosineOptions extends SchedulerOptions {
  /** Smallest rate. Default 0. */
  etaMin?: number;
}

/** From the first rate down to etaMin in `tMax` epochs along half a cosine, then up again, and so on. */
export class CosineAnnealingLR extends LRScheduler {
  protected readonly tMax: number;
  protected readonly etaMin: number;

  constructor(optimizer: Scheduled, tMax: number, { etaMin = 0, ...options }: CosineOptions = {}) {
    super(optimizer, options);
    wholeNumber('CosineAnnealingLR', 'tMax', tMax);
    finite('CosineAnnealingLR', 'etaMin', etaMin);
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.begin();
  }

  protected rate(i: number, lr: number): number {
    const [e, n] = [this.lastEpoch, this.tMax];
    if (e === 0) return lr;
    const height = (epoch: number): number => 1 + Math.cos((Math.PI * epoch) / n);
    // at the bottom the rate is etaMin, which no factor leads away from
    if ((e - 1 - n) % (2 * n) === 0) return lr + ((this.baseLrs[i] - this.etaMin) * (1 - Math.cos(Math.PI / n))) / 2;
    return (height(e) / height(e - 1)) * (lr - this.etaMin) + this.etaMin;
  }

  protected override closedForm(i: number): number {
    return this.etaMin + ((this.baseLrs[i] - this.etaMin) * (1 + Math.cos((Math.PI * this.lastEpoch) / this.tMax))) / 2;
  }
}

export interface WarmRestartOptions extends CosineOptions {
  /** Each cycle is this many times as long as the one before. Default 1. */
  tMult?: number;
}

/** Cosine annealing that jumps back to the first rate after `t0` epochs, then after t0·tMult, and so on. */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  protected readonly t0: number;
  protected readonly tMult: number;
  protected readonly etaMin: number;

  constructor(optimizer: Scheduled, t0: number, { tMult = 1, etaMin = 0, ...options }: WarmRestartOptions = {}) {
    super(optimizer, options);
    wholeNumber('CosineAnnealingWarmRestarts', 't0', t0);
    wholeNumber('CosineAnnealingWarmRestarts', 'tMult', tMult);
    finite('CosineAnnealingWarmRestarts', 'etaMin', etaMin);
    this.t0 = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.begin();
  }

  /** Goes to the next epoch, or to `epoch`, which may have a fraction: `step(epoch + batch/batches)` after each batch. */
  override step(epoch?: number): void {
    if (epoch !== undefined && !(epoch >= 0)) throw new ValueError(`CosineAnnealingWarmRestarts: epoch ${epoch} must be at least 0`);
    if (epoch === undefined) super.step();
    else this.jump(epoch);
  }

  protected rate(i: number): number {
    let length = this.t0;
    let at = this.lastEpoch;
    if (this.tMult === 1) at %= length;
    else for (; at >= length; length *= this.tMult) at -= length;
    return this.etaMin + ((this.baseLrs[i] - this.etaMin) * (1 + Math.cos((Math.PI * at) / length))) / 2;
  }
}
