// What a lesson's run leaves behind: the record from which the report, metrics.json and the command's output are made.
import { type AxisScale, type Figure, type Metrics, type Point, readableName } from '../plot/index.ts';

export type RunStatus = 'completed' | 'stopped' | 'diverged';

export interface Curve {
  /** As in the book: 'train_loss', 'val_loss', 'val_acc'. The last word decides the figure, the first the colour. */
  name: string;
  /** `x` counts epochs, and may be fractional. */
  points: readonly Point[];
  /** Of a lesson with several trainings: which one. Each has figures of its own. */
  group?: string;
  yscale?: AxisScale;
}

export interface EpochRow {
  /** Counted from 1. */
  epoch: number;
  metrics: Metrics;
  seconds: number;
}

export interface RunImage {
  /** Rows from the top, channels last: width * height * channels values, bytes (0 to 255) or fractions (0 to 1). */
  pixels: ArrayLike<number>;
  width: number;
  height: number;
  /** 1 by default. */
  channels?: 1 | 3 | 4;
  predicted: string;
  truth: string;
  correct: boolean;
}

export interface SummaryRow {
  /** Path and kind of the layer, such as '0 Conv2d'. */
  layer: string;
  outputShape: readonly number[];
  parameters: number;
}

export interface DataSource {
  /** The data set's name, such as 'Fashion-MNIST'. */
  name: string;
  /** Real data, a procedural stand-in for data that is not at hand, data that the lesson itself makes up; unknown when a run ended too early to say. */
  source: 'real' | 'stand-in' | 'generated' | 'unknown';
  /** Where it came from: a folder, an address, a formula. */
  detail?: string;
  trainExamples?: number;
  validationExamples?: number;
}

/** How often each class was taken for each: `counts[truth][predicted]`. */
export interface Confusion {
  labels: readonly string[];
  counts: readonly (readonly number[])[];
}

export interface ExtraFigure {
  title: string;
  /** A sentence below the figure. */
  caption?: string;
  figure: Figure;
}

export interface RunRecord {
  lesson: { id: string; name: string; title: string };
  status: RunStatus;
  /** When the run began, ISO 8601. */
  startedAt: string;
  /** Version of the package. */
  version: string;
  /** Device, threads, seed, epochs, learning rate, batch size and whatever else explains the numbers. */
  settings: Readonly<Record<string, string | number | boolean>>;
  data: DataSource;
  /** May be left empty by a lesson: the command line then fills in what the lesson reported while it ran. */
  curves: readonly Curve[];
  /** May be left empty as well. */
  epochs: readonly EpochRow[];
  /** The numbers to quote; by default those of the last epoch. */
  final?: Metrics;
  images?: readonly RunImage[];
  confusion?: Confusion;
  summary?: readonly SummaryRow[];
  figures?: readonly ExtraFigure[];
  warnings: readonly string[];
  timings: {
    totalSeconds: number;
    trainSeconds?: number;
    stepsPerSecond?: number;
    examplesPerSecond?: number;
  };
}

/** The final numbers of a run: `final`, else the metrics of the last epoch. */
export function finalMetrics(run: RunRecord): Metrics {
  return run.final ?? run.epochs.at(-1)?.metrics ?? {};
}

/** The record with what can be read off it added: a warning for each thing a reader must know before trusting the numbers. */
export function examine(run: RunRecord): RunRecord {
  const warnings = [...run.warnings];
  const add = (pattern: RegExp, text: string) => {
    if (!warnings.some((warning) => pattern.test(warning))) warnings.push(text);
  };
  if (run.data.source === 'stand-in') {
    add(
      /stand-in/i,
      `${run.data.name} was not at hand: this run used a procedural stand-in of the same shapes, so its numbers are not comparable with published ones.`,
    );
  }
  const planned = Number(run.settings['epochs']);
  if (run.status === 'stopped') {
    const of = planned > run.epochs.length ? ` of ${planned}` : '';
    add(
      /stopped/i,
      `The run was stopped after ${run.epochs.length}${of} whole epoch${run.epochs.length === 1 && of === '' ? '' : 's'}; the numbers are those of the state it had reached.`,
    );
  }
  let { status } = run;
  for (const { name, points } of run.curves) {
    const bad = points.find(({ y }) => !Number.isFinite(y));
    if (bad === undefined) continue;
    if (status === 'completed') status = 'diverged';
    if (run.warnings.some((warning) => /diverg|finite|NaN/i.test(warning))) break; // the lesson has said it already
    warnings.push(
      `${readableName(name)} is not a finite number from epoch ${Number(bad.x.toFixed(2))} on: training diverged. A smaller learning rate is the first thing to try.`,
    );
  }
  return { ...run, status, warnings };
}
