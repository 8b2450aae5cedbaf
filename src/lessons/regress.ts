// What the linear regression lessons share: synthetic data with known weights, training, and how far off the estimates are.

import type { LessonContext } from '../cli/context.ts';
import { type Module, SyntheticRegressionData } from '../d2l/index.ts';
import { tensor } from '../ops/create.ts';
import { numbersSync } from '../ops/read.ts';
import type { RunRecord } from '../report/index.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { version } from '../version.ts';
import { train } from './train.ts';

export interface RegressionLesson {
  lesson: { id: string; name: string; title: string };
  model: (inputs: Tensor) => Module;
  /** Learned weights and offset. */
  estimates: (model: Module) => [Tensor, Tensor];
}

const truth = { w: [2, -3.4], b: 4.2 };

/** Trains in the book's setting (batch 32, 3 epochs) and reports the errors of the weights. */
export async function runRegression(context: LessonContext, { lesson, model: build, estimates }: RegressionLesson): Promise<RunRecord> {
  const startedAt = new Date().toISOString();
  const begin = performance.now();
  const maxEpochs = context.epochs ?? 3;
  const data = new SyntheticRegressionData({ w: tensor(truth.w), b: truth.b });
  const model = build(data.X);
  const settings = { 'learning rate': model.lr, optimizer: 'SGD', 'batch size': data.batchSize };
  const trained = await train(context, { title: lesson.title, model, data, maxEpochs, settings });
  const [w, b] = estimates(model).map(numbersSync);
  const error = Math.max(...truth.w.map((t, i) => Math.abs(t - w[i])));
  return {
    lesson,
    status: trained.status,
    startedAt,
    version,
    settings: {
      ...settings,
      epochs: maxEpochs,
      'learned w': w.map((v) => v.toFixed(3)).join(', '),
      'learned b': b[0].toFixed(3),
      'true w': truth.w.join(', '),
      'true b': truth.b,
    },
    data: {
      name: 'synthetic line',
      source: 'generated',
      detail: 'y = 2·x1 - 3.4·x2 + 4.2 + noise',
      trainExamples: data.numTrain,
      validationExamples: data.numVal,
    },
    curves: trained.curves,
    epochs: trained.epochs,
    final: { ...trained.epochs.at(-1)?.metrics, w_error: error, b_error: Math.abs(truth.b - b[0]) },
    warnings: trained.warnings,
    timings: { totalSeconds: (performance.now() - begin) / 1000 },
  };
}
