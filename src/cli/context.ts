// What the command line hands to a lesson, and what a lesson's module looks like.
import type { ProgressSink } from '../plot/index.ts';
import type { RunRecord } from '../report/index.ts';

export type { EpochEvent, Metrics, PointEvent, ProgressSink, RunStart, StepEvent } from '../plot/index.ts';

export interface LessonContext {
  /** Name of the device in use; it is already set. */
  device: string;
  /** As asked for on the command line; undefined means the lesson's own number. */
  epochs?: number;
  /** The random numbers are already seeded with it. */
  seed: number;
  /** Folder with data sets that goes before FATHOM_DATA and the cache. */
  data?: string;
  /** The run's folder; it exists. The lesson may write its model there (`model.safetensors`). */
  out: string;
  /** Less data and fewer epochs, for a look in seconds and for CI. */
  quick: boolean;
  /** Standard output is for JSON alone; a lesson says what it has to say through `progress`. */
  json: boolean;
  /** Aborts at the first Ctrl-C: finish the current step, then return the record of what there is. */
  signal: AbortSignal;
  progress: ProgressSink;
  /**
   * Await it once a step. It lets the event loop turn at most every 50 ms (timers, Ctrl-C, finalisers), and costs next to
   * nothing in between; a synchronous loop without it cannot be stopped.
   */
  breathe(): Promise<void>;
}

export interface LessonModule {
  run(context: LessonContext): Promise<RunRecord>;
}

export interface Lesson {
  /** Section of the book, such as '7.6'. */
  id: string;
  /** Short name for the command line and the run's folder, such as 'lenet'. */
  name: string;
  title: string;
  /** Data set, as a reader knows it. */
  dataset: string;
  /** Rough duration in minutes on two cores. */
  minutes: number;
  load(): Promise<LessonModule>;
}
