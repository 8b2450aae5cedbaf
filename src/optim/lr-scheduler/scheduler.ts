// What all learning-rate schedules share. A schedule writes the rates of the optimizer's groups when it is made (epoch 0) and after each step.

import { ValueError } from '../../runtime/errors.ts';
import { recording } from '../../runtime/recording.ts';

/** What a schedule needs of a parameter group. */
export interface ScheduledGroup {
  lr: number;
  /** The rate that the group began with; the first schedule notes it. */
  initialLr?: number;
  momentum?: number;
  betas?: readonly [number, number];
}

/** What a schedule needs of an optimizer: every optimizer of this package fits. */
export interface Scheduled {
  readonly paramGroups: ScheduledGroup[];
}

export interface SchedulerOptions {
  /** Epoch that was reached before, to go on with groups that have an `initialLr`. Default -1: begin. */
  lastEpoch?: number;
}

/** State of a schedule, as JSON takes it. */
export type SchedulerState = Record<string, unknown>;

/** A schedule that other schedules can be made of. */
export interface Stepping {
  step(): void;
  getLastLr(): number[];
  stateDict(): SchedulerState;
  loadStateDict(state: SchedulerState): void;
}

/** Fields of a schedule that are data: all but the optimizer, functions and objects that have state of their own. */
export function dataOf(scheduler: object): SchedulerState {
  const isData = (v: unknown): boolean => v === null || typeof v === 'number' || typeof v === 'string' || typeof v === 'boolean';
  return Object.fromEntries(
    Object.entries(scheduler)
      .filter(([, v]) => isData(v) || (Array.isArray(v) && v.every(isData)))
      .map(([k, v]) => [k, Array.isArray(v) ? [...v] : v]),
  );
}

/** Restores what dataOf gave. ValueError for names that the schedule does not have. */
export function restoreData(scheduler: object, state: SchedulerState): void {
  const known = dataOf(scheduler);
  const strange = Object.keys(state).filter((k) => !(k in known));
  if (strange.length > 0)
    throw new ValueError(
      `${scheduler.constructor.name}: the state has ${strange.join(', ')}, which this schedule has not; load the state of the same schedule`,
    );
  Object.assign(scheduler, structuredClone(state));
}

/** Throws unless `value` is a whole number of at least `least`. */
export function wholeNumber(scheduler: string, name: string, value: number, least = 1): void {
  if (!(Number.isInteger(value) && value >= least))
    throw new ValueError(`${scheduler}: ${name} ${value} must be a whole number of at least ${least}`);
}

/** Throws unless `value` is a finite number. */
export function finite(scheduler: string, name: string, value: number): void {
  if (!Number.isFinite(value)) throw new ValueError(`${scheduler}: ${name} ${value} must be a number`);
}

/** One value per group from a list or from one value for all. ValueError when the list has another length. */
export function perGroup<T>(scheduler: string, name: string, value: T | readonly T[], groups: number): T[] {
  if (!Array.isArray(value)) return new Array<T>(groups).fill(value as T);
  if (value.length !== groups)
    throw new ValueError(`${scheduler}: ${name} has ${value.length} entries, the optimizer has ${groups} group(s); give one for each`);
  return [...value];
}

/**
 * Base of the schedules of the epoch. Subclasses write `rate`, which finds the new rate from the current one, so that schedules can be
 * chained, and `closedForm` where the rate follows from the epoch alone; both are called with `lastEpoch` at the new epoch. They call `begin` when their fields are set.
 */
export abstract class LRScheduler implements Stepping {
  readonly optimizer: Scheduled;
  /** The epoch that the rates belong to. */
  lastEpoch: number;
  /** Rates of the groups at epoch 0 before any schedule. */
  protected baseLrs: number[] = [];
  protected lastLr: number[] = [];

  constructor(optimizer: Scheduled, { lastEpoch = -1 }: SchedulerOptions = {}) {
    if (typeof optimizer !== 'object' || optimizer === null || !Array.isArray(optimizer.paramGroups))
      throw new ValueError(`${new.target.name}: the first argument must be an optimizer`);
    this.optimizer = optimizer;
    this.lastEpoch = lastEpoch;
    optimizer.paramGroups.forEach((g, i) => {
      if (lastEpoch === -1) g.initialLr ??= g.lr;
      else if (g.initialLr === undefined)
        throw new ValueError(
          `${new.target.name}: group ${i} has no initialLr to go on from at epoch ${lastEpoch}; load the optimizer's state first, or begin with lastEpoch -1`,
        );
    });
    this.baseLrs = optimizer.paramGroups.map((g) => g.initialLr as number);
  }

  /** The new rate of group `i`, whose rate is `lr` now. */
  protected abstract rate(i: number, lr: number): number;

  /** The rate of group `i` from the epoch alone. */
  protected closedForm(i: number, lr: number): number {
    return this.rate(i, lr);
  }

  /** Takes the first step, to epoch 0. */
  protected begin(): void {
    this.step();
  }

  /** Goes to the next epoch: call it after the optimizer's steps of an epoch (or after each step, for schedules that count steps). */
  step(): void {
    if (recording !== null) recording.refuse('a learning-rate schedule steps');
    this.lastEpoch++;
    this.write((i, lr) => this.rate(i, lr));
  }

  /** Goes to a given epoch. */
  protected jump(epoch: number): void {
    this.lastEpoch = epoch;
    this.write((i, lr) => this.closedForm(i, lr));
  }

  protected write(rate: (i: number, lr: number) => number): void {
    this.optimizer.paramGroups.forEach((g, i) => {
      g.lr = rate(i, g.lr);
    });
    this.lastLr = this.optimizer.paramGroups.map((g) => g.lr);
  }

  /** Rates of the groups as this schedule last wrote them. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** What changes from epoch to epoch, and the numbers of the schedule; functions are not saved. */
  stateDict(): SchedulerState {
    return dataOf(this);
  }

  /** Goes on where `stateDict` was taken; load the optimizer's state as well. */
  loadStateDict(state: SchedulerState): void {
    restoreData(this, state);
  }

  /** For a schedule of schedules: takes back the epoch that making a schedule took. */
  static rewind(s: LRScheduler): void {
    s.lastEpoch--;
  }

  /** For a schedule of schedules: brings a schedule to epoch 0. */
  static restart(s: LRScheduler): void {
    s.jump(0);
  }
}
