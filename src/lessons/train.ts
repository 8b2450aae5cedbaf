// One training of a lesson: tells the view, trains, and turns divergence and Ctrl-C into a status instead of an exception.

import type { LessonContext } from '../cli/context.ts';
import { type DataModule, DivergenceError, type Module, Trainer } from '../d2l/index.ts';
import type { Curve, EpochRow, RunStatus } from '../report/index.ts';

export interface Training {
  /** As the live view shows it. */
  title: string;
  model: Module;
  data: DataModule;
  maxEpochs: number;
  settings: Readonly<Record<string, string | number>>;
}

export interface Trained {
  status: RunStatus;
  warnings: string[];
  /** Means over the batches of each whole epoch. */
  epochs: readonly EpochRow[];
  curves: Curve[];
  /** Updates made. */
  steps: number;
  seconds: number;
}

/** Trains until the epochs are over, the loss is no finite number, or the user stops it. */
export async function train(
  { progress, signal, breathe }: LessonContext,
  { title, model, data, maxEpochs, settings }: Training,
): Promise<Trained> {
  await data.prepareData();
  progress.start({ title, epochs: maxEpochs, stepsPerEpoch: data.trainDataloader().length, settings });
  const trainer = new Trainer({ maxEpochs, progress, signal, breathe });
  const begin = performance.now();
  const warnings: string[] = [];
  let status: RunStatus = 'completed';
  try {
    await trainer.fit(model, data);
  } catch (error) {
    if (!(error instanceof DivergenceError)) throw error;
    status = 'diverged';
    warnings.push(error.message);
  }
  if (signal.aborted && status === 'completed' && trainer.history.length < maxEpochs) status = 'stopped';
  return {
    status,
    warnings,
    epochs: trainer.history,
    curves: [...model.board.data].map(([name, points]) => ({ name, points })),
    steps: trainer.trainBatchIdx,
    seconds: (performance.now() - begin) / 1000,
  };
}
