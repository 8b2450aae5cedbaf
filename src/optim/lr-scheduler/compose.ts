// Schedules made of schedules: one after another, or all at once.

import { ValueError } from '../../runtime/errors.ts';
import { recording } from '../../runtime/recording.ts';
import {
  dataOf,
  LRScheduler,
  restoreData,
  type Scheduled,
  type SchedulerOptions,
  type SchedulerState,
  type Stepping,
  wholeNumber,
} from './scheduler.ts';

function states(schedulers: readonly Stepping[]): SchedulerState[] {
  return schedulers.map((s) => s.stateDict());
}

function restore(name: string, schedulers: readonly Stepping[], saved: unknown): void {
  if (!Array.isArray(saved) || saved.length !== schedulers.length)
    throw new ValueError(
      `${name}: the state is of ${Array.isArray(saved) ? saved.length : 0} schedule(s), there are ${schedulers.length} here`,
    );
  schedulers.forEach((s, i) => {
    s.loadStateDict(saved[i] as SchedulerState);
  });
}

/** Schedules that take turns: number i until epoch milestones[i], then the next, which begins at its epoch 0. */
export class SequentialLR implements Stepping {
  readonly optimizer: Scheduled;
  lastEpoch: number;
  readonly #schedulers: readonly LRScheduler[];
  protected readonly milestones: number[];
  protected lastLr: number[];

  constructor(
    optimizer: Scheduled,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    { lastEpoch = -1 }: SchedulerOptions = {},
  ) {
    if (schedulers.length === 0) throw new ValueError('SequentialLR: there are no schedules; give at least one');
    if (milestones.length !== schedulers.length - 1)
      throw new ValueError(
        `SequentialLR: ${schedulers.length} schedules need ${schedulers.length - 1} milestones between them, got ${milestones.length}`,
      );
    schedulers.forEach((s, i) => {
      if (!(s instanceof LRScheduler))
        throw new ValueError(`SequentialLR: schedule ${i} does not follow the epoch; ReduceLROnPlateau cannot take part`);
      if (s.optimizer !== optimizer) throw new ValueError(`SequentialLR: schedule ${i} belongs to another optimizer`);
    });
    milestones.forEach((m, i) => {
      wholeNumber('SequentialLR', 'milestone', m);
      if (i > 0 && m <= milestones[i - 1]) throw new ValueError(`SequentialLR: milestones [${milestones.join(', ')}] must rise`);
    });
    this.optimizer = optimizer;
    this.#schedulers = schedulers;
    this.milestones = [...milestones];
    this.lastEpoch = lastEpoch + 1;
    // Each schedule wrote its first rate when it was made: back to where the optimizer began, then the first one alone.
    for (const g of optimizer.paramGroups) g.lr = g.initialLr ?? g.lr;
    for (const s of schedulers) LRScheduler.rewind(s);
    schedulers[0].step();
    this.lastLr = schedulers[0].getLastLr();
  }

  /** Goes to the next epoch. */
  step(): void {
    if (recording !== null) recording.refuse('a learning-rate schedule steps');
    this.lastEpoch++;
    const turn = this.milestones.filter((m) => m <= this.lastEpoch).length;
    const s = this.#schedulers[turn];
    if (turn > 0 && this.milestones[turn - 1] === this.lastEpoch) LRScheduler.restart(s);
    else s.step();
    this.lastLr = s.getLastLr();
  }

  /** Rates of the groups as the current schedule last wrote them. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** State of all schedules. */
  stateDict(): SchedulerState {
    return { ...dataOf(this), schedulers: states(this.#schedulers) };
  }

  /** Goes on where `stateDict` was taken; load the optimizer's state as well. */
  loadStateDict({ schedulers, ...state }: SchedulerState): void {
    restore('SequentialLR', this.#schedulers, schedulers);
    restoreData(this, state);
  }
}

/** Schedules that all step together, each multiplying what the others left. */
export class ChainedScheduler implements Stepping {
  readonly optimizer: Scheduled;
  readonly #schedulers: readonly LRScheduler[];
  protected lastLr: number[];

  constructor(schedulers: readonly LRScheduler[]) {
    if (schedulers.length === 0) throw new ValueError('ChainedScheduler: there are no schedules; give at least one');
    const [{ optimizer }] = schedulers;
    schedulers.forEach((s, i) => {
      if (!(s instanceof LRScheduler))
        throw new ValueError(`ChainedScheduler: schedule ${i} does not follow the epoch; step it on its own`);
      if (s.optimizer !== optimizer) throw new ValueError(`ChainedScheduler: schedule ${i} belongs to another optimizer than the first`);
    });
    this.optimizer = optimizer;
    this.#schedulers = schedulers;
    this.lastLr = optimizer.paramGroups.map((g) => g.lr);
  }

  /** Steps all schedules. */
  step(): void {
    if (recording !== null) recording.refuse('a learning-rate schedule steps');
    for (const s of this.#schedulers) s.step();
    this.lastLr = this.optimizer.paramGroups.map((g) => g.lr);
  }

  /** Rates of the groups after the last step. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** State of all schedules. */
  stateDict(): SchedulerState {
    return { ...dataOf(this), schedulers: states(this.#schedulers) };
  }

  /** Goes on where `stateDict` was taken; load the optimizer's state as well. */
  loadStateDict({ schedulers, ...state }: SchedulerState): void {
    restore('ChainedScheduler', this.#schedulers, schedulers);
    restoreData(this, state);
  }
}
